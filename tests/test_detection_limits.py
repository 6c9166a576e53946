"""From which change of a cell on a detector by columns flags a row."""

import numpy as np
import pandas as pd
import pytest
from machine_readings import readings

from polar_detect import PolarDetector
from polar_detect.errors import InputError, NotFittedError
from polar_detect.messages.language import Language
from polar_detect.pipeline.detection_limits import _other
from polar_detect.report.formats.limits import limit_tables
from polar_detect.signature.normal.row_reference import RowReference

PRESSURE, FLOW = "pressure [bar]", "flow [l/min]"


@pytest.fixture(scope="module")
def detector():
    return PolarDetector().fit(readings(200).assign(load=np.tile([70.0, 80.0], 100)))


@pytest.fixture(scope="module")
def limits(detector):
    return detector.detection_limits()


def new_rows():
    return readings(300, seed=7).assign(load=80.0)


def share_of_flagged(detector, column, change):
    """Return how many of new usual rows are flagged once a number of each has changed."""
    rows = new_rows()
    quiet = rows[detector.predict(rows) == 1]
    changed = quiet.assign(**{column: quiet[column].astype(float) + change})
    return float((detector.predict(changed) == -1).mean())


@pytest.mark.parametrize("column", [PRESSURE, FLOW])
@pytest.mark.parametrize("sign", [-1, 1])
def test_new_rows_are_flagged_as_often_as_the_limits_say(detector, limits, column, sign):
    own = next(own for own in limits.numbers if own.column == column)
    half, most = own.down if sign < 0 else own.up
    assert 0.35 < share_of_flagged(detector, column, sign * half) < 0.8
    assert 0.8 < share_of_flagged(detector, column, sign * most) <= 1
    assert share_of_flagged(detector, column, sign * half / 4) < 0.25


def test_a_number_that_others_tell_has_closer_limits_than_its_range(limits):
    flow, load = (own for own in limits.numbers if own.column in (FLOW, "load"))
    values = readings(200)[FLOW].astype(float)
    assert (flow.low, flow.high) == pytest.approx(values.quantile([0.05, 0.95]).tolist(), abs=1)
    assert flow.up.half < (flow.high - flow.low) / 4
    assert load.up.half > (load.high - load.low) / 4


def test_words_that_nobody_says_are_found_and_usual_ones_that_nothing_tells_are_not(limits):
    shares = {own.column: (own.other, own.new) for own in limits.words}
    assert shares["machine"][0] < 0.2
    assert shares["machine"][1] == 1


def test_a_row_does_not_meet_itself_unchanged(monkeypatch):
    """Or every change would lie beside a normal row that is the same but for it."""
    detector = PolarDetector().fit(readings(60))
    met = []
    features = RowReference.features

    def seen(self, texts, *, unmet=None):
        met.append((texts, unmet))
        return features(self, texts, unmet=unmet)

    monkeypatch.setattr(RowReference, "features", seen)
    detector.detection_limits()
    normal = detector.fitted_.reference.texts
    for texts, unmet in met:
        assert (unmet == unmet[0]).all()
        own = np.flatnonzero(unmet[0])[0]  # or a copy of it
        n_same = [sum(map(str.__eq__, text.split("; "), normal[own].split("; "))) for text in texts]
        assert {*n_same} <= {2, 3}  # of three cells one was changed, by less than a digit perhaps


def test_cells_without_a_number_and_columns_that_never_change_have_limits_too():
    rows = readings(120).assign(gap=[""] * 60 + [f"{i / 7:.1f}" for i in range(60)], same="5.0")
    found = PolarDetector().fit(rows).detection_limits()
    by_name = {own.column: own for own in found.numbers}
    assert 0 < by_name["gap"].up.most < 60
    assert by_name["same"].low == by_name["same"].high == 5
    assert 0 < by_name["same"].up.half < 2


def test_a_name_with_a_colon_and_steps_below_a_digit_have_limits_that_change_the_cell():
    size = np.random.default_rng(0).normal(20, 1, 200).round(1)
    rows = pd.DataFrame({"size": size, "A1: weight": 3 * size, "count": np.arange(200) % 7})
    for own in PolarDetector("columns").fit(rows).detection_limits().numbers:
        assert own.up.half > 0.05, own
        assert own.up.half == pytest.approx(round(own.up.half, 0 if own.column == "count" else 1))


@pytest.mark.slow
def test_numbers_that_are_names_are_told_of_as_words_alone():
    rng = np.random.default_rng(0)
    program = rng.integers(0, 9, 300)
    length = (20 + 7 * (program * 5 % 9) + rng.normal(0, 0.1, 300)).round(2)
    rows = pd.DataFrame({"program": program, "length": length})
    found = PolarDetector("columns").fit(rows).detection_limits()
    assert [own.column for own in found.numbers] == ["length"]
    assert [own.column for own in found.words] == ["program"]


