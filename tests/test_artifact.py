import io
import json
import os
import pickle
import shutil
import socket
import struct
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save
from tiny_encoders import save_tiny_encoder, save_word_encoder
from tiny_models import CONFIGS, MAX_POSITIONS, save_tiny
from work_orders import NEW, NORMAL, STRANGE

from polar_detect import atomic
from polar_detect.artifact import archives, of_models, reading, writing
from polar_detect.artifact.sealing import FORMAT, check_files, read_manifest, sealed
from polar_detect.detector import PolarDetector
from polar_detect.errors import ArtifactError, InputNotFoundError, ModelError, OutputError
from polar_detect.models.hashes import sha256_of
from polar_detect.pipeline.engine import Engine
from polar_detect.report.content.facts import description

TEXTS = [*NEW, *STRANGE, ""]
FILES = {
    "auto": ["arrays.safetensors", "given.json", "head/auto.json", "texts.json"],
    "lightgbm": [
        "arrays.safetensors",
        "given.json",
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
def taught(tiny_pair):
    """Return a detector that was given labelled anomalies."""
    labels = np.repeat([0, 1], [len(NORMAL), len(STRANGE)])
    return PolarDetector(**tiny_pair).fit([*NORMAL, *STRANGE], labels)


def manifest_of(folder):
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def change_manifest(folder, **changes):
    manifest = manifest_of(folder) | changes
    (folder / "manifest.json").write_bytes(sealed(manifest))


def assert_same(loaded, detector):
    own, other = loaded.assess(TEXTS), detector.assess(TEXTS)
    np.testing.assert_array_equal(own.scores, other.scores)
    np.testing.assert_array_equal(own.p_values, other.p_values)
    np.testing.assert_array_equal(own.is_anomaly, other.is_anomaly)
    np.testing.assert_array_equal(own.explanation.values, other.explanation.values)
    assert [p.program for p in own.programs] == [p.program for p in other.programs]
    assert own.neighbours == other.neighbours
    own_encoder = {"encoder": detector.encoder_}  # the one that "auto" was
    assert loaded.get_params() == detector.get_params() | own_encoder


def test_a_loaded_detector_assesses_identically(folder, fitted_on_tiny):
    loaded = PolarDetector.load(folder)
    assert_same(loaded, fitted_on_tiny)
    own, other = (detector.fitted_.reference for detector in (loaded, fitted_on_tiny))
    assert own.n_indexed == other.n_indexed == own.n_fitted
    harms = [detector.normal_programs().menu.harms for detector in (loaded, fitted_on_tiny)]
    np.testing.assert_array_equal(*harms)
    assert harms[0].shape[1] == len(loaded.normal_programs().menu.programs)


@pytest.mark.slow
def test_a_loaded_boosted_detector_assesses_identically(boosted, tmp_path):
    boosted.save(tmp_path / "boosted")
    assert_same(PolarDetector.load(tmp_path / "boosted"), boosted)


@pytest.mark.slow
@pytest.mark.parametrize("store_texts", [True, False])
def test_a_loaded_detector_that_was_taught_by_labels_assesses_identically(
    taught, tmp_path, store_texts
):
    if not store_texts:
        taught = PolarDetector(model=taught.model, store_texts=False).fit(
            [*NORMAL, *STRANGE], np.repeat([0, 1], [len(NORMAL), len(STRANGE)])
        )
    taught.save(tmp_path / "taught")
    loaded = PolarDetector.load(tmp_path / "taught")
    assert_same(loaded, taught)
    assert "labelled" in loaded.assess(TEXTS).explanation.by_group()
    described = dict(description(loaded, "en"))
    assert described["Labelled anomalies"] == (
        "4; what tells them from the normal texts counts for 37%"
    )
    kept = b"".join(path.read_bytes() for path in (tmp_path / "taught").rglob("*.*"))
    are_kept = {text.encode() in kept for text in STRANGE}  # to be told from what is like them
    assert are_kept == {store_texts}
    assert (NORMAL[0].encode() in kept) == store_texts  # control


def test_two_labelled_anomalies_are_described_as_too_few(tiny_pair):
    two = PolarDetector(**tiny_pair, max_tokens=8).fit(
        [*NORMAL[:40], *STRANGE[:2]], [0] * 40 + [1] * 2
    )
    described = dict(description(two, "en"))
    assert described["Labelled anomalies"] == "2, too few different ones to be alike"


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "likeness.sentences.weights",
            lambda array: array[:5],
            "' with 5 directions of an embedding",
        ),
        ("likeness.sentences.weights", lambda array: array[:, None], "' of float32 with 2 axes"),
        ("likeness.wording.weights", lambda array: array[:5], "' with 5 codes of wording"),
        (
            "likeness.sentences.centre",
            lambda array: array * np.nan,
            "' with values that are no numbers",
        ),
    ],
)
def test_a_likeness_that_does_not_fit_is_refused_though_its_seal_is_right(
    taught, tmp_path, monkeypatch, name, change, message
):
    taught.save(tmp_path / "taught")
    monkeypatch.setattr(Engine, "load", lambda *_: taught.engine_)
    array = load_file(tmp_path / "taught" / "arrays.safetensors")[name]
    change_arrays(tmp_path / "taught", **{name: np.ascontiguousarray(change(array))})
    with pytest.raises(ArtifactError, match=rf"do not fit together \(array '{name}{message}"):
        PolarDetector.load(tmp_path / "taught")


