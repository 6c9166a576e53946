import json
import shutil

import numpy as np
import pytest
from tiny_models import CONFIGS, save_tiny
from work_orders import NEW, NORMAL, STRANGE

from polar_detect import artifact
from polar_detect.detector import PolarDetector
from polar_detect.errors import ArtifactError, InputNotFoundError, OutputError

TEXTS = [*NEW, *STRANGE, ""]
FILES = {
    "auto": ["arrays.safetensors", "head/auto.json", "texts.json"],
    "lightgbm": [
        "arrays.safetensors",
        "head/features.json",
        "head/lightgbm.txt",
        "texts.json",
    ],
}


@pytest.fixture
def folder(saved_on_tiny, tmp_path):
    """Return a copy of the saved detector that a test may change."""
    return shutil.copytree(saved_on_tiny, tmp_path / "detector")


@pytest.fixture(scope="module")
def boosted(fitted_on_tiny):
    return PolarDetector("lightgbm", model=fitted_on_tiny.model).fit(NORMAL)


def manifest_of(folder):
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def change_manifest(folder, **changes):
    manifest = manifest_of(folder) | changes
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def assert_same(loaded, detector):
    own, other = loaded.assess(TEXTS), detector.assess(TEXTS)
    np.testing.assert_array_equal(own.scores, other.scores)
    np.testing.assert_array_equal(own.p_values, other.p_values)
    np.testing.assert_array_equal(own.is_anomaly, other.is_anomaly)
    np.testing.assert_array_equal(own.explanation.values, other.explanation.values)
    assert [p.program for p in own.programs] == [p.program for p in other.programs]
    assert own.neighbours == other.neighbours
    assert loaded.get_params() == detector.get_params()


def test_a_loaded_detector_assesses_identically(folder, fitted_on_tiny):
    assert_same(PolarDetector.load(folder), fitted_on_tiny)


def test_a_loaded_boosted_detector_assesses_identically(boosted, tmp_path):
    boosted.save(tmp_path / "boosted")
    assert_same(PolarDetector.load(tmp_path / "boosted"), boosted)


def test_a_loaded_forest_assesses_identically(fitted_on_tiny, tmp_path):
    forest = PolarDetector("isolation-forest", model=fitted_on_tiny.model).fit(NORMAL)
    forest.save(tmp_path / "forest")
    assert_same(PolarDetector.load(tmp_path / "forest"), forest)


def test_a_loaded_detector_can_be_saved_again(folder, tmp_path):
    PolarDetector.load(folder).save(tmp_path / "again")
    assert manifest_of(tmp_path / "again")["files"] == manifest_of(folder)["files"]


def test_the_manifest_names_every_other_file_and_none_is_a_pickle(folder, boosted, tmp_path):
    boosted.save(tmp_path / "boosted")
    for name, path in (("auto", folder), ("lightgbm", tmp_path / "boosted")):
        found = {p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file()}
        assert sorted(found - {"manifest.json"}) == FILES[name]
        assert sorted(manifest_of(path)["files"]) == FILES[name]
        assert {p.rsplit(".")[-1] for p in found} <= {"json", "safetensors", "txt"}
        assert not any((path / p).read_bytes().startswith(b"\x80") for p in found)


def test_the_manifest_says_what_the_detector_was_made_of(folder, fitted_on_tiny):
    manifest = manifest_of(folder)
    assert manifest["settings"] == fitted_on_tiny.get_params()
    assert manifest["model"]["sha256"] == fitted_on_tiny.engine_.model.sha256
    assert {"polar-detect", "python", "torch", "transformers"} <= manifest["versions"].keys()


@pytest.mark.parametrize("name", FILES["auto"])
@pytest.mark.parametrize("tamper", ["flip", "append", "truncate"])
def test_a_changed_file_is_refused_by_name(folder, name, tamper):
    path = folder / name
    content = path.read_bytes()
    middle = len(content) // 2
    changed = {
        "flip": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "append": content + b" ",
        "truncate": content[:-1],
    }
    path.write_bytes(changed[tamper])
    with pytest.raises(ArtifactError, match=rf"{path}', which was changed; expected the file"):
        PolarDetector.load(folder)
    path.write_bytes(content)  # control: it was the change that was refused
    if tamper == "flip":
        PolarDetector.load(folder)


@pytest.mark.parametrize("name", FILES["auto"])
def test_a_missing_file_is_refused_by_name(folder, name):
    (folder / name).unlink()
    with pytest.raises(ArtifactError, match=rf"{folder / name}', which is missing; expected"):
        PolarDetector.load(folder)


