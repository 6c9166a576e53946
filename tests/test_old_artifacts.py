import json
from pathlib import Path

import numpy as np
import pytest

from polar_detect import models
from polar_detect.artifact.contents import read_contents
from polar_detect.detector import PolarDetector
from polar_detect.report.content.facts import description

FOLDERS = sorted(path for path in (Path(__file__).parent / "artifacts").iterdir())
# The processor decides between bfloat16 and float32.
ROUNDING = {"rtol": 0.03, "atol": 0.1}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_detector_of_an_earlier_minor_version_scores_as_it_did(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(models, "DEFAULT_ENCODER", "encoder")
    detector = PolarDetector.load("detector")
    expected = json.loads(Path("expected.json").read_text(encoding="utf-8"))
    assessment = detector.assess(expected["texts"])
    known = np.asarray(expected["scores"], np.float64)
    np.testing.assert_allclose(assessment.scores, known, **ROUNDING)
    assert np.std(known) > 10 * ROUNDING["atol"]  # control: other scores would not do
    assert [list(row) for row in assessment.neighbours] == expected["neighbours"]
    assert len(assessment.all_programs) == len(expected["texts"])
    assert dict(description(detector, "en"))["Fitted on"].startswith("2")
    assert read_contents(Path("detector")).texts


def test_there_is_an_artifact_of_the_first_minor_version():
    assert "0.1" in [folder.name for folder in FOLDERS]


def test_artifacts_are_small():
    for folder in FOLDERS:
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        assert size < 300_000
