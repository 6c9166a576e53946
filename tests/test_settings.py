import math
from pathlib import Path

import numpy as np
import pytest

from polar_detect.detector import PolarDetector
from polar_detect.detectors import AutoHead
from polar_detect.errors import InputError
from polar_detect.pipeline.settings import Settings, checked_alpha


def settings_with(**changes):
    return Settings.of(PolarDetector(), **changes)


def test_every_setting_but_alpha_is_kept_with_the_fit():
    assert {*Settings.names(), "alpha"} == set(PolarDetector().get_params())


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        *(("seed", value, "a whole number from 0 to 4294967295") for value in (None, True, 1.0)),
        *(("seed", value, "a whole number from 0 to 4294967295") for value in (-1, 2**40, "0")),
        *(("max_tokens", value, "a whole number; choose") for value in (8.0, None, "8", True)),
        *(("tolerance", value, "a number from 0 to 1e\\+06") for value in (math.inf, math.nan)),
        *(("tolerance", value, "a number from 0 to 1e\\+06") for value in (-1, None, "0")),
        *(("contamination", value, "the share of normal") for value in (None, "auto", 0.5, True)),
        *(("store_texts", value, "True or False") for value in (0, 1, None, "no")),
        *(("detector", value, "a name such as 'auto', or a Head") for value in (None, 3, AutoHead)),
        *(("model", value, "the name of a model, a folder or a file") for value in (None, 5, b"m")),
        ("encoder", None, "the name of a model, a folder or a file"),
        ("rows", "x", "a RowTemplate, or None"),
    ],
)  # fmt: skip
def test_a_value_that_a_setting_does_not_take_is_refused(name, value, message):
    settings_with()  # control
    with pytest.raises(InputError, match=rf"Got {name} .*; expected {message}"):
        settings_with(**{name: value})


@pytest.mark.parametrize("alpha", [-1, 1.5, math.nan, None, "0.05", True])
def test_an_alpha_that_is_no_share_is_refused(alpha):
    with pytest.raises(InputError, match=r"Got alpha .*; expected a number from 0 to 1; choose"):
        checked_alpha(alpha)
    with pytest.raises(InputError, match="Got alpha"):
        PolarDetector(alpha=alpha).fit(["no text is looked at before that"])


def test_scalars_of_numpy_and_paths_become_plain_values(tmp_path):
    settings = settings_with(
        seed=np.int64(3), max_tokens=np.uint8(8), tolerance=np.float32(0.5),
        contamination=np.float64(0.25), store_texts=np.bool_(True), detector=np.str_("auto"),
        model=tmp_path,
    )  # fmt: skip
    found = [getattr(settings, name) for name in Settings.names()]
    assert found[:-3] == ["auto", str(tmp_path), "auto", 8, 0.5, 3, 0.25, True]
    assert {type(value) for value in found[:-3]} == {str, int, float, bool}
    assert type(checked_alpha(np.float32(0.5))) is float


def test_paths_of_models_are_absolute_and_names_stay(tmp_path, monkeypatch):
    (tmp_path / "own").mkdir()
    (tmp_path / "smollm2").mkdir()
    monkeypatch.chdir(tmp_path)
    for given, expected in (
        ("own", str(tmp_path / "own")),
        (Path("own"), str(tmp_path / "own")),
        ("smollm2", "smollm2"),  # embedded models come first
        ("org/model", "org/model"),
        ("a" * 5000, "a" * 5000),
    ):
        assert settings_with(model=given).model == expected