@pytest.mark.slow
def test_a_loaded_forest_assesses_identically(tiny_pair, tmp_path):
    forest = PolarDetector("isolation-forest", **tiny_pair, max_tokens=12)
    forest.fit(NORMAL)
    forest.save(tmp_path / "forest")
    assert_same(PolarDetector.load(tmp_path / "forest"), forest)


def test_a_loaded_detector_can_be_saved_again(folder, tmp_path):
    PolarDetector.load(folder).save(tmp_path / "again")
    assert manifest_of(tmp_path / "again")["files"] == manifest_of(folder)["files"]


def test_a_save_loads_no_models_where_programs_are_known(fitted_on_tiny, tmp_path):
    fitted_on_tiny.normal_programs()
    own = pickle.loads(pickle.dumps(fitted_on_tiny))
    own.save(tmp_path / "detector")
    assert "extractor" not in vars(own.engine_)


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
    settings = fitted_on_tiny.get_params()
    assert (settings.pop("rows"), settings.pop("contamination")) == (None, 0)
    assert settings.pop("condition_columns") == ()
    assert settings.pop("passages") is False
    assert settings.pop("encoder") == manifest["encoder"]["name"]
    assert manifest["settings"] == settings
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


@pytest.mark.parametrize("name", [".", "manifest.json", "arrays.safetensors"])
def test_a_detector_that_belongs_to_another_user_is_told_in_words(folder, close_to_us, name):
    close_to_us(folder / name)
    message = r"which cannot be read \(Permission denied\); expected a detector that this user may"
    with pytest.raises(ArtifactError, match=message):
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


def test_another_language_model_is_refused(folder, tmp_path, monkeypatch):
    other = save_tiny(CONFIGS["llama"], tmp_path / "other", seed=1)
    settings = manifest_of(folder)["settings"] | {"model": str(other)}
    change_manifest(folder, settings=settings)
    monkeypatch.setattr(of_models, "Engine", None)  # nothing of it is read but the hash
    with pytest.raises(ArtifactError, match=r"Got model '.*other' with SHA-256 .* was fitted"):
        PolarDetector.load(folder)


@pytest.mark.usefixtures("minilm")
def test_another_encoder_is_refused(folder):
    change_manifest(folder, encoder={"name": "minilm", "sha256": "0" * 64})
    with pytest.raises(ArtifactError, match=r"Got encoder 'minilm' with SHA-256 .* 000000000000…"):
        PolarDetector.load(folder)


def test_a_folder_without_manifest_is_refused(folder):
    (folder / "manifest.json").unlink()
    with pytest.raises(InputNotFoundError, match=rf"Got '{folder}', which has no manifest\.json"):
        PolarDetector.load(folder)


def test_a_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(
        InputNotFoundError, match=r"none', which has no manifest\.json; .* check the path\.$"
    ):
        PolarDetector.load(tmp_path / "none")