@pytest.mark.parametrize("name", FILES["lightgbm"])
def test_a_changed_file_of_a_boosted_detector_is_refused_by_name(boosted, tmp_path, name):
    folder = tmp_path / "boosted"
    boosted.save(folder)
    (folder / name).write_bytes((folder / name).read_bytes() + b"\n")
    with pytest.raises(ArtifactError, match=rf"{folder / name}', which was changed"):
        PolarDetector.load(folder)


def test_another_language_model_is_refused(folder, tmp_path):
    other = save_tiny(CONFIGS["llama"], tmp_path / "other", seed=1)
    settings = manifest_of(folder)["settings"] | {"model": str(other)}
    change_manifest(folder, settings=settings)
    with pytest.raises(ArtifactError, match=r"Got model '.*other' with SHA-256 .* was fitted"):
        PolarDetector.load(folder)


def test_another_encoder_is_refused(folder):
    change_manifest(folder, encoder={"name": "minilm", "sha256": "0" * 64})
    with pytest.raises(ArtifactError, match=r"Got encoder 'minilm' with SHA-256 .* 000000000000…"):
        PolarDetector.load(folder)


def test_a_folder_without_manifest_is_refused(folder):
    (folder / "manifest.json").unlink()
    with pytest.raises(InputNotFoundError, match=rf"Got '{folder}', which has no manifest\.json"):
        PolarDetector.load(folder)


def test_a_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(InputNotFoundError, match=r"none', which has no manifest\.json; expected"):
        PolarDetector.load(tmp_path / "none")


@pytest.mark.parametrize("content", ["", "{", "\xff"])
def test_a_manifest_that_is_not_json_is_refused(folder, content):
    (folder / "manifest.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(ArtifactError, match=r"manifest\.json' that is not JSON"):
        PolarDetector.load(folder)


@pytest.mark.parametrize("content", ["[]", "{}", "null", '{"format": 1}'])
def test_a_manifest_without_its_entries_is_refused(folder, content):
    (folder / "manifest.json").write_text(content)
    with pytest.raises(ArtifactError, match=r"manifest\.json' without encoder, files, format"):
        PolarDetector.load(folder)


def test_another_format_is_refused(folder):
    change_manifest(folder, format=99)
    with pytest.raises(ArtifactError, match=r"Got artifact format 99; expected 1; fit again"):
        PolarDetector.load(folder)


@pytest.mark.parametrize("where", ["../outside.json", "head/../../outside.json", "absolute"])
def test_files_outside_the_folder_are_refused(folder, where):
    outside = folder.parent / "outside.json"
    outside.write_text("[]")
    name = str(outside) if where == "absolute" else where
    change_manifest(folder, files=manifest_of(folder)["files"] | {name: "0" * 64})
    with pytest.raises(ArtifactError, match="in the manifest; expected files inside the folder"):
        PolarDetector.load(folder)


def test_contents_that_do_not_fit_together_are_refused(folder):
    change_manifest(folder, menu=["not a program"])
    with pytest.raises(ArtifactError, match="with contents that do not fit together"):
        PolarDetector.load(folder)


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_is_no_detector_is_not_overwritten(fitted_on_tiny, tmp_path, kind):
    target = tmp_path / "mine"
    if kind == "folder":
        target.mkdir()
    kept = target / "thesis.txt" if kind == "folder" else target
    kept.write_text("years of work")
    with pytest.raises(OutputError, match="which holds something else than a detector; expected"):
        fitted_on_tiny.save(target)
    assert kept.read_text() == "years of work"


def test_an_empty_folder_and_an_earlier_detector_are_replaced(folder, fitted_on_tiny, tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    fitted_on_tiny.save(target)
    (target / "texts.json").write_text("broken")
    fitted_on_tiny.save(target)
    assert manifest_of(target)["files"] == manifest_of(folder)["files"]
    PolarDetector.load(target)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["detector", "out"]  # nothing half-made


def test_a_place_that_cannot_be_written_is_named(fitted_on_tiny, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"Got an error while writing '.*detector'"):
        fitted_on_tiny.save(tmp_path / "file" / "detector")


@pytest.mark.parametrize("column", ["text", None])
def test_the_text_column_is_remembered(fitted_on_tiny, tmp_path, column):
    artifact.save(fitted_on_tiny, tmp_path / "out", text_column=column)
    assert artifact.stored_text_column(tmp_path / "out") == column


def test_the_description_says_what_was_fitted_on(fitted_on_tiny):
    described = dict(artifact.describe(fitted_on_tiny))
    assert described["Detector"].startswith("auto: ")
    assert described["Fitted on"] == "41 normal texts, 19 more held out for the p-values"
    assert "Labelled anomalies" not in described
