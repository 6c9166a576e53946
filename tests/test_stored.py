import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from test_detectors import FEATURES, table
from work_orders import NEW, NORMAL

from polar_detect.artifact import reading
from polar_detect.artifact.contents import read_contents
from polar_detect.artifact.sealing import sealed
from polar_detect.detector import PolarDetector
from polar_detect.detectors import IsolationForestHead, TrainingSignatures
from polar_detect.errors import ArtifactError
from polar_detect.features.table import Feature, FeatureTable
from polar_detect.models.hashes import sha256_of
from polar_detect.pipeline.engine import Engine
from polar_detect.stored import Stored, read_texts

GONE = object()
AUTO, MANIFEST, TEXTS = "head/auto.json", "manifest.json", "texts.json"
# File, where in it, what stands there instead, what the message says of it.
WRONG = [
    (AUTO, (), [], r"\(list\); expected a JSON object"),
    (AUTO, ("features",), GONE, r"\(no 'features'\); expected the names of the features"),
    (AUTO, ("features", 0), "unknown/name", r"\('features'\); expected the names of the features"),
    (AUTO, ("features", 0), 7, r"\('features'\); expected the names of the features"),
    (AUTO, ("scale",), 1.0, r"\('scale'\); expected a JSON object"),
    (AUTO, ("scale", "centre"), GONE, r"\(no 'scale/centre'\); expected \d+ numbers from"),
    (AUTO, ("scale", "centre", 0), float("nan"), r"\('scale/centre'\); expected \d+ numbers"),
    (AUTO, ("scale", "spread", 0), 0.0, r"\('scale/spread'\); expected \d+ numbers from 1e-50"),
    (AUTO, ("means", 0), "1.0", r"\('means'\); expected \d+ numbers"),
    (AUTO, ("means",), [0.0], r"\('means'\); expected \d+ numbers"),
    (AUTO, ("views", 0), [1.0], r"\('views'\); expected rows of \d+ numbers"),
    (AUTO, ("views", 0, 0), True, r"\('views'\); expected rows of \d+ numbers"),
    (AUTO, ("views",), [], r"\('views'\); expected rows of \d+ numbers"),
    (AUTO, ("shares",), [1.0], r"\('shares'\); expected 4 numbers from 0 to 1"),
    (AUTO, ("shares",), [0.5, 0.6, 0, 0], r"\('shares'\); expected numbers whose sum is 1"),
    (AUTO, ("shares",), [-0.5, 1.5, 0, 0], r"\('shares'\); expected 4 numbers from 0 to 1"),
    (AUTO, ("n_text",), 5, r"\('n_text'\); expected a whole number from 1 to 4"),
    (AUTO, ("n_topic",), 1.0, r"\('n_topic'\); expected a whole number from 0 to 4"),
    (AUTO, ("n_language",), 5, r"\('n_language'\); expected a whole number from 0 to 4"),
    (AUTO, ("n_labelled",), 1, r"\('n_labelled'\); expected a whole number from 0 to 0"),
    (AUTO, ("power",), 0, r"\('power'\); expected a number from 1 to 3"),
    (AUTO, ("power",), 10**400, r"\('power'\); expected a number from 1 to 3"),
    (AUTO, ("similarity_auroc",), None, r"\('similarity_auroc'\); expected a number from 0 to 1"),
    (AUTO, ("encoder_trust",), 1.5, r"\('encoder_trust'\); expected a number from 0 to 1"),
    (MANIFEST, ("n_joined",), 60, r"\('n_joined'\); expected a whole number from 0 to 59"),
    (MANIFEST, ("n_indexed",), 60, r"\('n_indexed'\); expected a whole number from 0 to \d\d"),
    (AUTO, ("far_share",), -0.1, r"\('far_share'\); expected a number from 0 to 1"),
    (MANIFEST, ("features",), [], r"\('features'\); expected names of features, each once"),
    (MANIFEST, ("features", 0), GONE, r"\('features'\); expected \d+ names"),
    (
        MANIFEST,
        ("settings", "contamination"),
        0.6,
        r"\('settings/contamination'\); expected a number from 0 to 0.5",
    ),
    (MANIFEST, ("menu",), ["0-1"], r"\('menu'\); expected programs of 5 layers, the full one"),
    (MANIFEST, ("menu", 0), "0-99", r"\('menu'\); expected programs of 5 layers, the full one"),
    (MANIFEST, ("n_held_out",), 0, r"\('n_held_out'\); expected a whole number from 1"),
    (MANIFEST, ("typical_length",), -1, r"\('typical_length'\); expected a number from 0"),
    (MANIFEST, ("created",), 7, r"\('created'\); expected a string"),
    (TEXTS, (), {"a": "b"}, r"\(dict\); expected a list of strings"),
    (TEXTS, (0,), None, r"\(list\); expected a list of strings"),
]