@pytest.mark.parametrize("content", ["", "{", "\xff"])
def test_a_manifest_that_is_not_json_is_refused(folder, content):
    (folder / "manifest.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(ArtifactError, match=r"manifest\.json' that is not JSON"):
        PolarDetector.load(folder)


@pytest.mark.parametrize("entry", ["encoder", "files", "format", "menu", "model", "sizes"])
def test_a_manifest_without_one_of_its_entries_is_refused_though_its_seal_is_right(folder, entry):
    without = {key: value for key, value in manifest_of(folder).items() if key != entry}
    (folder / "manifest.json").write_bytes(sealed(without))
    with pytest.raises(ArtifactError, match=rf"manifest\.json' without {entry}; expected"):
        PolarDetector.load(folder)


@pytest.mark.parametrize("entry", ["files", "sizes"])
def test_hashes_or_sizes_by_no_name_are_refused(folder, entry):
    change_manifest(folder, **{entry: []})
    with pytest.raises(ArtifactError, match=rf"manifest\.json' without {entry}; expected"):
        PolarDetector.load(folder)


def test_a_size_that_is_no_number_is_refused(folder):
    change_manifest(folder, sizes=manifest_of(folder)["sizes"] | {"texts.json": [1]})
    with pytest.raises(ArtifactError, match=r"texts\.json', which was changed"):
        PolarDetector.load(folder)


def test_a_manifest_of_the_format_that_had_no_seal_is_refused_by_its_format(folder):
    (folder / "manifest.json").write_text('{"format": 1}')
    with pytest.raises(ArtifactError, match=rf"Got artifact format 1; expected {FORMAT}; fit"):
        PolarDetector.load(folder)


def test_another_format_is_refused(folder):
    change_manifest(folder, format=99)
    with pytest.raises(
        ArtifactError, match=rf"Got artifact format 99; expected {FORMAT}; fit again"
    ):
        PolarDetector.load(folder)


@pytest.mark.parametrize("where", ["../outside.json", "head/../../outside.json", "absolute"])
def test_files_outside_the_folder_are_refused(folder, where):
    outside = folder.parent / "outside.json"
    outside.write_text("[]")
    name = str(outside) if where == "absolute" else where
    manifest = manifest_of(folder)
    sizes = manifest["sizes"] | {name: 2}
    change_manifest(folder, files=manifest["files"] | {name: "0" * 64}, sizes=sizes)
    with pytest.raises(ArtifactError, match="in the manifest; expected files inside the folder"):
        PolarDetector.load(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"model": "x"},
        {"encoder": {}},
        {"menu": 7},
        {"menu": [7]},
        {"menu": ["not a program"]},
        {"menu_doubt": -0.1},
        {"menu_doubt": "x"},
        {"n_held_out": 1e999},
        {"typical_length": 10**400},
    ],
)
def test_contents_that_do_not_fit_together_are_refused(folder, change):
    change_manifest(folder, **change)
    with pytest.raises(ArtifactError, match="with contents that do not fit together"):
        PolarDetector.load(folder)


def change_arrays(folder, **arrays):
    path = folder / "arrays.safetensors"
    path.write_bytes(save(load_file(path) | arrays))
    change_manifest(folder, **with_file(folder, path))


def with_file(folder, path):
    """Return the hashes and sizes of the manifest, those of a file as it is now."""
    name, manifest = path.relative_to(folder).as_posix(), manifest_of(folder)
    return {
        "files": manifest["files"] | {name: sha256_of(path)},
        "sizes": manifest["sizes"] | {name: path.stat().st_size},
    }


