"""The real models, resolved once a session; elsewhere tests use tiny random ones."""

import os

# Before torch is imported: idle OpenMP threads spin by default, and on 2 busy cores the tests
# of the backbone took over 200 s so, against 11 s.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from pathlib import Path

import pytest
from hypothesis import settings

from polar_detect.backbone import Backbone
from polar_detect.errors import ModelNotFoundError
from polar_detect.models import DEFAULT_ENCODER, DEFAULT_MODEL, LocalModel, resolve

# The time of an example says more about the machine's other work than about the code.
settings.register_profile("polar", deadline=None)
settings.load_profile("polar")


def _resolved(name: str) -> LocalModel:
    try:
        return resolve(name)
    except ModelNotFoundError as error:
        if os.environ.get("CI"):  # there a skipped real model would hide a broken product
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def smollm2() -> LocalModel:
    return _resolved(DEFAULT_MODEL)


@pytest.fixture(scope="session")
def real(smollm2) -> Backbone:
    return Backbone.load(smollm2.folder)


@pytest.fixture(scope="session")
def minilm() -> LocalModel:
    return _resolved(DEFAULT_ENCODER)


@pytest.fixture
def own_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("POLAR_DETECT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