@pytest.fixture
def folder(saved_on_tiny, fitted_on_tiny, tmp_path, monkeypatch):
    """Return a copy of a detector that loads in no time."""
    monkeypatch.setattr(Engine, "load", lambda *_: fitted_on_tiny.engine_)
    return shutil.copytree(saved_on_tiny, tmp_path / "detector")


def changed(content, place, value):
    """Return `content` with something else, or nothing, at a place inside it."""
    if not place:
        return value
    *way, last = place
    holder = content
    for step in way:
        holder = holder[step]
    if value is GONE:
        del holder[last]
    else:
        holder[last] = value
    return content


def change(folder: Path, name: str, place: tuple, value: object) -> None:
    """Change a JSON file of a detector, and seal the detector again."""
    path = folder / name
    path.write_text(json.dumps(changed(json.loads(path.read_text("utf-8")), place, value)))
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    del manifest["seal"]
    if name != MANIFEST:
        manifest["files"][name] = sha256_of(path)
        manifest["sizes"][name] = path.stat().st_size
    (folder / MANIFEST).write_bytes(sealed(manifest))


@pytest.mark.parametrize(("name", "place", "value", "message"), WRONG)
def test_what_does_not_fit_is_refused_by_file_and_entry_though_its_seal_is_right(
    folder, name, place, value, message
):
    change(folder, name, place, value)
    with pytest.raises(ArtifactError, match=rf"Got '{folder / name}' with contents .*{message}"):
        PolarDetector.load(folder)


def test_a_detector_that_was_only_sealed_again_scores_as_before(folder, fitted_on_tiny):
    for name, place, value in (
        (MANIFEST, ("created",), "2026-01-01T00:00:00+00:00"),
        (AUTO, ("unknown",), "of a newer version"),
    ):
        change(folder, name, place, value)
    loaded = PolarDetector.load(folder)
    assert loaded.fitted_.created == "2026-01-01T00:00:00+00:00"
    np.testing.assert_array_equal(loaded.score_samples(NEW), fitted_on_tiny.score_samples(NEW))


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, "\xff"])
def test_a_head_that_is_not_json_is_refused_by_name(folder, content):
    (folder / AUTO).write_bytes(content.encode("latin-1"))
    with pytest.raises(ArtifactError, match=r"auto\.json', which cannot be read as JSON"):
        Stored.read(folder / AUTO)


@pytest.mark.parametrize("name", ["features.json", "lightgbm.txt"])
def test_a_head_of_another_detector_is_refused_by_the_file_that_it_lacks(folder, name):
    change(folder, MANIFEST, ("settings", "detector"), "lightgbm")
    if name == "lightgbm.txt":
        features = json.loads((folder / MANIFEST).read_text("utf-8"))["features"]
        (folder / "head" / "features.json").write_text("")
        change_new(folder, "head/features.json", features)
    with pytest.raises(ArtifactError, match=rf"Got '{folder / 'head' / name}'.* cannot .*read"):
        PolarDetector.load(folder)


