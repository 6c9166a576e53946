"""The real models, resolved once a session; elsewhere tests use tiny random ones."""

import errno
import gc
import os
import sys

# Before torch is imported: idle OpenMP threads spin by default, and on 2 busy cores the tests
# of the backbone took over 200 s so, against 11 s.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Before numpy is imported: the threads of its products spin too, and many tests fit small
# regressions, which took two and a half times as long so.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Each worker would give torch as many threads as there are processors: a fit of the tiny model
# took a quarter to two fifths more processor time on two. Tests of threads set their own number.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from polar_detect import cli
from polar_detect.errors import ModelNotFoundError
from polar_detect.models import (
    DEFAULT_ENCODER,
    DEFAULT_MODEL,
    MULTILINGUAL_MODEL,
    LocalModel,
    available,
    resolve,
)

if TYPE_CHECKING:  # it imports torch, which the process that only hands out the tests never needs
    from polar_detect.backbone.decoder import Backbone

# The time of an example says more about the machine's other work than about the code.
settings.register_profile("polar", deadline=None)
settings.load_profile("polar")

# What tests import stays, and so do the tests that are found. Looking for garbage among them as
# often as Python does takes a fifth of the processor time until the first test runs. The command
# line sets the same, so that all tests behind the first one that calls it had it anyhow.
gc.set_threshold(100_000, 20, 20)


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
def real(smollm2) -> "Backbone":
    from polar_detect.backbone.decoder import Backbone

    return Backbone.load(smollm2.folder)


@pytest.fixture(scope="session")
def gemma3_folder() -> Path:
    """Return the multilingual model where it is on this machine: it is too large to fetch here."""
    status = next(m for m in available() if m.name == MULTILINGUAL_MODEL)
    if not status.is_cached:
        pytest.skip(f"'polar-detect models fetch {MULTILINGUAL_MODEL}' was not run")
    return resolve(MULTILINGUAL_MODEL).folder


@pytest.fixture(scope="module")  # it holds two gigabytes
def gemma3(gemma3_folder) -> "Backbone":
    from polar_detect.backbone.decoder import Backbone

    return Backbone.load(gemma3_folder)


@pytest.fixture(scope="session")
def minilm() -> LocalModel:
    return _resolved(DEFAULT_ENCODER)


@pytest.fixture
def run(monkeypatch, capsys):
    """Return a function that runs the command line: exit code, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["polar-detect", *map(str, arguments)])
        capsys.readouterr()
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
        else:
            code = 0
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def close_to_us(monkeypatch):
    """Return a function that closes a file or folder to this user, as root may read anything."""

    def close(closed):
        stat, open_file = os.stat, Path.open

        def refused(path):
            return PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

        def stat_outside(path, *arguments, **options):
            if not isinstance(path, int) and closed in Path(os.fsdecode(path)).absolute().parents:
                raise refused(path)
            return stat(path, *arguments, **options)

        def open_outside(path, *arguments, **options):
            if closed in (path.absolute(), *path.absolute().parents):
                raise refused(path)
            return open_file(path, *arguments, **options)

        monkeypatch.setattr(os, "stat", stat_outside)
        monkeypatch.setattr(Path, "open", open_outside)

    return close


@pytest.fixture
def save(tmp_path):
    """Return a function that writes a file and returns its path."""

    def save(content, name="orders.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return save


@pytest.fixture
def orders(save):
    """Return a small table of work orders, read from a file."""
    from order_table import ORDERS

    from polar_detect.tables import read_table  # imports pandas, which few tests need

    return read_table(save(ORDERS), text_column="text")


@pytest.fixture
def own_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("POLAR_DETECT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory) -> Path:
    """Return the folder of a tiny random Llama, as a user's own model would be given."""
    from tiny_models import CONFIGS, save_tiny  # imports torch, which few tests need

    return save_tiny(CONFIGS["llama"], tmp_path_factory.mktemp("models") / "tiny-llama")


@pytest.fixture(scope="session")
def tiny_pair(tiny_folder, tmp_path_factory) -> dict[str, str]:
    """Return both models of a detector, small and random: MiniLM takes two thirds of a fit's time.

    To the encoder texts are alike as far as they share words.
    """
    from tiny_encoders import save_word_encoder

    encoder = save_word_encoder(tmp_path_factory.mktemp("models") / "tiny-words")
    return {"model": str(tiny_folder), "encoder": str(encoder)}


@pytest.fixture(scope="session")
def tiny_models(tiny_pair) -> tuple[str, ...]:
    """Return them as options of the command line."""
    return ("--model", tiny_pair["model"], "--encoder", tiny_pair["encoder"])


def _fitted(detector: str = "auto", **settings):
    from work_orders import NORMAL

    from polar_detect.detector import PolarDetector

    return PolarDetector(detector, **settings).fit(NORMAL)


@pytest.fixture(scope="session")
def fitted_on_tiny(tiny_pair):
    """Return a detector fitted with the tiny models; tests must not change it."""
    return _fitted(**tiny_pair)


@pytest.fixture(scope="session")
def fitted_on_minilm(tiny_folder, minilm):
    """Return one with the real encoder, for what is said of it; tests must not change it."""
    return _fitted(model=str(tiny_folder), encoder=minilm.name)


@pytest.fixture(scope="session")
def boosted(tiny_pair):
    """Return one of boosted trees, of the first tokens only, as it takes its time over each."""
    return _fitted("lightgbm", **tiny_pair, max_tokens=12)


@pytest.fixture(scope="session")
def textless(tiny_pair):
    """Return one that keeps no texts."""
    return _fitted(**tiny_pair, store_texts=False)


@pytest.fixture(scope="session")
def saved_on_tiny(fitted_on_tiny, tmp_path_factory) -> Path:
    """Return the folder of the fitted detector; tests must copy it before they change it."""
    folder = tmp_path_factory.mktemp("detectors") / "fitted"
    fitted_on_tiny.save(folder)
    return folder