@pytest.mark.parametrize("name", ["embeddings", "tokens.points", "decoder_changes.centres"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda array: array[:1], "' with [0-9]+ "),
        (lambda array: array[..., :5], "' with [0-9]+ directions"),
        (lambda array: array[:0], "' with 0 "),
        (np.ravel, "' of float.* with 1 axes"),
        (lambda array: array != 0, "' of bool"),
        (lambda array: array * np.nan, "' with values that are no numbers"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused_though_their_seal_is_right(
    folder, fitted_on_tiny, monkeypatch, name, change, message
):
    monkeypatch.setattr(Engine, "load", lambda *_: fitted_on_tiny.engine_)
    change_arrays(folder)
    PolarDetector.load(folder)  # control
    array = load_file(folder / "arrays.safetensors")[name]
    change_arrays(folder, **{name: np.ascontiguousarray(change(array))})
    with pytest.raises(ArtifactError, match=rf"do not fit together \(array '.*{message}"):
        PolarDetector.load(folder)


def test_crowding_of_other_texts_than_those_that_are_kept_is_refused(
    folder, fitted_on_tiny, monkeypatch
):
    monkeypatch.setattr(Engine, "load", lambda *_: fitted_on_tiny.engine_)
    crowding = load_file(folder / "arrays.safetensors")["neighbours.crowding"]
    loaded = PolarDetector.load(folder)  # control
    np.testing.assert_array_equal(loaded.fitted_.reference.crowding, crowding)
    change_arrays(folder, **{"neighbours.crowding": crowding[1:].copy()})
    message = rf"\(array 'neighbours.crowding' with {len(crowding) - 1} texts"
    with pytest.raises(ArtifactError, match=message):
        PolarDetector.load(folder)


def test_scores_as_new_are_those_of_the_held_out_texts(folder, fitted_on_tiny, monkeypatch):
    monkeypatch.setattr(Engine, "load", lambda *_: fitted_on_tiny.engine_)
    scores = load_file(folder / "arrays.safetensors")["as_new.scores"]
    change_arrays(folder, **{"as_new.scores": scores + 1})
    loaded = PolarDetector.load(folder).fitted_  # control
    np.testing.assert_array_equal(loaded.scores_as_new, scores + 1)
    np.testing.assert_array_equal(loaded.calibration_scores, scores)
    change_arrays(folder, **{"as_new.scores": scores[1:].copy()})
    message = rf"\(array 'as_new.scores' with {len(scores) - 1} held-out texts"
    with pytest.raises(ArtifactError, match=message):
        PolarDetector.load(folder)


def test_harms_of_other_programs_than_those_of_the_menu_are_refused(
    folder, fitted_on_tiny, monkeypatch
):
    monkeypatch.setattr(Engine, "load", lambda *_: fitted_on_tiny.engine_)
    harms = load_file(folder / "arrays.safetensors")["menu.harms"]
    change_arrays(folder, **{"menu.harms": np.ascontiguousarray(harms[:, 1:])})
    with pytest.raises(ArtifactError, match=rf"\('menu'\); expected {harms.shape[1] - 1} programs"):
        PolarDetector.load(folder)


def test_what_a_menu_takes_for_clearly_invalid_is_kept(folder, fitted_on_tiny, monkeypatch):
    monkeypatch.setattr(Engine, "load", lambda *_: fitted_on_tiny.engine_)
    assert PolarDetector.load(folder).normal_programs().menu.doubt is None  # all words are common
    change_manifest(folder, menu_doubt=0.07)
    loaded = PolarDetector.load(folder)
    assert loaded.normal_programs().menu.doubt == 0.07
    loaded.save(folder.parent / "again")
    assert manifest_of(folder.parent / "again")["menu_doubt"] == 0.07


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


@pytest.mark.parametrize(
    "manifest",
    ['{"name": "My app", "icons": []}', '{"files": {"thesis.txt": ""}}', "[]", "no JSON", None],
)
def test_a_folder_with_another_manifest_is_not_overwritten(fitted_on_tiny, tmp_path, manifest):
    target = tmp_path / "app"
    (target / "src").mkdir(parents=True)
    for name in ("thesis.txt", "src/main.js"):
        (target / name).write_text("years of work")
    if manifest is not None:
        (target / "manifest.json").write_text(manifest)
    held = sorted(target.rglob("*"))
    with pytest.raises(OutputError, match=r"move .*src, thesis.txt away, or choose another folder"):
        fitted_on_tiny.save(target)
    assert sorted(target.rglob("*")) == held


@pytest.mark.parametrize("name", ["notes.md", "head/notes.md", "own/notes.md"])
def test_what_else_is_in_a_detectors_folder_is_not_deleted(folder, fitted_on_tiny, name):
    note = folder / name
    note.parent.mkdir(exist_ok=True)
    note.write_text("mine")
    with pytest.raises(OutputError, match=rf"move {name.removesuffix('/notes.md')}.* away"):
        fitted_on_tiny.save(folder)
    assert note.read_text() == "mine"
    note.unlink()
    if name.startswith("own"):
        note.parent.rmdir()
    fitted_on_tiny.save(folder)  # control


@pytest.mark.parametrize("name", [".DS_Store", "head/.DS_Store", "Thumbs.db", "desktop.ini"])
def test_what_a_file_manager_leaves_where_a_person_looked_is_no_part_of_it(
    folder, fitted_on_tiny, monkeypatch, name
):
    monkeypatch.setattr(Engine, "load", lambda *_: fitted_on_tiny.engine_)
    left = folder / name
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"\0")
    assert PolarDetector.load(folder).alpha == fitted_on_tiny.alpha
    (folder / "head.py").touch()  # control: nothing else may be there
    with pytest.raises(ArtifactError, match=r"head\.py', which the manifest does not name"):
        PolarDetector.load(folder)
    (folder / "head.py").unlink()
    if left.parent == folder:
        fitted_on_tiny.save(folder)
        assert not left.exists()


def test_what_comes_to_a_folder_while_it_is_written_is_not_deleted(
    folder, fitted_on_tiny, monkeypatch
):
    write = writing._write

    def slow(*given):
        write(*given)
        (folder / "notes.md").write_text("mine")

    monkeypatch.setattr(writing, "_write", slow)
    with pytest.raises(OutputError, match=r"move notes\.md away"):
        fitted_on_tiny.save(folder)
    assert (folder / "notes.md").read_text() == "mine"


@pytest.mark.parametrize("inside", [".", "within"])
def test_the_working_directory_is_not_replaced(fitted_on_tiny, tmp_path, monkeypatch, inside):
    target = tmp_path / "here"
    (target / inside).mkdir(parents=True)
    monkeypatch.chdir(target / inside)
    with pytest.raises(OutputError, match="in which this process runs; expected a folder that can"):
        fitted_on_tiny.save("." if inside == "." else "..")
    assert Path.cwd().is_dir()
    fitted_on_tiny.save("out")  # control


def test_an_empty_folder_and_an_earlier_detector_are_replaced(folder, fitted_on_tiny, tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    fitted_on_tiny.save(target)
    (target / "texts.json").write_text("broken")
    fitted_on_tiny.save(target)
    assert manifest_of(target)["files"] == manifest_of(folder)["files"]
    PolarDetector.load(target)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["detector", "out"]  # nothing half-made


class Killed(BaseException):
    """Ends a save where a kill might."""


@pytest.mark.parametrize("step", [1, 3, 4])
def test_a_save_that_is_killed_loses_no_detector_and_the_next_one_cleans_up(
    fitted_on_tiny, tmp_path, monkeypatch, step
):
    fitted_on_tiny.save(tmp_path / "out")
    steps = iter(range(1, 5))  # two files, and two names

    def killed_at(own):
        def run(*args):
            if next(steps) == step:
                raise Killed
            return own(*args)

        return run

    with monkeypatch.context() as kill:
        kill.setattr(writing, "_write_json", killed_at(writing._write_json))
        kill.setattr(Path, "rename", killed_at(Path.rename))
        kill.setattr(shutil, "rmtree", lambda *_, **__: None)  # nobody is left to do it
        kill.setattr(atomic, "_put_back", lambda *_: None)
        with pytest.raises(Killed):
            fitted_on_tiny.save(tmp_path / "out")
    left = {path.name for path in tmp_path.iterdir()}
    assert (
        left
        == {
            1: {"out", ".out.staged"},
            3: {"out", ".out.staged"},
            4: {".out.staged", ".out.former"},
        }[step]
    )
    assert read_manifest(tmp_path / "out")["text_column"] is None  # as the first save left it
    assert (tmp_path / "out").is_dir()
    with monkeypatch.context() as full:
        full.setattr(writing, "_write", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OutputError, match="disk full"):
            fitted_on_tiny.save(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    PolarDetector.load(tmp_path / "out")


@pytest.mark.skipif(os.name == "nt", reason="nothing is locked there")
def test_whoever_looks_for_a_detector_while_it_is_being_replaced_waits(
    fitted_on_tiny, tmp_path, monkeypatch
):
    fitted_on_tiny.save(tmp_path / "out")
    rename, readers = Path.rename, ThreadPoolExecutor(1)
    found = []

    def slow_rename(path, target):
        moved = rename(path, target)
        if not (tmp_path / "out").exists():
            found.append(readers.submit(read_manifest, tmp_path / "out"))
            time.sleep(0.2)
            assert not found[0].done()
        return moved

    monkeypatch.setattr(Path, "rename", slow_rename)
    fitted_on_tiny.save(tmp_path / "out")
    assert found[0].result(timeout=60)["versions"]


@pytest.mark.skipif(os.name == "nt", reason="nothing is locked there")
@pytest.mark.parametrize(
    ("look", "step"),
    [
        (read_manifest, "is_file"),
        (read_manifest, "lstat"),
        (read_manifest, "open"),
        (writing.check_target, "is_dir"),
        (writing.check_target, "is_file"),
        (writing.check_target, "read_bytes"),
        (writing.check_target, "iterdir"),
    ],
)
def test_a_detector_that_goes_from_under_who_looks_at_it_is_looked_at_once_it_is_replaced(
    fitted_on_tiny, tmp_path, monkeypatch, look, step
):
    folder = tmp_path / "out"
    fitted_on_tiny.save(folder)
    own, rename, is_gone = getattr(Path, step), Path.rename, threading.Event()

    def slow_rename(path, target):
        moved = rename(path, target)
        if not folder.exists():
            is_gone.set()
            time.sleep(0.1)
        return moved

    def gone_before(path, *given, **named):
        is_reader = threading.current_thread() is reader
        if is_reader and path in {folder, folder / "manifest.json"} and not replacing:
            replacing.append(writers.submit(fitted_on_tiny.save, folder))
            assert is_gone.wait(timeout=60)
        return own(path, *given, **named)

    reader, replacing = threading.current_thread(), []
    monkeypatch.setattr(Path, "rename", slow_rename)
    monkeypatch.setattr(Path, step, gone_before)
    with ThreadPoolExecutor(1) as writers:
        look(folder)
        replacing[0].result(timeout=60)


@pytest.mark.parametrize("step", ["check_files", "load_file", "kept_texts", "_fitted"])
def test_a_detector_that_is_replaced_while_it_is_read_is_read_again_as_a_whole(
    fitted_on_tiny, boosted, tmp_path, monkeypatch, step
):
    folder = tmp_path / "out"
    fitted_on_tiny.save(folder)
    own, n_calls = getattr(reading, step), 0

    def replaced_before(*given):
        nonlocal n_calls
        n_calls += 1
        if n_calls == 1:
            boosted.save(folder)
        return own(*given)

    monkeypatch.setattr(reading, step, replaced_before)
    loads, load = [], Engine.load
    monkeypatch.setattr(Engine, "load", lambda *a: loads.append(a) or load(*a))
    assert_same(PolarDetector.load(folder), boosted)
    assert n_calls == 2
    assert len(loads) == 1  # its models are the same


def test_a_detector_that_is_replaced_all_the_time_is_not_read(folder, fitted_on_tiny, monkeypatch):
    monkeypatch.setattr(Engine, "load", lambda *_: fitted_on_tiny.engine_)
    own = reading.load_file

    def replaced_before(path):
        fitted_on_tiny.save(folder)
        return own(path)

    monkeypatch.setattr(reading, "load_file", replaced_before)
    with pytest.raises(ArtifactError, match="was replaced 10 times while it was read; expected a"):
        PolarDetector.load(folder)


def test_a_link_keeps_pointing_to_the_detector_that_is_replaced(fitted_on_tiny, tmp_path):
    fitted_on_tiny.save(tmp_path / "out")
    (tmp_path / "link").symlink_to(tmp_path / "out")
    for _ in range(2):
        fitted_on_tiny.save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "out"]
    PolarDetector.load(tmp_path / "link")


@pytest.mark.parametrize("locks_folders", [True, False])
def test_saves_into_one_folder_at_once_wait_for_each_other(
    fitted_on_tiny, tmp_path, monkeypatch, locks_folders
):
    if not locks_folders:
        monkeypatch.setattr(atomic, "fcntl", None)  # as on Windows
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fitted_on_tiny.save, [tmp_path / "out"] * 8))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    PolarDetector.load(tmp_path / "out")


