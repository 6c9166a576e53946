"""That all of what `inspect` says is known in Japanese."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from japanese import is_japanese

from polar_detect.artifact.contents import (
    GIVEN,
    KNOWN,
    TEXTS,
    TREES,
    _facts,
    _kept,
    _kept_of_labelled,
)
from polar_detect.cli.commands import inspect as command
from polar_detect.detectors.auto import AutoHead, TextsHead, _Fitted
from polar_detect.detectors.boosting import LightGBMHead
from polar_detect.detectors.classifier import ClassifierHead, ColumnsClassifierHead
from polar_detect.detectors.columns import ColumnsHead
from polar_detect.detectors.forest import IsolationForestHead
from polar_detect.detectors.pyod import PyODHead
from polar_detect.features.of_columns import column_feature
from polar_detect.messages.catalogue import sentences
from polar_detect.messages.forms import Form
from polar_detect.messages.language import Language
from polar_detect.texts.entries import SEPARATORS

LEAST = {
    "embeddings": ((60, 384), 9),
    "tokens.points": ((5, 300, 32), 9),
    "tokens.owners": ((0,), 0),
    "encoder_tokens.points": ((3, 200, 384), 9),
    "calibration_scores": ((20,), 9),
}
MORE = LEAST | {
    "tokens.owners": ((300,), 9),
    "neighbours.crowding": ((60,), 9),
    "filing.points": ((60, 384), 9),
    "filing.centre": ((384,), 9),
    "decoder_geometry.points": ((5, 60, 15), 9),
    "menu.harms": ((8, 30), 9),
    "decoder_changes.centres": ((5, 32), 9),
    "encoder_changes.centres": ((6, 384), 9),
    "likeness.sentences.weights": ((384,), 9),
}
NUMBERS = (column_feature("load", "value"),)
WORDS = (column_feature("site", "level"), column_feature("site", "new"))


@pytest.fixture
def folder(tmp_path):
    given = '{"labelled": ["oil"], "held_out": [], "lots": {"ロット": []}}'
    files = ((TEXTS, "[]"), (TREES, "[]"), (KNOWN, '{"texts": []}'), (GIVEN, given))
    for name, content in files:
        (tmp_path / name).write_text(content)
    return tmp_path


ROWS = {
    "columns": [
        {"name": "号機", "decimals": None, "unit": None},
        {"name": "外径\n[mm]", "decimals": 3, "unit": "mm"},
        {"name": "外気温", "decimals": 1, "unit": "℃", "condition": True},
    ],
    "notation": 3,
}


def manifest(reason, name):
    identity = {"name": "a", "sha256": "0"}
    return {
        "settings": {"detector": name, "seed": 0, "rows": ROWS},
        "reason": reason,
        "created": "2026-11-28",
        "model": identity,
        "encoder": identity,
        "sampled_from": 9000,
        "passages": {"rate": 0.5, "n_texts": 40},
        "company": {"reach": 13, "n_held_out_near": 5.0, "score_correlation": 0.5},
        "format": "1",
        "fingerprint": "0",
        "versions": {"polar-detect": "1"},
        "files": {},
        "sizes": {},
    }


def beside():
    """Return a manifest whose columns go together."""
    columns = [
        {"name": "品番", "decimals": None, "category": {"of": "words", "factors": []}},
        {"name": "号機", "decimals": None, "category": {"of": "words", "factors": ["品番"]}},
        {"name": "外径\n[mm]", "decimals": 3, "factors": ["品番", "号機"]},
        {"name": "備考", "decimals": None, "category": {"of": "gaps", "factors": ["号機"]}},
    ]
    settings = {"detector": "isolation-forest", "seed": 0, "rows": {"columns": columns}}
    own = {"settings": settings, "company": {"by": "品番"}, "filing": {"told": ["号機\n"]}}
    return manifest(IsolationForestHead.reason, IsolationForestHead.name) | own


def by_columns(features, *, n_labelled=0, kind=ColumnsHead):
    """Return a head whose views count for as much each."""
    n_views = (NUMBERS[0] in features) + 2 * (WORDS[0] in features) + n_labelled
    head = kind()
    head._fitted = fitted(
        shares=np.full(n_views, 1 / n_views), n_labelled=n_labelled, features=features
    )
    return head


def fitted(features=(), **views):
    return _Fitted(
        means=np.zeros(0), views=np.zeros((0, 0)), features=features, scale=None, power=2, **views
    )


def reasons():
    """Yield why each detector is what it is, as manifests hold it, and its name."""
    for n_columns in (0, 1, 2):
        for n_labelled in (0, 1):
            head = ClassifierHead() if n_labelled and not n_columns else AutoHead()
            shares = np.full(3 + n_columns + n_labelled, 0.2)
            head._fitted = fitted(
                shares=shares, n_text=3, n_labelled=n_labelled, n_topic=1, n_language=1,
                similarity_auroc=0.9, encoder_trust=1.0, far_share=0.5,
            )  # fmt: skip
            yield head.reason, head.name
    head._fitted = replace(head._fitted, n_sequences=1)
    texts = TextsHead()
    texts._fitted = head._fitted
    yield texts.reason, texts.name
    for features in (NUMBERS, WORDS, NUMBERS + WORDS):
        for n_labelled in (0, 1):
            columns = by_columns(features, n_labelled=n_labelled)
            yield columns.reason, columns.name
    own = by_columns(NUMBERS, n_labelled=1, kind=ColumnsClassifierHead)
    yield own.reason, own.name
    for head in (LightGBMHead(), IsolationForestHead(), PyODHead(SimpleNamespace())):
        yield head.reason, head.name


def all_that_is_said(folder):
    said = [kept.what for shapes, texts in ((LEAST, None), (MORE, ("oil",)))
            for kept in _kept(shapes, texts, folder)]  # fmt: skip
    said += [kept.what for kept in _kept(LEAST, ("oil",), folder, are_passages=True)]
    for labelled in (("oil",), ("",)):
        said += [kept.what for kept in _kept_of_labelled(labelled, folder, lambda _: 1)]
    facts = [fact for own in reasons() for fact in _facts(manifest(*own))] + [*_facts(beside())]
    for separator in SEPARATORS:
        facts += _facts(beside() | {"sequences": {"separator": separator}})
    return [*said, *(label for label, _ in facts)], [value for _, value in facts]


def test_all_that_inspect_says_is_known_in_japanese(folder):
    said, values = all_that_is_said(folder)
    japanese = [Language("ja").inspected(sentence) for sentence in said]
    assert [own for own in japanese if not is_japanese(own)] == []
    assert [Language("en").inspected(sentence) for sentence in said] == said
    as_they_are = (
        "a (SHA-256",
        "号機, 外径",
        "号機 (品番)",
        "外気温",
        "品番, ",
        "備考 (",
        "品番",
        "外径",
        "detector ",
        "2026",
        "0",
        "1",
        "polar-detect 1",
    )
    told = [value for value in values if not value.startswith(as_they_are)]
    told += ["0, 0.00 MB, unchanged"]
    assert [own for own in map(Language("ja").inspected, told) if not is_japanese(own)] == []
    assert any(value.startswith("drawn at random") for value in told)  # control


def test_inspect_says_which_columns_count_beside_others_in_both_languages():
    said = [
        fact for fact in _facts(beside()) if fact[1].startswith(("品番", "号機", "外径", "備考"))
    ]
    assert said == [
        ("Columns", "品番, 号機, 外径 [mm], 備考"),
        ("Columns of numbers", "外径 [mm]"),
        ("Columns that say the same few things", "品番, 号機"),
        ("Columns held against normal rows with the same (in brackets)", "外径 [mm] (品番, 号機)"),
        ("Words held against those of normal rows with the same (in brackets)", "号機 (品番)"),
        (
            "Empty cells held against those of normal rows with the same (in brackets)",
            "備考 (号機)",
        ),
        ("Columns that are held against the free text", "号機"),
        ("Alike by lot", "品番"),
    ]
    labels = [Language("ja").inspected(label) for label, _ in said]
    assert [label for label in labels if not is_japanese(label)] == []


def test_a_detector_of_columns_tells_of_no_kind_of_columns_that_rows_do_not_have():
    said = {
        NUMBERS: "columns of numbers, and nothing else of a row",
        WORDS: "columns of words that repeat, and nothing else of a row: words count for 50%, and "
        "for 50% that a word is one which no normal row says there",
        NUMBERS + WORDS: "columns of numbers and of words that repeat, and nothing else of a row: "
        "numbers count for 33%, words for 33%, and for 33% that a word is one which no normal row "
        "says there",
    }
    assert {features: by_columns(features).reason for features in said} == said
    taught = by_columns(NUMBERS, n_labelled=1).reason
    assert taught.startswith(f"{said[NUMBERS]}: numbers count for 50%; what tells the labelled")


def test_the_columns_of_whole_rows_are_named_as_people_read_them():
    facts = dict(_facts(manifest("", "auto")))
    assert facts["Settings"] == "detector auto, seed 0"
    assert facts["Columns"] == "号機, 外径 [mm], 外気温"
    assert facts["Columns of numbers"] == "外径 [mm]"
    texts = manifest("", "auto") | {"settings": {"detector": "auto", "seed": 0}}
    assert not any(label.startswith("Columns") for label, _ in _facts(texts))


def test_nothing_is_known_of_inspect_that_it_does_not_say(folder):
    said = [one for part in all_that_is_said(folder) for one in part]
    forms = {english: Form.of(english) for english in sentences()["inspected"]}
    unsaid = [own for own, form in forms.items() if all(form.match(one) is None for one in said)]
    assert unsaid == []


def test_inspect_prints_japanese_lines_only(run, folder, monkeypatch):
    facts = _facts(manifest(*next(reasons())))
    for texts in (("oil",), None):
        contents = SimpleNamespace(facts=facts, kept=_kept(MORE, texts, folder), texts=texts,
                                   reads_texts=True, labelled=(), held_out=())  # fmt: skip
        monkeypatch.setattr(command, "read_contents", lambda _, own=contents: own)
        code, out, _ = run("inspect", folder, "--lang", "ja")
        assert code == 0
        assert [line for line in out.splitlines() if not is_japanese(line)] == []
        assert "No texts." not in out
    assert "文は保存されていません" in run("inspect", folder, "--texts", "--lang", "ja")[2]
    assert "keeps no texts." in run("inspect", folder, "--texts")[2]