def test_where_every_normal_row_is_flagged_nothing_is_known():
    found = PolarDetector("columns", alpha=1.0).fit(readings(60)).detection_limits()
    assert found.n_rows == 0
    assert np.isnan([own.up.most for own in found.numbers]).all()
    assert np.isnan([own.new for own in found.words]).all()
    assert len([*limit_tables(found, Language("en"))]) == 2


def test_a_wrong_word_is_any_other_wherever_it_stands_in_the_file():
    rng = np.random.default_rng(0)
    said = [f"M{i // 10:02d}" for i in range(200)]
    drawn = [_other(said, said[i], rng) for i in range(200)]
    assert not {*zip(drawn, said, strict=True)} & {*zip(said, said, strict=True)}
    assert np.corrcoef([said.index(own) for own in drawn], range(200))[0, 1] < 0.3
    assert _other(["a"], "a", rng) is None


def test_the_frame_has_a_line_for_each_column(limits):
    frame = limits.to_frame().set_index("column")
    assert [*frame.index] == [PRESSURE, FLOW, "load", "machine"]
    assert frame.loc[FLOW, "up_most"] == limits.numbers[1].up.most
    assert np.isnan(frame.loc["machine", "up_most"])
    assert frame.loc["machine", "flagged_new"] == 1
    assert repr(limits) == "DetectionLimits(4 columns)"


@pytest.mark.slow
def test_the_same_detector_has_the_same_limits(detector, limits):
    again = detector.detection_limits()
    assert (again.numbers, again.words) == (limits.numbers, limits.words)


def test_progress_is_told_to_its_end(detector):
    told = []
    detector.detection_limits(progress=lambda *own: told.append(own))
    assert {stage for stage, _, _ in told} == {"limits"}
    assert told[-1][1] == told[-1][2]


def test_detectors_that_are_not_fitted_or_read_texts_have_none(fitted_on_tiny):
    with pytest.raises(NotFittedError, match="not fitted"):
        PolarDetector().detection_limits()
    with pytest.raises(InputError, match=r"Got the detector \w+, which reads texts; expected one"):
        fitted_on_tiny.detection_limits()


@pytest.mark.parametrize("tongue", ["en", "ja"])
def test_tables_for_a_terminal_say_changes_of_both_signs(limits, tongue):
    numbers, words = limit_tables(limits, Language(tongue))
    cells = [[*column.cells] for column in numbers.columns]
    assert [str(cell) for cell in cells[0]] == [PRESSURE, FLOW, "load"]
    assert all("±" in cell or " / +" in cell for cell in cells[2])
    assert [str(cell) for cell in next(iter(words.columns)).cells] == ["machine"]


def test_the_command_prints_them(tmp_path, detector, run):
    detector.save(tmp_path / "own")
    code, out, _ = run("inspect", tmp_path / "own", "--detection-limits")
    assert code == 0
    assert "What is flagged at 0.05 where one cell of a normal row changes" in out
    code, _, err = run("inspect", tmp_path / "own", "--detection-limits", "--texts")
    assert (code, "--texts" in err) == (2, True)


@pytest.mark.slow
def test_the_command_says_that_what_models_read_has_none(saved_on_tiny, run):
    code, _, err = run("inspect", saved_on_tiny, "--detection-limits")
    assert (code, "which has models read the texts; expected one that goes by columns" in err) == (
        1,
        True,
    )


def test_changes_down_and_up_and_words_that_others_tell_are_told_apart():
    rng = np.random.default_rng(0)
    product = np.tile(["A", "B"], 75)
    rows = readings(150).assign(
        stop=np.where(np.arange(150) % 5 < 3, 105, 105 + rng.uniform(0, 20, 150)).round(1),
        product=product,
        program=np.where(product == "A", "P1", "P2"),
    )
    found = PolarDetector().fit(rows).detection_limits()
    stop = next(own for own in found.numbers if own.column == "stop")
    assert 1.5 * stop.down.half < stop.up.half  # most stand at 105, others above
    other = {own.column: own.other for own in found.words}
    assert other["program"] > 0.9
    assert other["machine"] < 0.2


def test_a_column_that_only_labelled_anomalies_fill_has_no_limits():
    rows = readings(120).assign(depth=[""] * 100 + [f"{i / 7:.2f}" for i in range(20)])
    found = PolarDetector().fit(rows, np.arange(120) >= 100).detection_limits()
    depth = next(own for own in found.numbers if own.column == "depth")
    assert np.isnan([depth.low, depth.high, *depth.down, *depth.up]).all()
    assert all(np.isfinite(own.up.half) for own in found.numbers if own.column != "depth")


def test_what_is_usual_is_what_reports_say(detector, limits):
    numbers = detector.fitted_.reference.numbers
    usual = numbers.usual_for(detector.fitted_.reference.texts[0])
    said = {
        own.name: (at.low, at.high) for own, at in zip(numbers.template.numeric, usual, strict=True)
    }
    for own in limits.numbers:
        assert (own.low, own.high) == said[own.column]