def test_another_encoder_is_remembered_and_asked_for_by_its_hash(tiny_folder, tmp_path):
    own = save_word_encoder(tmp_path / "encoder")
    detector = PolarDetector(model=str(tiny_folder), encoder=str(own), max_tokens=8).fit(NORMAL)
    detector.save(tmp_path / "out")
    loaded = PolarDetector.load(tmp_path / "out")
    assert loaded.encoder == str(own)
    assert loaded.engine_.encoder_model.folder == own
    np.testing.assert_array_equal(loaded.score_samples(NEW), detector.score_samples(NEW))
    save_tiny_encoder("bert", own)
    with pytest.raises(ArtifactError, match=r"Got encoder '.*' with SHA-256 .*; expected"):
        PolarDetector.load(tmp_path / "out")


def test_a_language_model_is_no_encoder(tiny_folder):
    with pytest.raises(ModelError, match="is a causal language model; expected a sentence encoder"):
        PolarDetector(model=str(tiny_folder), encoder=str(tiny_folder)).fit(NORMAL)


def test_a_place_that_cannot_be_written_is_named(fitted_on_tiny, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"Got an error while writing '.*detector'"):
        fitted_on_tiny.save(tmp_path / "file" / "detector")
    with pytest.raises(OutputError, match=r"Got an error while writing '.*detector' \(Not a dir"):
        writing.check_target(tmp_path / "file" / "new" / "detector")  # before the fit


