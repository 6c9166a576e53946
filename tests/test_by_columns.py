"""The detector `columns`: rows judged by their columns alone, without any model."""

import copy
import json
import pickle
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from polar_detect import PolarDetector
from polar_detect.artifact.contents import read_contents
from polar_detect.artifact.sealing import sealed
from polar_detect.detectors.scale import Scale, column_clips, column_units
from polar_detect.drift import measure_drift, measure_shifts
from polar_detect.errors import ArtifactError, InputError, TrainingWarning
from polar_detect.features.of_columns import column_feature, column_of
from polar_detect.metrics import auroc
from polar_detect.models.hashes import sha256_of
from polar_detect.pipeline import choice
from polar_detect.pipeline.settings import Settings
from polar_detect.report.content.facts import description
from polar_detect.scoring.results import LocalEngine
from polar_detect.signature.normal.row_reference import RowReference
from polar_detect.statistics.dependence import Order
from polar_detect.tables import RowTemplate
from polar_detect.tables.rows import row_text, template


def rows(n: int, seed: int = 0) -> pd.DataFrame:
    """Return orders in which time and load go together, and the program is the machine's."""
    rng = np.random.default_rng(seed)
    machine = rng.integers(3, size=n)
    time = rng.normal(50, 5, n)
    return pd.DataFrame(
        {
            "machine": np.char.add("M", machine.astype(str)),
            "program": np.char.add("P", (machine * 100).astype(str)),
            "time [s]": time.round(1).astype(str),
            "load [%]": (2 * time + rng.normal(0, 1, n)).round(1).astype(str),
        }
    )


