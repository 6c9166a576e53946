import copy
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from work_orders import NEW, NORMAL, STRANGE

from polar_detect.artifact.contents import GIVEN, _kept, _shapes, read_contents
from polar_detect.cli.commands.fit import said_of_texts
from polar_detect.detector import PolarDetector
from polar_detect.errors import ArtifactError, InputNotFoundError
from polar_detect.messages.language import Language

TEXTS = [*NEW, *STRANGE]


@pytest.fixture(scope="module")
def textless_folder(textless, tmp_path_factory):
    folder = tmp_path_factory.mktemp("textless") / "detector"
    textless.save(folder)
    return folder


def files_of(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def followers(folder):
    """Return the tokens of the training texts as they are stored, one after the other."""
    arrays = load_file(folder / "arrays.safetensors")
    return arrays["tokens.targets"].tolist(), arrays["tokens.owners"].tolist()


def read_back(detector, targets):
    """Return what somebody reads who takes stored tokens for a text."""
    backbone = detector.engine_.extractor.tracer.backbone
    return backbone.tokenizer.decode(targets)


def test_a_folder_without_texts_holds_none_of_them_neither_as_tokens(
    textless, textless_folder, fitted_on_tiny, saved_on_tiny
):
    words = [text.split(",")[0] for text in NORMAL]
    for path in files_of(textless_folder):
        content = path.read_bytes()
        assert not any(word.encode() in content for word in words)
    targets, owners = followers(textless_folder)
    assert owners == []
    assert not any(word in read_back(textless, targets) for word in words)
    # Control: with the texts kept they can be read, from their tokens too.
    assert any(words[0].encode() in path.read_bytes() for path in files_of(saved_on_tiny))
    told = read_back(fitted_on_tiny, followers(saved_on_tiny)[0])
    assert sum(word in told for word in words) > len(words) / 2


def test_without_texts_the_default_detector_scores_as_with_them(textless, fitted_on_tiny):
    own, other = textless.assess(TEXTS), fitted_on_tiny.assess(TEXTS)
    # Equal tokens tie, and which of them are the nearest depends on their order.
    np.testing.assert_allclose(own.scores, other.scores, rtol=0.02, atol=0.05)
    assert own.neighbours == ((),) * len(TEXTS)
    assert all(other.neighbours)  # control


def test_a_detector_without_texts_scores_identically_when_loaded_and_saved_again(
    textless, textless_folder, tmp_path
):
    loaded = PolarDetector.load(textless_folder)
    assert loaded.store_texts is False
    np.testing.assert_array_equal(loaded.assess(TEXTS).scores, textless.assess(TEXTS).scores)
    loaded.save(tmp_path / "again")
    assert read_contents(tmp_path / "again").texts is None


def test_the_contents_say_what_is_kept_and_how_much(saved_on_tiny, textless_folder):
    with_texts, without = read_contents(saved_on_tiny), read_contents(textless_folder)
    assert set(with_texts.texts) <= set(NORMAL)
    assert without.texts is None
    assert with_texts.kept[0].what == f"{len(with_texts.texts)} texts"
    assert with_texts.kept[0].n_bytes == (saved_on_tiny / "texts.json").stat().st_size
    arrays = load_file(saved_on_tiny / "arrays.safetensors")
    sizes = {name: array.nbytes for name, array in arrays.items()}
    others = sum(size for name, size in sizes.items() if name.split(".")[0] in
                 {"statistics", "typical_calls"} or name.endswith("tokens.means"))  # fmt: skip
    assert sum(kept.n_bytes for kept in with_texts.kept[1:-1]) == sum(sizes.values()) - others
    given = with_texts.kept[-1]
    assert given.what.startswith("for updates: the order of the texts, 0 held-out and 0")
    assert given.n_bytes == (saved_on_tiny / GIVEN).stat().st_size
    assert not any("updates" in kept.what for kept in without.kept)
    assert "in the order of the texts" in with_texts.kept[2].what
    assert "shuffled" in without.kept[1].what
    facts = dict(with_texts.facts)
    assert facts["Detector"].startswith("auto: ")
    assert re.fullmatch(r".*tiny-llama.* \(SHA-256 [0-9a-f]{64}\)", facts["Model"])


def test_pooled_states_are_named_where_they_are_kept(saved_on_tiny):
    shapes = _shapes(saved_on_tiny)
    assert not any("pooled states" in kept.what for kept in _kept(shapes, None, saved_on_tiny))
    placed = {"decoder_geometry.points": ((5, 30, 15), 9000), "decoder_geometry.rests": ((5,), 20)}
    kept = tuple(_kept(shapes | placed, None, saved_on_tiny))
    own = [part for part in kept if part.what.startswith("pooled states of 30 texts by layer")]
    assert [part.n_bytes for part in own] == [9020]
    assert kept[-3].what.startswith("mean and covariance")  # the others stand as they did
    assert kept[-2].what.startswith("losses of")


def test_contents_are_read_from_an_unchanged_detector_only(saved_on_tiny, tmp_path):
    with pytest.raises(InputNotFoundError, match=r"which has no manifest\.json"):
        read_contents(tmp_path)
    path = tmp_path / "texts.json"
    for source in files_of(saved_on_tiny):
        target = tmp_path / source.relative_to(saved_on_tiny)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(source.read_bytes())
    read_contents(tmp_path)  # control
    path.write_text("[]")
    with pytest.raises(ArtifactError, match=r"texts\.json', which was changed"):
        read_contents(tmp_path)


def test_inspect_tells_a_detector_and_lists_its_texts_as_json_strings(
    run, saved_on_tiny, textless_folder
):
    code, said, _ = run("inspect", saved_on_tiny)
    assert code == 0
    assert "Model: " in said
    assert "sentence embeddings of 60 texts" in said
    assert "--texts lists the texts" in said
    listed = run("inspect", saved_on_tiny, "--texts")[1].splitlines()
    assert [json.loads(line) for line in listed] == list(read_contents(saved_on_tiny).texts)
    assert "No texts." in run("inspect", textless_folder)[1]
    code, said, notice = run("inspect", textless_folder, "--texts")
    assert (code, said) == (0, "")
    assert "keeps no texts" in notice


def test_listed_texts_steer_no_terminal(fitted_on_tiny, run, tmp_path):
    hostile = [f"{text} \x1b[31m\x9b2J\u202e\u200b\x7f é ポンプ" for text in NORMAL]
    detector, fitted = copy.copy(fitted_on_tiny), fitted_on_tiny.fitted_
    reference = replace(fitted.reference, texts=tuple(hostile))
    detector.fitted_ = replace(fitted, reference=reference, given=None)
    detector.save(tmp_path / "detector")
    _, said, _ = run("inspect", tmp_path / "detector", "--texts")
    assert [json.loads(line) for line in said.splitlines()] == hostile
    assert all(c.isprintable() for c in said.replace("\n", ""))
    assert "ポンプ" in said


@pytest.mark.slow
def test_a_detector_that_reads_context_goes_without_it_and_fit_says_so(run, tiny_models, tmp_path):
    lines, out = tmp_path / "train.txt", tmp_path / "detector"
    lines.write_text("\n".join(NORMAL))
    options = (*tiny_models, "--out", out, "--detector", "isolation-forest")
    code, _, said = run("fit", lines, *options, "--no-store-texts")
    assert code == 0
    assert "Kept in the folder: no texts, but embeddings of the 41 normal texts" in said
    assert "the detector goes without context gain" in said
    assert not (out / "texts.json").exists()
    assessment = PolarDetector.load(out).assess(NEW)
    assert np.isfinite(assessment.scores).all()
    assert "context" not in {feature.group for feature in assessment.explanation.features}


@pytest.mark.slow
def test_a_fit_on_a_sample_says_so_and_the_folder_too(run, tiny_models, tmp_path):
    lines, out = tmp_path / "train.txt", tmp_path / "detector"
    lines.write_text("\n".join(NORMAL))
    options = (*tiny_models, "--out", out, "--max-texts", "50", "--contamination", ".1")
    code, _, said = run("fit", lines, *options)
    assert code == 0
    assert "train.txt: fitted on 50 of 60 rows, drawn at random; --max-texts takes more" in said
    told = dict(read_contents(out).facts)
    assert "contamination 0.1" in told["Settings"]
    assert told["Training texts"] == "drawn at random (seed 0) from 60 rows"
    texts = read_contents(out).texts
    assert texts is not None
    assert set(texts) < set(NORMAL)


def test_a_folder_of_all_texts_speaks_of_no_sample(saved_on_tiny):
    assert "Training texts" not in dict(read_contents(saved_on_tiny).facts)


def test_fit_says_what_the_default_detector_keeps(fitted_on_tiny, textless):
    said = said_of_texts(fitted_on_tiny, Path("out"), Language())
    assert said.startswith("Kept in the folder: the 60 normal texts (polar-detect inspect out")
    without = said_of_texts(textless, Path("out"), Language())
    assert "no texts, but embeddings of the 60" in without
    assert "context gain" not in without