def test_a_detector_goes_into_no_folder_that_is_read_only(tmp_path, monkeypatch):
    writing.check_target(tmp_path / "new" / "detector")  # control
    monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path)
    with pytest.raises(OutputError, match=r"Got an error while writing '.*detector' \(Permission"):
        writing.check_target(tmp_path / "new" / "detector")


@pytest.mark.parametrize("column", ["text", None])
def test_the_text_column_is_remembered(fitted_on_tiny, tmp_path, column):
    writing.save(fitted_on_tiny, tmp_path / "out", text_column=column)
    assert reading.stored_origin(tmp_path / "out").text_column == column


def test_the_description_says_what_was_fitted_on(fitted_on_tiny):
    described = dict(description(fitted_on_tiny, "en"))
    assert described["Method"].startswith("auto: ")
    assert described["Fitted on"] == "41 normal texts, 19 more held out for the p-values"
    assert described["Smallest p-value"] == "0.05"
    assert "Labelled anomalies" not in described
    # As many as the model has positions for, which are fewer than the default.
    assert described["Text length"] == f"the first {MAX_POSITIONS - 1} tokens are read"


@pytest.mark.parametrize(
    "content", ["[]", "{}", "null", '{"format": 2}', '{"format": 1, "seal": ""}']
)
def test_a_manifest_without_its_seal_is_refused(folder, content):
    (folder / "manifest.json").write_text(content)
    with pytest.raises(ArtifactError, match=r"manifest\.json', which was changed; expected .*seal"):
        PolarDetector.load(folder)