def spoilt(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with loads that do not go with their times."""
    return frame.assign(**{"load [%]": frame["load [%]"].to_numpy()[::-1]})


NORMAL, NEW = rows(200), rows(100, seed=1)
DAYS = pd.date_range("2026-01-01", periods=200).astype(str)


@pytest.fixture(scope="module")
def fitted() -> PolarDetector:
    return PolarDetector("columns").fit(NORMAL)


def test_finds_what_does_not_go_together(fitted: PolarDetector) -> None:
    scores = -fitted.score_samples(pd.concat([NEW, spoilt(NEW)]))
    assert auroc(np.repeat([False, True], 100), scores) > 0.9
    assert (fitted.predict(NEW) < 0).mean() < 0.15


def test_numbers_beyond_the_usual_ones_are_said_to_be_high_or_low(fitted: PolarDetector) -> None:
    far = NEW[:2].assign(**{"time [s]": ["70.0", "30.0"], "load [%]": ["140.0", "60.0"]})
    high, low = fitted.assess(far).reasons()  # both go together as they always do
    assert high.startswith(("high “time [s]” +", "high “load [%]” +"))
    assert low.startswith(("low “time [s]” +", "low “load [%]” +"))
    apart = NEW[:1].assign(**{"time [s]": "50.0", "load [%]": "107.0"})
    assert "“load [%]” high beside the other columns +" in fitted.assess(apart).reasons()[0]


@pytest.mark.parametrize(
    ("column", "cell"), [("machine", "M7"), ("machine", "ERR"), ("program", ""), ("time [s]", "-")]
)
def test_flags_what_no_normal_row_says(fitted: PolarDetector, column: str, cell: str) -> None:
    odd = NEW[:20].assign(**{column: cell})
    assessment = fitted.assess(odd)
    assert assessment.is_anomaly.mean() > 0.9
    assert repr(assessment).startswith("Assessment(20 rows, ")
    assert repr(fitted.assess(odd[:1])) == "Assessment(1 row, 1 flagged)"
    by_column = fitted.explain(odd).by_column()
    assert (by_column[column] >= np.stack([*by_column.values()]).max(0)).mean() > 0.9


def test_who_writes_one_for_normal_is_told_what_it_counts_as() -> None:
    mixed, ones = pd.concat([NORMAL, spoilt(NEW)]), np.repeat([1, 0], [200, 100])
    said = "labels that are 1, which counts as anomalous where no -1 occurs: 200 of 300; if 1 is"
    with pytest.warns(TrainingWarning, match=said):
        PolarDetector("columns").fit(mixed, ones)
    for plain in (1 - ones, 2 * ones - 1, ones == 1):  # controls: warnings are errors
        PolarDetector("columns").fit(mixed, plain)


@pytest.mark.parametrize("name", ["fit", "fit_predict"])
def test_warnings_name_the_line_that_asked_for_the_fit(name: str) -> None:
    ask = getattr(PolarDetector("columns", alpha=1e-3), name)
    with pytest.warns(UserWarning, match="Got alpha 0.001|do not count: 'day'") as caught:
        ask(NORMAL.assign(day=DAYS))
    assert len(caught) == 2
    assert {warning.filename for warning in caught} == {__file__}


def test_new_words_are_usual_where_they_are_frequent() -> None:
    names = [f"person {i}" for i in range(30)]  # of 200 rows, each of whom no other row names
    own = PolarDetector("columns").fit(NORMAL.assign(operator=[*names, *(["A", "B"] * 85)]))
    few = PolarDetector("columns").fit(NORMAL.assign(operator=["A", "B"] * 100))
    new = NEW.assign(operator="person C")
    assert own.assess(new).is_anomaly.mean() < 0.4
    assert few.assess(new).is_anomaly.all()


def test_new_words_are_flagged_where_they_are_rare() -> None:
    names = [f"person {i}" for i in range(4)]  # of 200 rows
    own = PolarDetector("columns").fit(NORMAL.assign(operator=[*names, *(["A", "B"] * 98)]))
    assert own.assess(NEW.assign(operator="person C")).is_anomaly.mean() > 0.9


@pytest.mark.slow
def test_p_values_come_from_all_normal_rows(fitted: PolarDetector) -> None:
    assert len(fitted.fitted_.calibration_scores) == len(fitted.fitted_.reference) == len(NORMAL)
    p_values = np.concatenate(
        [
            PolarDetector("columns").fit(rows(80, seed=seed)).assess(rows(80, seed=99)).p_values
            for seed in range(10, 16)
        ]
    )
    assert 0.01 < (p_values <= 0.05).mean() < 0.09
    assert 0.12 < (p_values <= 0.2).mean() < 0.28


def test_no_normal_row_sees_itself(fitted: PolarDetector) -> None:
    own = -fitted.score_samples(NORMAL)
    assert (fitted.fitted_.calibration_scores > own).mean() > 0.9  # new, each would score so


def test_a_word_that_one_normal_row_says_is_new_to_that_row() -> None:
    machines = [*NORMAL["machine"][1:], "M9"]
    reference = PolarDetector("columns").fit(NORMAL.assign(machine=machines)).fitted_.row_reference
    inside = reference.training_features([], Order.unknown(200), seed=0).normal
    (place,) = np.flatnonzero([own.part == "machine/new" for own in inside.features])
    assert np.flatnonzero(inside.values[:, place]).tolist() == [199]


def test_nothing_has_moved_in_new_normal_rows(fitted: PolarDetector) -> None:
    own = fitted.fitted_

    def moved(frame: pd.DataFrame) -> list[str]:
        table = own.row_reference.features(fitted.rows_.texts(frame))
        _, shifts = measure_shifts(own.statistics, table.chosen(own.statistics.features))
        return [shift.feature.part for shift in shifts if shift.is_moved]

    assert moved(NEW) == []
    assert "time [s]/missing" in moved(NEW.assign(**{"time [s]": ""}))  # control


def few_rows(n: int, seed: int) -> pd.DataFrame:
    """Return rows in steps so coarse that most are copies of others."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(2, (n, 2)).astype(str)
    return pd.DataFrame(counts, columns=["stops", "retries"])


@pytest.mark.slow
@pytest.mark.parametrize("n_batch", [20, 200, 2000])
def test_new_normal_rows_that_are_copies_of_normal_rows_are_no_other_batch(n_batch: int) -> None:
    drifts = []
    for seed in range(20):
        own = PolarDetector("columns").fit(few_rows(400, seed))
        scores = -own.score_samples(few_rows(n_batch, 100 + seed))
        drifts.append(measure_drift(own.fitted_.scores_as_new, scores))
        others = few_rows(n_batch, 200 + seed).assign(stops="6")
        assert measure_drift(own.fitted_.scores_as_new, -own.score_samples(others)).is_drifted
    assert sum(drift.is_drifted for drift in drifts) <= 2  # of 20: .2 by construction


def test_rows_with_copies_score_as_new_ones_do_and_others_as_they_are_held_out() -> None:
    frame = pd.concat([few_rows(100, 0), pd.DataFrame({"stops": ["7", "8"], "retries": "9"})])
    own = PolarDetector("columns").fit(frame)
    is_copied = frame.duplicated(keep=False).to_numpy()
    assert not is_copied[-2:].any()
    new, held_out = own.fitted_.scores_as_new, own.fitted_.calibration_scores
    np.testing.assert_array_equal(new[is_copied], -own.score_samples(frame[is_copied]))
    np.testing.assert_array_equal(new[~is_copied], held_out[~is_copied])
    assert (new[is_copied] < held_out[is_copied]).mean() > 0.9  # where it meets its copies


def test_says_nothing_of_layers_and_programs(fitted: PolarDetector) -> None:
    assessment = fitted.assess(NEW)
    assert fitted.n_layers == 0
    assert assessment.programs == (None,) * len(NEW)
    assert {column_of(own) for own in assessment.explanation.features} == {*NORMAL.columns}
    with pytest.raises(InputError, match="goes by columns and so has no programs"):
        fitted.normal_programs()


def test_neighbours_are_the_nearest_normal_rows(fitted: PolarDetector) -> None:
    texts = fitted.rows_.texts(NORMAL)
    nearest = fitted.assess(NORMAL[:20]).neighbours
    assert [own[0] for own in nearest] == texts[:20]
    assert all(len({*own}) == 5 for own in nearest)
    other = NORMAL[:1].assign(machine="M9")
    assert fitted.assess(other).neighbours[0][0] == texts[0]


def test_neighbours_say_the_same_words_where_numbers_are_as_near() -> None:
    other = NORMAL.assign(machine=NORMAL["machine"].to_numpy()[::-1] + "b")
    own = PolarDetector("columns").fit(pd.concat([other, NORMAL]))
    nearest = [near[0] for near in own.assess(NORMAL[:20]).neighbours]
    assert nearest == own.rows_.texts(NORMAL[:20])


def test_a_few_new_words_among_normal_rows_do_not_clip_those_to_come() -> None:
    features = (column_feature("operator", "new"), column_feature("operator", "level"))
    values = np.zeros((200, 2), np.float32)
    values[:4] = 4
    scale = Scale.fit(values, column_clips(features), units=column_units(features))
    nats = scale.apply(np.full((1, 2), 6, np.float32))[0, :2] * scale.spread
    np.testing.assert_allclose(nats, 6, rtol=1e-6)


def test_each_row_by_itself_to_the_last_bit(fitted: PolarDetector) -> None:
    whole = fitted.score_samples(NEW)
    order = np.random.default_rng(0).permutation(len(NEW))
    np.testing.assert_array_equal(fitted.score_samples(NEW.iloc[order]), whole[order])
    alone = [fitted.score_samples(NEW[i : i + 1])[0] for i in range(10)]
    np.testing.assert_array_equal(alone, whole[:10])
    assessment = fitted.assess(pd.concat([NEW, NEW[:3]]))
    np.testing.assert_array_equal(assessment.scores, -np.append(whole, whole[:3]))


def test_empty_rows_have_no_score(fitted: PolarDetector) -> None:
    texts = [*fitted.rows_.texts(NEW[:2]), ""]
    scores = fitted.score_samples(texts)
    assert np.isnan(scores).tolist() == [False, False, True]
    assert not fitted.assess(texts).is_anomaly[2]
    assert np.isnan(fitted.score_samples([""])).all()


def test_labelled_rows_teach() -> None:
    """Those of one machine with long times are faulty; nothing is strange about them."""
    normal, new = rows(300, seed=3), rows(600, seed=4)

    def are_faulty(frame: pd.DataFrame) -> "pd.Series[bool]":
        return (frame["machine"] == "M1") & (frame["time [s]"].astype(float) > 50)

    sound, faults = normal[~are_faulty(normal)], rows(300, seed=5)[lambda own: are_faulty(own)]
    taught = PolarDetector("columns").fit(
        pd.concat([sound, faults[:20]]), np.repeat([0, 1], [len(sound), 20])
    )
    plain = PolarDetector("columns").fit(sound)
    labels = are_faulty(new).to_numpy()
    found, without = (auroc(labels, -own.score_samples(new)) for own in (taught, plain))
    assert found > 0.9 > without
    assert "labelled" in taught.fitted_.head.choices
    assert "labelled anomalies" in taught.fitted_.head.reason


def test_a_classifier_finds_the_labelled_kind_and_fewer_of_others() -> None:
    known = NEW.assign(program="P0", machine="M1")  # of another machine
    labelled = rows(20, seed=7).assign(program="P0", machine="M1")
    frame, labels = pd.concat([NORMAL, labelled]), np.repeat([0, 1], [len(NORMAL), 20])
    classifier = PolarDetector("classifier").fit(frame, labels)
    both = PolarDetector().fit(frame, labels)
    names = [own.fitted_.head.name for own in (classifier, both)]
    assert names == ["columns-classifier", "columns"]
    assert classifier.fitted_.head.choices["labelled"] == "95%"
    assert "counts for 95%" in classifier.fitted_.head.reason
    assert "columns-classifier: what tells" in dict(description(classifier, "en"))["Method"]
    for own in (classifier, both):
        assert own.assess(known).is_anomaly.mean() > 0.9
    flagged, of_both = (own.assess(spoilt(NEW)).is_anomaly.mean() for own in (classifier, both))
    assert flagged < of_both


def test_a_classifier_wants_labels() -> None:
    for name in ("classifier", "columns-classifier"):
        with pytest.raises(InputError, match="Got 0 labelled anomalies; expected three different"):
            PolarDetector(name).fit(NORMAL)


@pytest.mark.parametrize(
    ("detector", "n_labelled"), [("columns", 0), ("columns", 20), ("columns-classifier", 20)]
)
def test_saved_and_loaded(tmp_path: Path, detector: str, n_labelled: int) -> None:
    labelled = spoilt(rows(n_labelled, seed=7))
    frame = pd.concat([NORMAL, labelled])
    own = PolarDetector(detector, contamination=0.02).fit(
        frame, np.repeat([0, 1], [len(NORMAL), n_labelled])
    )
    own.save(tmp_path / "detector")
    for other in (PolarDetector.load(tmp_path / "detector"), pickle.loads(pickle.dumps(own))):
        np.testing.assert_array_equal(other.score_samples(NEW), own.score_samples(NEW))
        assert other.assess(NEW).to_frame().equals(own.assess(NEW).to_frame())
        assert other.get_params() == own.get_params() | {"rows": other.rows}
    other.save(tmp_path / "detector")  # in place of the earlier one
    manifest = json.loads((tmp_path / "detector" / "manifest.json").read_text())
    assert not {"model", "encoder", "menu"} & manifest.keys()
    kept = " ".join(part.what for part in read_contents(tmp_path / "detector").kept)
    assert ("trees on their columns" in kept) == bool(n_labelled)
    assert "token" not in kept


def test_what_is_missing_in_a_folder_is_refused(fitted: PolarDetector, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    path = tmp_path / "manifest.json"
    whole = json.loads(path.read_text())
    del whole["seal"], whole["settings"]["rows"]
    path.write_bytes(sealed(whole))
    with pytest.raises(ArtifactError, match="rows with columns to go by"):
        PolarDetector.load(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"n_text": 2},  # no text is read
        {"n_labelled": 1},  # nothing was taught
        {"n_labelled": 2},
        {"shares": [1.0]},  # of three
    ],
)
def test_a_head_that_does_not_fit_is_refused_though_its_seal_is_right(
    fitted: PolarDetector, tmp_path: Path, change: dict[str, object]
) -> None:
    fitted.save(tmp_path)
    path, head = tmp_path / "manifest.json", tmp_path / "head" / "auto.json"
    stored = json.loads(head.read_text())
    views = stored["views"]
    stored |= change
    stored["views"] = views[: len(stored["shares"])]
    head.write_text(json.dumps(stored))
    manifest = json.loads(path.read_text())
    del manifest["seal"]
    manifest["files"]["head/auto.json"] = sha256_of(head)
    manifest["sizes"]["head/auto.json"] = head.stat().st_size
    path.write_bytes(sealed(manifest))
    with pytest.raises(ArtifactError, match="with contents that do not fit together"):
        PolarDetector.load(tmp_path)