def change_new(folder, name, content):
    (folder / name).write_text("null")
    change(folder, name, (), content)


def test_an_unknown_detector_is_refused_by_the_file_that_names_it(folder):
    change(folder, MANIFEST, ("settings", "detector"), "oracle")
    with pytest.raises(ArtifactError, match=r"manifest\.json' of an unknown detector: .* auto, "):
        PolarDetector.load(folder)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("alpha", float("nan")), ("tolerance", 10**400), ("alpha", True), ("max_tokens", 0)],
)
def test_settings_that_nothing_can_take_are_refused_by_file(folder, setting, value):
    change(folder, MANIFEST, ("settings", setting), value)
    with pytest.raises(ArtifactError, match=rf"Got settings in '{folder / MANIFEST}' that "):
        PolarDetector.load(folder)


def test_settings_that_are_no_object_are_refused_before_a_table_is_read(folder):
    change(folder, MANIFEST, ("settings",), [])
    with pytest.raises(ArtifactError, match=r"manifest\.json' .*'settings'.* a JSON object"):
        reading.stored_origin(folder)


def test_inspect_refuses_what_load_refuses(folder):
    change(folder, MANIFEST, ("sampled_from",), float("inf"))
    with pytest.raises(ArtifactError, match="with contents that do not fit together"):
        read_contents(folder)
    change(folder, MANIFEST, ("sampled_from",), len(NORMAL))
    assert f"from {len(NORMAL)} rows" in dict(read_contents(folder).facts)["Training texts"]
    change(folder, TEXTS, (), {})
    with pytest.raises(ArtifactError, match=rf"^Got '{folder / TEXTS}' with .* \(dict\); expected"):
        read_contents(folder)


def test_texts_are_read_as_they_were_written(folder):
    assert list(read_texts(folder / TEXTS)) == json.loads((folder / TEXTS).read_text("utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("is_read_back", [False, True])
def test_a_forest_takes_what_is_nearer_than_most_for_usual(tmp_path, is_read_back):
    parts = ("distance", "neighbours", "loss")
    features = tuple(Feature(part, "mean") for part in parts)
    drawn = np.random.default_rng(0).normal(size=(99, 3)).astype(np.float32)
    normal = FeatureTable(drawn, features)
    forest = IsolationForestHead().fit(TrainingSignatures(normal, normal), seed=0)
    if is_read_back:
        forest.save(tmp_path)
        forest = IsolationForestHead.load(tmp_path, features)
    far = np.repeat(np.eye(3), 2, axis=0) * np.tile([-9, 9], 3)[:, None]
    values = np.median(drawn, axis=0) + np.vstack([np.zeros(3), far])
    rows = FeatureTable(values.astype(np.float32), features)
    usual, *others = forest.scores(rows)
    is_strange = [score > usual + 0.1 for score in others]
    assert is_strange[:2] == [False, True]  # nearer, farther
    assert is_strange[2:4] == [True, False]  # unlike the normal texts, like them
    assert is_strange[4:] == [True, True]  # a low loss, a high one
    explained = forest.explain(rows)
    total = explained.base_value + explained.values.sum(1)
    np.testing.assert_allclose(total, [usual, *others], atol=1e-6)


@pytest.mark.slow
def test_a_forest_on_other_features_than_it_is_asked_about_is_refused(tmp_path):
    forest = IsolationForestHead().fit(
        TrainingSignatures(table(50, seed=1), table(5, seed=2)), seed=0
    )
    forest.save(tmp_path)
    IsolationForestHead.load(tmp_path, FEATURES)  # control
    others = tuple(f for f in FEATURES if f.name != "loss/mean")  # which it reads
    (tmp_path / "features.json").write_text(json.dumps([f.name for f in others]))
    with pytest.raises(ArtifactError, match=r"skops' .*\(other features than it is asked about\)"):
        IsolationForestHead.load(tmp_path, others)