def check(folder):
    manifest = read_manifest(folder)
    check_files(folder, manifest["files"], manifest["sizes"])


@pytest.mark.slow
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_changed_byte_of_any_file_is_detected_and_the_file_named(folder, data):
    check(folder)  # control
    files = [path for path in folder.rglob("*") if path.is_file()]
    path = data.draw(st.sampled_from(files))
    content = path.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    byte = data.draw(st.integers(1, 255))
    path.write_bytes(content[:place] + bytes([content[place] ^ byte]) + content[place + 1 :])
    try:
        with pytest.raises(ArtifactError) as refused:
            check(folder)
        assert str(path) in str(refused.value)
    finally:
        path.write_bytes(content)


def test_every_byte_of_a_manifest_is_under_its_seal(tmp_path):
    path, folder = tmp_path / "manifest.json", tmp_path
    entries: dict = {key: {} for key in ("settings", "model", "encoder", "files", "sizes")}
    path.write_bytes(sealed({**entries, "format": FORMAT, "menu": ["0-4"], "created": "ü"}))
    content = path.read_bytes()
    assert read_manifest(folder)["created"] == "ü"  # control
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(bytes(changed))
        with pytest.raises(ArtifactError, match=r"manifest\.json'"):
            read_manifest(folder)


@pytest.mark.parametrize("name", ["notes.txt", "head/more.json", ".hidden"])
def test_a_file_that_the_manifest_does_not_name_is_refused(folder, name):
    (folder / name).write_text("")
    with pytest.raises(ArtifactError, match=rf"Got '{folder / name}', which the manifest does not"):
        check(folder)


@pytest.mark.parametrize("name", ["texts.json", "head", "manifest.json"])
def test_links_are_refused_even_to_the_right_content(folder, tmp_path, name):
    moved = tmp_path / "moved"
    (folder / name).rename(moved)
    (folder / name).symlink_to(moved)
    with pytest.raises(ArtifactError, match=rf"Got '{folder / name}', which is a link; expected"):
        check(folder)


def test_a_pipe_in_the_folder_is_refused_and_not_waited_for(folder):
    os.mkfifo(folder / "pipe")
    with pytest.raises(ArtifactError, match=r"pipe', which is neither a file nor a folder"):
        check(folder)


def test_sizes_are_compared_before_anything_is_read(folder):
    with (folder / "texts.json").open("r+b") as file:
        file.truncate(2**40)  # a hole; reading it would take hours
    with pytest.raises(ArtifactError, match=r"texts\.json', which was changed"):
        check(folder)
    with (folder / "manifest.json").open("r+b") as file:
        file.truncate(2**40)
    with pytest.raises(ArtifactError, match=r"manifest\.json' of 1099511627776 bytes; expected"):
        check(folder)


@pytest.mark.parametrize("name", ["head\\auto.json", "C:auto.json", "..", ""])
def test_paths_that_lead_out_on_any_system_are_refused(folder, name):
    with pytest.raises(ArtifactError, match="expected files inside the folder"):
        check_files(folder, {name: "0" * 64}, {name: 2})


def test_hashes_and_sizes_that_are_none_are_refused(folder):
    with pytest.raises(ArtifactError, match=r"Got no SHA-256 of file 'texts\.json'"):
        check_files(folder, {"texts.json": 7}, {"texts.json": 2})
    with pytest.raises(ArtifactError, match="Got sizes of other files than hashes"):
        check_files(folder, {"texts.json": "0" * 64}, {})


def check_with_archive(folder, entries):
    path = folder / "head" / "forest.skops"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    check_files(folder, *with_file(folder, path).values())