def test_an_alpha_that_no_row_can_reach_is_warned_of() -> None:
    with pytest.warns(UserWarning, match=r"at least 0\.000999, .* with 1000 held-out texts"):
        fitted = PolarDetector("columns", alpha=0.00095).fit(rows(1100))
    assert len(fitted.fitted_.calibration_scores) == 1000
    assert fitted.assess(NEW[:1].assign(machine="ERR")).p_values[0] == 1 / 1001


def test_auto_goes_by_columns_where_rows_hold_nothing_else(fitted: PolarDetector) -> None:
    with pytest.warns(TrainingWarning, match="empty in all rows do not count, .* 'checked'"):
        own = PolarDetector().fit(NORMAL.assign(checked=""))
    assert own.fitted_.head.name == "columns"
    assert own.fitted_.settings.detector == own.detector == "auto"
    scores = own.score_samples(NEW.assign(checked=""))
    np.testing.assert_array_equal(scores, fitted.score_samples(NEW))


@pytest.mark.parametrize(
    ("frame", "setting", "chosen"),
    [
        (NORMAL, {}, "columns"),
        (NORMAL[["machine"]], {}, "columns"),
        (NORMAL.assign(day=DAYS), {}, "columns"),
        (pd.DataFrame({"begun": DAYS, "done": DAYS}), {}, "auto"),
        (NORMAL.assign(note=[f"by hand {i}" for i in range(200)]), {}, "auto"),
        (NORMAL.assign(note=[f"by hand {i}" if i < 10 else "" for i in range(200)]), {}, "auto"),
        (NORMAL.assign(note=[f"by hand {i}" if i < 9 else "" for i in range(200)]), {}, "columns"),
        (NORMAL, {"detector": "classifier"}, "columns-classifier"),
        (NORMAL, {"detector": "texts"}, "texts"),
        (NORMAL, {"model": "gemma3-270m"}, "auto"),
        (NORMAL, {"encoder": "minilm"}, "auto"),
        (NORMAL, {"store_texts": False}, "auto"),
        (NORMAL, {"rows": None}, "auto"),
    ],
)
def test_models_read_what_columns_do_not_do_for(
    frame: pd.DataFrame, setting: dict[str, Any], chosen: str
) -> None:
    template = RowTemplate.fit(frame, list(frame.columns))
    settings = Settings.of(PolarDetector(rows=template), **setting)
    assert choice.chosen_head(settings, template.texts(frame)).name == chosen


def test_a_remark_here_and_there_does_not_count_and_that_is_said() -> None:
    notes = [f"by hand {i}" if i < 9 else "" for i in range(200)]
    with pytest.warns(TrainingWarning, match="do not count: 'note'; the detector texts reads them"):
        own = PolarDetector().fit(NORMAL.assign(note=notes))
    np.testing.assert_array_equal(
        own.score_samples(NEW.assign(note="torn")), own.score_samples(NEW.assign(note=""))
    )


def test_refuses_texts_that_are_no_rows(fitted: PolarDetector) -> None:
    texts = fitted.rows_.texts(NORMAL)
    with pytest.raises(InputError, match="Got 'worn' at position 200, which is no row as the"):
        PolarDetector("columns", rows=fitted.rows_).fit([*texts, "worn"])
    again = PolarDetector("columns", rows=fitted.rows_).fit([*texts, ""])
    np.testing.assert_array_equal(again.score_samples(NEW), fitted.score_samples(NEW))


def test_refuses_what_it_cannot_go_by() -> None:
    texts = [f"order {i} of a pump" for i in range(50)]
    with pytest.raises(InputError, match="expected rows of a table"):
        PolarDetector("columns").fit(texts)
    with pytest.raises(InputError, match="expected texts, as new rows are held against"):
        PolarDetector("columns", store_texts=False).fit(NORMAL)