def test_an_archive_that_unpacks_to_too_much_is_refused(folder, monkeypatch):
    monkeypatch.setattr(archives, "_MAX_UNPACKED_BYTES", 1000)
    check_with_archive(folder, {"a": b"0" * 900})  # control
    with pytest.raises(ArtifactError, match="which unpacks to 2000 bytes; expected at most 1000"):
        check_with_archive(folder, {"a": b"0" * 1000, "b": b"0" * 1000})


def test_an_array_that_claims_more_than_its_file_holds_is_refused(folder):
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(10))
    content = buffer.getvalue()
    check_with_archive(folder, {"a.npy": content})  # control
    claimed = content.replace(b"(10,), }         ", b"(9999999999,), } ")
    assert claimed != content
    with pytest.raises(ArtifactError, match=r"an array of 79999999992 bytes in '.*skops' \(a\.npy"):
        check_with_archive(folder, {"a.npy": claimed})


def test_an_array_by_another_name_is_checked_as_one(folder):
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(10))
    claimed = buffer.getvalue().replace(b"(10,), }         ", b"(9999999999,), } ")
    check_with_archive(folder, {"a.bin": buffer.getvalue()})  # control
    with pytest.raises(ArtifactError, match=r"an array of 79999999992 bytes in '.*skops' \(a\.bin"):
        check_with_archive(folder, {"a.bin": claimed})


def test_an_archive_in_an_archive_which_may_unpack_to_anything_is_refused(folder):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, a=np.zeros(10))
    with pytest.raises(ArtifactError, match=r"Got an archive in '.*skops' \(a\.npz\)"):
        check_with_archive(folder, {"a.npz": buffer.getvalue()})


def test_a_schema_that_is_too_large_to_be_read_is_refused(folder, monkeypatch):
    monkeypatch.setattr(archives, "_MAX_SCHEMA_BYTES", 10)
    check_with_archive(folder, {"schema.json": b"[" * 10, "a": b"0" * 11})  # control
    with pytest.raises(ArtifactError, match=r"a schema\.json of 11 bytes; expected at most 10"):
        check_with_archive(folder, {"schema.json": b"[" * 11})


def npy_with_head(head):
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode()


@pytest.mark.parametrize(
    "content",
    [
        npy_with_head("{'shape': (10,L (((\n"),
        npy_with_head("  a\n b\n"),
        npy_with_head("-" * 9000 + "1"),
        npy_with_head("{'descr': (), 'fortran_order': False, 'shape': (1,), }\n"),
    ],
    ids=["open", "indented", "deep", "no type"],
)
def test_an_array_whose_head_cannot_be_read_is_refused(folder, content):
    with pytest.raises(ArtifactError, match="whose archive is broken"):
        check_with_archive(folder, {"a.npy": content})


def broken(content, start, stop, new):
    return content[:start] + new + content[stop:]


@pytest.mark.parametrize("kind", ["encrypted", "deflated", "bzip2"])
def test_an_archive_that_cannot_be_unpacked_is_refused(folder, kind):
    buffer = io.BytesIO()
    packing = {"deflated": zipfile.ZIP_DEFLATED, "bzip2": zipfile.ZIP_BZIP2}
    with zipfile.ZipFile(buffer, "w", packing.get(kind, zipfile.ZIP_STORED)) as archive:
        archive.writestr("a.npy", bytes(range(256)))
    content = buffer.getvalue()
    if kind == "encrypted":
        listed = content.index(b"PK\x01\x02")
        content = broken(broken(content, 6, 7, b"\x01"), listed + 8, listed + 9, b"\x01")
    else:
        content = broken(content, 37, 57, b"\xff" * 20)
    path = folder / "head" / "forest.skops"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="whose archive is broken"):
        check_files(folder, *with_file(folder, path).values())


@pytest.mark.parametrize(
    "settings", [[], {"alpha": "0.05"}, {"evil": 1}, {"max_tokens": 1.5}, {"model": None}]
)
def test_settings_of_another_kind_are_refused(folder, settings):
    change_manifest(folder, settings=settings)
    with pytest.raises(ArtifactError, match=r"Got settings in '.*' that this version"):
        PolarDetector.load(folder)


def test_loading_and_scoring_open_no_socket(folder, monkeypatch):
    class Refused(Exception):
        pass

    def refuse(*_, **__):
        raise Refused

    monkeypatch.setattr(socket.socket, "__init__", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(Refused):  # control
        socket.create_connection(("127.0.0.1", 9), timeout=1)
    assert np.isfinite(PolarDetector.load(folder).assess(NEW).scores).all()