def test_refuses_rows_of_free_words() -> None:
    said = {"a": [f"a{i} b{i * 7}" for i in range(60)], "b": [f"c {i}x" for i in range(60)]}
    told = (
        "without numbers and without words that repeat, dates, running numbers and conditions aside"
    )
    for words in (pd.DataFrame(said), pd.DataFrame(said).assign(no=range(60))):
        with pytest.raises(InputError, match=told):
            PolarDetector("columns").fit(words)


def test_earlier_engines_are_not_kept(fitted_on_tiny: PolarDetector) -> None:
    again = copy.copy(fitted_on_tiny).set_params(detector="columns")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)
        again.fit(NORMAL)
    assert not hasattr(again, "engine_")
    assert isinstance(again.rows_, RowTemplate)


def written(fitted: PolarDetector, frame: pd.DataFrame) -> list[str]:
    assert fitted.rows_ is not None
    return fitted.rows_.texts(frame)


def _counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that each text is put into which is split into cells."""
    split: list[str] = []

    def split_row(text: str, labels: Sequence[str]) -> list[str] | None:
        split.append(text)
        return row_text.split_row(text, labels)

    monkeypatch.setattr(template, "split_row", split_row)
    return split


def test_a_row_is_split_into_its_cells_three_times(
    fitted: PolarDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = written(fitted, NEW)
    split = _counted(monkeypatch)
    fitted.assess(texts)  # whether it is one, for its score, and for what is said of its cells
    assert len(split) == 2 * len(texts) + len({*texts})


def test_rows_that_are_changed_for_detection_limits_are_not_split(
    fitted: PolarDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = _counted(monkeypatch)
    limits = fitted.detection_limits()
    assert {*split} <= {*fitted.fitted_.row_reference.texts}
    assert len(split) < 3 * len(NORMAL)
    assert np.isfinite([limits.numbers[0].up.half, limits.words[0].new]).all()  # rows were changed


def test_neighbours_are_looked_for_where_they_are_asked_for(
    fitted: PolarDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_them = fitted.assess(NEW)
    assert all(map(len, with_them.neighbours))
    monkeypatch.delattr(RowReference, "nearest_texts")
    without = fitted.assess(NEW, neighbours=False)
    assert without.results() == with_them.results()
    assert without.neighbours == ((),) * len(NEW)
    assert LocalEngine(fitted)(written(fitted, NEW)) == with_them.results()
    with pytest.raises(AttributeError, match="nearest_texts"):
        fitted.assess(NEW)
