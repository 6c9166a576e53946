"""The digits of numbers: rows that keep them, and rows that are rounder than usual, or less so."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import hypergeom

from polar_detect import PolarDetector, Report, screen
from polar_detect.assessment import Assessment
from polar_detect.frames import row_template, unwritten
from polar_detect.messages.language import Language
from polar_detect.report.content.row_phrases import digits_told
from polar_detect.signature.digits import LastDigits, UnusualDigits
from polar_detect.signature.round_columns import (
    Multiples,
    RoundColumns,
    first_of_runs,
    round_in_groups,
)
from polar_detect.statistics.concentration import Grouping, concentrations
from polar_detect.statistics.roundness import Roundness
from polar_detect.tables import RowTemplate, result_columns
from polar_detect.tables.columns.groupings import groupings_of
from polar_detect.tables.rows.template_column import TemplateColumn

MEASURED = {"thick [mm]": 3, "wide [mm]": 2, "hard [HV]": 1, "strong [MPa]": 1, "long [%]": 2}
ROUNDER = "all 5 numbers are rounder than usual"


def inspected(n=300, *, seed=0):
    rng = np.random.default_rng(seed)
    means, spreads = (2.0, 120.0, 210.0, 480.0, 31.0), (0.05, 0.3, 4.0, 9.0, 1.0)
    numbers = {
        name: rng.normal(mean, spread, n).round(digits)
        for (name, digits), mean, spread in zip(MEASURED.items(), means, spreads, strict=True)
    }
    return pd.DataFrame({"by": rng.choice(["Sato", "Suzuki", "Tanaka"], n)} | numbers)


def made_up(rows, places, *, by=1, columns=tuple(MEASURED)):
    """Return rows of which some have numbers of fewer digits."""
    rows = rows.copy()
    for name in columns:
        rows.loc[places, name] = rows.loc[places, name].round(MEASURED[name] - by)
    return rows


def worked_out(rows, place):
    """Return rows of which one has numbers of more digits, as averages have."""
    rows = rows.copy()
    for name in ("thick [mm]", "hard [HV]", "long [%]"):
        rows.loc[place, name] = 0.371 * rows.loc[place, name] + 0.629 * rows.loc[place - 1, name]
    return rows


def odd(found):
    """Return of which rows something is told, by their places, and whether these are rounder."""
    return {i: own.are_rounder for i, own in enumerate(found) if own is not None}


@pytest.fixture(scope="module")
def detector():
    return PolarDetector("columns").fit(inspected())


def arrived():
    return worked_out(made_up(inspected(60, seed=1), [10, 20]), 40)


def rounded_by_one(n=200, *, seed=3):
    """Return rows in which Suzuki rounds two columns to fives of the last digit."""
    rows = inspected(n, seed=seed)
    own = rows["by"] == "Suzuki"
    for name, step in (("thick [mm]", 0.005), ("hard [HV]", 0.5)):
        rows.loc[own, name] = ((rows.loc[own, name] / step).round() * step).round(3)
    return rows


class TestRoundness:
    """What is usual, by numbers alone."""

    @staticmethod
    def usual(**options):
        numbers = np.random.default_rng(0).normal(20, 1, (400, 4)).round(2)
        return Roundness.of(numbers, np.full(4, 3), **options)

    @staticmethod
    def told(own, rows):
        return (own.evidence(np.asarray(rows, float)) >= own.limits).tolist()

    def test_several_round_numbers_tell_and_one_does_not(self):
        rows = [[19.5, 20.5, 21.0, 20.0], [19.5, 20.53, 21.07, 20.01], [19.37, 20.53, 21.07, 20.01]]
        assert self.told(self.usual(), rows) == [[True, False], [False, False], [False, False]]

    def test_more_digits_tell(self):
        rows = [[19.372, 20.531, 21.07, 20.01], [19.372, 20.53, 21.07, 20.01]]
        assert self.told(self.usual(), rows) == [[False, True], [False, False]]

    def test_zeros_and_gaps_say_nothing(self):
        own = self.usual()
        rows = np.asarray([[0, np.nan, 0, np.nan], [19.5, np.nan, 0, 20.53]])
        assert own.evidence(rows)[0].tolist() == pytest.approx([0.0, 0.0])
        assert not own.which_less_round(rows).any()
        assert own.evidence(rows)[1, 0] == pytest.approx(
            own.evidence(np.asarray([[19.5, np.nan, np.nan, 20.53]]))[0, 0]
        )

    def test_many_zeros_and_gaps_say_nothing_either(self):
        rng = np.random.default_rng(0)
        numbers = rng.normal(20, 1, (400, 6)).round(2)
        numbers[rng.random((400, 6)) < 0.3] = 0.0
        numbers[rng.random((400, 6)) < 0.1] = np.nan
        own = Roundness.of(numbers, np.full(6, 3))
        rows = np.asarray([[19.5, 20.5, 21.0, 20.0, 0.0, np.nan]])
        assert own.which_known(rows).tolist() == [[True] * 4 + [False] * 2]
        assert own.evidence(rows)[0, 0] > own.limits[0]
        alone = own.evidence(np.asarray([[19.5, 20.5, 21.0, 20.0, np.nan, np.nan]]))
        assert own.evidence(rows)[0].tolist() == alone[0].tolist()

    def test_numbers_that_usually_are_round_tell_nothing(self):
        rng = np.random.default_rng(1)
        numbers = np.round(rng.normal(20, 3, (400, 4)), 2)
        are_round = rng.random((400, 4)) < 0.6
        own = Roundness.of(np.where(are_round, np.rint(numbers), numbers), np.full(4, 3))
        assert self.told(own, [[19.0, 20.0, 21.0, 20.0]]) == [[False, False]]

    def test_one_of_two_hundred_usual_rows_is_told_at_most(self):
        numbers = np.random.default_rng(2).normal(20, 3, (1000, 4)).round(2)
        numbers[:30] = numbers[:30].round(1)
        own = Roundness.of(numbers, np.full(4, 3))
        assert own.limits[0] > self.usual().limits[0]
        told = np.asarray(self.told(own, numbers))
        assert told.sum() <= 5
        assert self.told(self.usual(), numbers[:30])[0] == [True, False]
        numbers[:4] = numbers[:4].round(0)
        own = Roundness.of(numbers, np.full(4, 3))
        assert np.flatnonzero(np.asarray(self.told(own, numbers))[:, 0]).tolist() == [0, 1, 2, 3]

    def test_made_up_rows_do_not_hide_each_other_unless_they_are_no_exception(self):
        numbers = np.random.default_rng(0).normal(20, 3, (400, 4)).round(2)
        for n in (4, 20, 44, 80):
            rows = numbers.copy()
            rows[:n] = rows[:n].round(1)
            among = Roundness.of(rows, np.full(4, 3), are_usual=False)
            told = np.asarray(self.told(among, rows))[:, 0]
            assert told[:n].all() == (n <= 50)
            assert told[n:].mean() < 0.01
            assert np.isfinite(among.shares).all()

    def test_where_rows_are_round_together_anyway_nothing_is_told(self):
        for seed in range(3):
            size = np.random.default_rng(seed).normal(20, 1, 300).round(2)
            rows = np.stack([size, size, 2 * size, size / 2], axis=1).round(3)
            among = Roundness.of(rows, np.full(4, 4), are_usual=False)
            assert not np.asarray(self.told(among, rows)).any()

    def test_of_so_many_digits_in_all_large_numbers_are_no_rounder(self):
        rng = np.random.default_rng(0)
        sizes = np.exp(rng.normal(0, 1, (400, 1)) + rng.normal(2, 0.4, (400, 4)))
        numbers = np.vectorize(lambda x: float(f"{x:.3g}"))(sizes)
        own = Roundness.of(numbers, np.full(4, 4))
        assert not own.are_even.any()
        rows = [[123.0, 23.4, 34.5, 45.6], [1.2, 23.0, 3.4, 12.0], [1.234, 2.345, 34.56, 4.5]]
        assert self.told(own, rows) == [[False, False], [True, False], [False, True]]
        assert self.usual().are_even.all()

    def test_numbers_of_another_power_of_ten_say_nothing(self):
        rng = np.random.default_rng(0)
        own = Roundness.of(rng.normal(70, 5, (300, 4)).round(1), np.full(4, 3))
        assert self.told(own, [[131.0, 127.0, 140.0, 118.0]]) == [[False, False]]
        others = np.asarray([[131.0, 500.0, 0.0, np.nan]])
        for which in (own.which_known, own.multiples, own.which_rounder, own.which_less_round):
            assert not which(others).any()
        counts = Roundness.of(rng.poisson(4, (300, 4)).astype(float), np.full(4, 3))
        more = rng.poisson(14, (100, 4)).astype(float)
        assert not np.asarray(self.told(counts, more)).any()
        assert np.isfinite(counts.by_chance).all()

    def test_a_multiple_is_one_of_few(self):
        own = self.usual()
        assert [own.multiple(j) for j in range(4)] == [0.05] * 4
        numbers = np.asarray([[20.05, 20.1, 20.11, 0.0], [20.051, np.nan, 1e17, -20.5]])
        assert own.multiples(numbers).tolist() == [
            [True, True, False, False], [False, False, False, True],
        ]  # fmt: skip
        whole = Roundness.of(np.arange(1.0, 401)[:, None] * 1000, np.asarray([3]))
        assert whole.multiple(0) == 5000


@pytest.mark.parametrize(
    ("number", "written"),
    [
        ("20.1", "20.1"), ("20", "20.0"), ("20.125", "20.125"), ("20.10", "20.1"),
        ("20.12345678", "20.1235"), ("-0.04", "-0.04"), ("-0.00001", "0.0"),
        ("1.0512345", "1.0512"), ("1.049996", "1.0"), ("1e3", "1000.0"), ("", "missing"),
        ("off", "off"),
    ],
)  # fmt: skip
def test_rows_keep_three_more_digits_than_models_read(number, written):
    template = RowTemplate((TemplateColumn("T", 1),), keeps_digits=True)
    (text,) = template.texts(pd.DataFrame({"T": [number]}, dtype=str))
    assert text == f"T: {written}"
    (plain,) = template.rounded().texts(pd.DataFrame({"T": [number]}, dtype=str))
    said = float(written) if written[-1].isdigit() else np.nan
    np.testing.assert_array_equal(template.read([text]).numbers.values, [[said]])
    assert template.rounded_texts([text]) == [plain]
    assert template.texts(pd.DataFrame({"T": [text[3:]]}, dtype=str)) == [text]


def test_what_tells_of_other_columns_is_written_as_it_is_read():
    rng = np.random.default_rng(0)
    size = rng.choice([10.0, 20.25, 31.5], 200)
    rows = pd.DataFrame({"size": size, "force": (size * 3 + rng.normal(0, 1, 200)).round(3)})
    template = RowTemplate.fit(rows, list(rows))
    assert template.columns[1].factors == ("size",)
    assert [own.name for own in template.with_digits] == ["force"]
    assert not template.tells_digits  # of one number nothing is
    later = pd.DataFrame({"size": ["20.2512"], "force": ["60.1234"]})
    assert template.texts(later) == ["size: 20; force: 60.1234"]


def test_models_read_as_few_digits_as_before_and_take_rows_with_all(tiny_pair):
    rows = inspected(60).drop(columns="by").assign(note=[f"see {i} again" for i in range(60)])
    template = RowTemplate.fit(rows, list(rows))
    assert template.keeps_digits
    own = PolarDetector("texts", rows=template, **tiny_pair).fit(rows)
    assert not own.rows_.keeps_digits
    assert {*own.fitted_.normal_texts} == {*template.rounded().texts(rows)}
    assert own.assess(rows[:3], programs_of="none").unusual_digits == ()
    scores = own.score_samples(rows[:3])
    assert own.score_samples(template.texts(rows[:3])).tolist() == scores.tolist()
    assert own.score_samples(own.rows_.texts(rows[:3])).tolist() == scores.tolist()


def test_an_assessment_says_which_rows_are_odd_and_scores_stay(detector):
    found = detector.assess(arrived())
    assert odd(found.unusual_digits) == {10: True, 20: True, 40: False}
    assert found.unusual_digits[10] == UnusualDigits(tuple(MEASURED), 5, are_rounder=True)
    assert found.unusual_digits[40].columns == ("thick [mm]", "hard [HV]", "long [%]")
    assert not found.is_anomaly[[10, 20]].any()  # nothing else sees them
    said = found.to_frame()["unusual_digits"]
    assert said[10] == ROUNDER
    assert said[40].startswith("3 of 5 numbers have more digits than usual: thick [mm], hard [HV]")
    assert said[9] == ""
    assert found.to_frame("ja")["unusual_digits"][20] == "数値5個すべてが通常より切りのよい値"
    assert odd(found.rows(np.asarray([20, 3])).unusual_digits) == {0: True}
    assert odd(Assessment.below([found, found.rows(np.arange(11))]).unusual_digits)[70]


def test_numbers_that_say_nothing_are_not_counted(detector):
    rows = made_up(inspected(60, seed=1), [10])
    rows.loc[10, "long [%]"] = 0.0
    found = detector.assess(rows)
    assert found.to_frame()["unusual_digits"][10] == "all 4 numbers are rounder than usual"


def test_a_saved_detector_says_the_same_and_one_of_before_nothing(detector, tmp_path):
    detector.save(tmp_path / "d")
    again = PolarDetector.load(tmp_path / "d").assess(arrived())
    assert again.unusual_digits == detector.assess(arrived()).unusual_digits
    assert detector.rows_.keeps_digits
    before = PolarDetector("columns", rows=detector.rows_.rounded()).fit(inspected())
    assert before.rows_.to_json().keys() == {"columns", "notation"}
    found = before.assess(arrived())
    assert found.unusual_digits == ()
    assert "unusual_digits" not in found.to_frame()
    np.testing.assert_allclose(found.scores, again.scores, rtol=0.2)


def test_copies_are_compared_by_what_the_table_says(detector):
    copy = inspected(60, seed=4)
    copy.loc[7] = inspected().loc[33]
    near = copy.copy()
    near.loc[7, list(MEASURED)] += 0.004  # the same as it is rounded
    assert detector.assess(copy).repeats[7].place == 33
    assert detector.assess(near).repeats[7] is None


@pytest.mark.parametrize("n", [3, 30])
def test_a_screening_finds_few_and_many(n):
    rows = made_up(inspected(), [*range(0, 4 * n, 4)])
    found = screen(rows)
    told = odd(found.unusual_digits)
    assert {*range(0, 4 * n, 4)} <= told.keys()
    assert len(told) <= n + 3
    assert found.to_frame()["unusual_digits"][0] == ROUNDER


def test_screen_says_how_many_and_where_they_are(run, tmp_path):
    rows = made_up(inspected(), [*range(200, 296, 8)])
    rows.loc[200::8, "by"] = "Tanaka"
    rows.to_csv(tmp_path / "in.csv", index=False)
    *_, err = run("screen", tmp_path / "in.csv", "--all-columns", "--out", tmp_path / "out.csv",
                 "--report", tmp_path / "out.md")  # fmt: skip
    frame = pd.read_csv(tmp_path / "out.csv")
    assert "unusual_digits" in result_columns(frame.columns)
    n = frame["unusual_digits"].count()
    assert 12 <= n <= 15
    said = f"{n} of 300 rows have numbers that are rounder than usual, or have more digits"
    page = (tmp_path / "out.md").read_text()
    for text in (err, page):
        assert said in text
        assert "Rows with such numbers concentrate where “by” is “Tanaka”: 1" in text
    assert "(all 5 numbers are rounder than usual); " in err


@pytest.mark.parametrize("command", ["screen", "report"])
def test_a_group_that_rounds_single_columns_is_named(command, run, detector, tmp_path):
    rounded_by_one().to_csv(tmp_path / "in.csv", index=False)
    options = ["--all-columns", "--out", tmp_path / "out.csv"]
    if command == "report":
        detector.save(tmp_path / "d")
        options = ["--detector", tmp_path / "d", "--out", tmp_path / "out.md"]
    *_, err = run(command, tmp_path / "in.csv", *options)
    for name, multiple in (("thick [mm]", "0.005"), ("hard [HV]", "0.5")):
        said = f"More numbers of “{name}” are multiples of {multiple} where “by” is “Suzuki”: "
        assert said in err
    assert err.count("More numbers of") == 2
    *_, err = run(command, tmp_path / "in.csv", *options, "--lang", "ja")
    assert "「hard [HV]」の数値のうち、0.5の倍数であるものは「by」が「Suzuki」に偏っています" in err
    inspected(200, seed=3).to_csv(tmp_path / "in.csv", index=False)
    *_, err = run(command, tmp_path / "in.csv", *options)
    assert "More numbers of" not in err


def test_score_and_report_say_so(run, detector, tmp_path):
    detector.save(tmp_path / "d")
    arrived().to_csv(tmp_path / "new.csv", index=False)
    where = ("--detector", tmp_path / "d")
    *_, err = run("score", tmp_path / "new.csv", *where, "--out", tmp_path / "out.csv")
    assert "3 of 60 rows have numbers that are rounder than usual" in err
    frame = pd.read_csv(tmp_path / "out.csv")
    assert frame.index[frame["unusual_digits"].notna()].tolist() == [10, 20, 40]
    *_, err = run("score", tmp_path / "new.csv", *where, "--out", tmp_path / "ja.csv",
                 "--lang", "ja")  # fmt: skip
    assert "行が、60行中3行あります" in err
    *_, err = run("report", tmp_path / "new.csv", *where, "--out", tmp_path / "out.json",
                 "--lang", "ja")  # fmt: skip
    findings = json.loads((tmp_path / "out.json").read_text())["findings"]
    said = "60行中3行あります（作った値や計算した値かもしれません）：12行目（数値5個すべてが"
    assert any(said in own for own in findings)
    assert said in err
    inspected(60, seed=1).to_csv(tmp_path / "new.csv", index=False)
    *_, err = run("score", tmp_path / "new.csv", *where, "--out", tmp_path / "out2.csv")
    assert "rounder" not in err


def test_cards_and_reports_by_index_name_the_rows(tmp_path):
    rows = made_up(inspected(), [3, 250])
    rows.loc[3, "hard [HV]"] = 400.0  # so that it is explained
    rows = rows.set_axis([f"r{i}" for i in range(300)])
    report = Report.of_screening(rows, share=0.01, top=3)
    report.save(tmp_path / "page.md")
    page = (tmp_path / "page.md").read_text()
    assert f"Its digits are unusual: {ROUNDER}." in page
    assert f"index r250 ({ROUNDER})" in page


def test_a_column_of_that_name_is_told_at_fit_as_score_would_refuse_it(run, tmp_path):
    inspected(60).assign(unusual_digits=range(60)).to_csv(tmp_path / "in.csv", index=False)
    *_, err = run("fit", tmp_path / "in.csv", "--all-columns", "--out", tmp_path / "d")
    assert "column 'unusual_digits' has the name of one that score adds" in err


def test_many_columns_are_not_all_named():
    own = UnusualDigits(tuple("abcdef"), 8, are_rounder=True)
    told = digits_told(own, Language())
    assert told == "6 of 8 numbers are rounder than usual: a, b, c, d, …"
    ja = digits_told(UnusualDigits(("a", "b"), 2, are_rounder=False), Language("ja"))
    assert ja == "数値2個すべての桁数が通常より多い"


def test_of_few_measured_columns_and_of_texts_nothing_is_asked():
    one = inspected()[["by", "hard [HV]"]]
    template = RowTemplate.fit(one, list(one))
    assert LastDigits.of(template, template.texts(one)) is None
    assert LastDigits.of(None, ["a text"]) is None
    assert PolarDetector("columns").fit(one).assess(one).unusual_digits == ()


@pytest.mark.parametrize("command", ["score", "report"])
def test_a_column_that_a_whole_file_rounds_is_named(command, run, detector, tmp_path):
    detector.save(tmp_path / "d")
    rows = inspected(60, seed=1)
    rows["hard [HV]"] = (rows["hard [HV]"] / 0.5).round() * 0.5
    rows.to_csv(tmp_path / "new.csv", index=False)
    out = tmp_path / ("out.csv" if command == "score" else "out.md")
    where = ("--detector", tmp_path / "d", "--out", out)
    *_, err = run(command, tmp_path / "new.csv", *where)
    assert "60 of 60 numbers of “hard [HV]” are multiples of 0.5; in normal rows " in err
    *_, err = run(command, tmp_path / "new.csv", *where, "--lang", "ja")
    assert "「hard [HV]」の数値は60個中60個が0.5の倍数です（正常な行では300個中" in err
    inspected(60, seed=1).to_csv(tmp_path / "new.csv", index=False)
    *_, err = run(command, tmp_path / "new.csv", *where)
    assert "are multiples of" not in err


def test_numbers_around_one_value_and_few_more_multiples_are_chance():
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "part": np.repeat(["A", "B"], 150),
            "bore [mm]": np.repeat([2.0, 2.53], 150) + rng.normal(0, 0.004, 300).round(2),
            "wide [mm]": rng.normal(120, 3, 300).round(2),
        }
    )
    template = RowTemplate.fit(rows, ["bore [mm]", "wide [mm]"])
    texts, is_a = template.texts(rows), (rows["part"] == "A").to_numpy()
    bore, wide = LastDigits.of(template, texts).multiples(texts)
    assert bore.are_such[is_a].mean() > 0.6
    assert bore.are_such[~is_a].mean() < 0.2
    assert not bore.rows(is_a).is_rounder_than(bore.rows(~is_a))  # as they are around 2.0
    own, others = wide.rows(is_a), wide.rows(~is_a)
    half = np.where(np.arange(150) % 2 == 0, True, own.are_such)
    some = np.where(np.arange(150) % 6 == 0, True, own.are_such)
    assert replace(own, are_such=half).is_rounder_than(others)
    assert not replace(own, are_such=some).is_rounder_than(others)
    again = RoundColumns(LastDigits.of(template, texts), texts)
    again.add([texts[i] for i in np.flatnonzero(is_a)])
    assert [one.column for one in again.told] == []
    none = replace(own, numbers=np.full(150, np.nan), are_such=np.zeros(150, bool))
    assert not none.is_rounder_than(others)
    assert not own.is_rounder_than(none)


def test_points_of_thousands_are_not_read_in_rows_again():
    rng = np.random.default_rng(0)
    grams = [
        f"{x:,.3f}".translate(str.maketrans(",.", ".,")) for x in np.exp(rng.normal(6, 1, 200))
    ]
    force = [f"{x:.2f}".replace(".", ",") for x in rng.normal(49, 1, 200)]
    rows = pd.DataFrame({"weight [g]": grams, "force [N]": force})
    template = row_template(rows)
    assert template.columns[0].form.thousands == "."
    texts = template.texts(rows)
    assert not unwritten(texts, template)
    assert template.rounded_texts(texts) == template.rounded().texts(rows)
    assert PolarDetector("columns").fit(rows).assess(rows[:3]).scores.max() < 100


def test_rows_that_differ_in_further_digits_are_no_copies():
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"a": rng.normal(20, 1, 300).round(2), "b": rng.normal(5, 1, 300).round(2)})
    rows.loc[150:, "b"] = rows["b"] + 0.001
    rows.loc[150:, "a"] = rows["a"].to_numpy()[:150]
    template = row_template(rows)
    texts = template.texts(rows)
    assert len({*template.rounded_texts(texts)}) < len({*texts}) == 300
    reference = PolarDetector("columns", rows=template).fit(rows).fitted_.reference
    assert len(reference._distinct[0]) == 300


def test_what_stays_the_same_over_a_lot_is_one_number():
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"lot": np.repeat([f"L{i}" for i in range(20)], 20)})
    rows["thick [um]"] = np.repeat(rng.normal(21, 2, 20).round(1), 20)
    rows["wide [mm]"] = rng.normal(120, 3, 400).round(2)
    template = RowTemplate.fit(rows, ["thick [um]", "wide [mm]"])
    texts, groupings = template.texts(rows), groupings_of(rows[["lot"]])
    asked = LastDigits.of(template, texts, are_normal=False).multiples(texts)
    assert concentrations(groupings, asked[0].are_such)
    assert round_in_groups(asked, groupings) == ()
    ordinary = rows.assign(**{"thick [um]": rng.normal(21, 2, 400).round(1)})
    digits = LastDigits.of(template, template.texts(ordinary))
    lots = RoundColumns(digits, template.texts(ordinary))
    at_once = RoundColumns(digits, template.texts(ordinary))
    five = rows.assign(**{"thick [um]": np.repeat([20.0, 21.5, 22.5], [150, 150, 100])})
    for start in range(0, 400, 50):
        lots.add(template.texts(five[start : start + 50]))
    at_once.add(template.texts(five))
    assert lots.told == at_once.told == ()
    fives = rows.assign(**{"thick [um]": (rng.normal(21, 2, 400) * 2).round() / 2})
    at_once.add(template.texts(fives))
    assert [own.column for own in at_once.told] == ["thick [um]"]


def test_fit_tells_of_normal_rows_and_with_contamination_they_hide_nothing(run, tmp_path):
    normal, new = made_up(inspected(), [3, 40, 77, 120]), made_up(inspected(60, seed=1), [10])
    normal.to_csv(tmp_path / "in.csv", index=False)
    *_, err = run("fit", tmp_path / "in.csv", "--all-columns", "--out", tmp_path / "d")
    assert "4 of 300 rows have numbers that are rounder than those of most" in err
    inspected().to_csv(tmp_path / "in.csv", index=False)
    *_, err = run("fit", tmp_path / "in.csv", "--all-columns", "--out", tmp_path / "d")
    assert "rounder" not in err
    assert odd(PolarDetector("columns").fit(normal).assess(new).unusual_digits) == {}
    own = PolarDetector("columns", contamination=0.05).fit(normal)
    assert odd(own.assess(new).unusual_digits) == {10: True}


def test_chances_are_those_of_all_groups_of_all_columns():
    rows = rounded_by_one()
    template = RowTemplate.fit(rows, list(MEASURED))
    texts = template.texts(rows)
    asked = LastDigits.of(template, texts, are_normal=False).multiples(texts)
    by = groupings_of(rows[["by"]])
    both = by | {"other": Grouping(np.arange(200) % 2, ("a", "b"))}
    alone, beside = round_in_groups(asked, by), round_in_groups(asked, both)
    assert [own.column for own in alone] == [own.column for own in beside]
    (hard,) = (own for own in asked if own.column == "hard [HV]")
    told = next(own for own in alone if own.column == "hard [HV]")
    places = by["by"].places == by["by"].says.index("Suzuki")
    order = np.argsort(by["by"].places, kind="stable")
    is_run = (np.diff(hard.numbers[order], prepend=np.nan) != 0) | (
        np.diff(by["by"].places[order], prepend=-1) != 0
    )
    kept = order[is_run]
    such, own = hard.are_such[kept], places[kept]
    chance = hypergeom.sf(such[own].sum() - 1, len(kept), own.sum(), such.sum())
    assert told.where.p_value == pytest.approx(chance * 3 * 5, rel=1e-9, abs=0)
    assert own.sum() < told.where.n_rows == told.where.n_flagged == places.sum()
    for one, two in zip(alone, beside, strict=True):
        assert two.where.p_value == pytest.approx(one.where.p_value * 5 / 3, rel=1e-9, abs=0)
    few = round_in_groups([replace(hard, are_such=np.zeros(200, bool))], both)
    assert few == ()


def test_the_last_row_of_one_group_and_the_first_of_the_next_are_two_numbers():
    numbers = np.asarray([1.0, 1.0, 2.0, 2.0, 3.0, np.nan, 3.0, np.nan])
    are_such = np.asarray([True] * 5 + [False, True, False])
    own = Multiples("x", 1.0, 0.2, 0.2, numbers, are_such)
    places = np.asarray([0, 0, 0, 1, 1, 1, 1, 0])
    assert first_of_runs(own, places).tolist() == [0, 2, 3, 4]


def test_columns_of_so_many_digits_in_all_are_multiples_of_nothing():
    rng = np.random.default_rng(0)
    sizes = np.exp(rng.normal(0, 1, 300))
    rows = pd.DataFrame(
        {"size": [f"{x:.3g}" for x in sizes], "wide": rng.normal(9, 1, 300).round(2)}
    )
    template = RowTemplate.fit(rows, ["size", "wide"])
    texts = template.texts(rows)
    digits = LastDigits.of(template, texts)
    assert [own.name for own in template.with_digits] == ["size", "wide"]
    assert [own.column for own in digits.multiples(texts)] == ["wide"]


@pytest.mark.parametrize("gap", [np.nan, 0.0])
def test_a_number_stays_the_same_over_gaps_too(gap):
    rng = np.random.default_rng(0)
    normal = pd.DataFrame(
        {"thick [um]": rng.normal(21, 2, 400).round(1), "wide [mm]": rng.normal(9, 1, 400).round(2)}
    )
    template = RowTemplate.fit(normal, list(normal))
    texts = template.texts(normal)
    lots = normal.assign(**{"thick [um]": np.repeat([20.0, 21.5, 22.5, 19.5], 100)})[:300]
    lots.loc[1::2, "thick [um]"] = gap
    own = RoundColumns(LastDigits.of(template, texts), texts)
    own.add(template.texts(lots.assign(**{"thick [um]": gap})[:5]))
    assert own.told == ()
    own.add(template.texts(lots))
    assert own.told == ()


def test_columns_that_are_empty_at_first_or_hold_codes_and_counts_are_scored(run, tmp_path):
    rng = np.random.default_rng(0)
    counts = {"scratches": rng.poisson(3, 300), "steps": 10 * rng.poisson(3, 300)}
    rows = inspected().assign(**counts, dilution=rng.choice([1, 10, 100, 1000], 300))
    rows.to_csv(tmp_path / "in.csv", index=False)
    run("fit", tmp_path / "in.csv", "--all-columns", "--out", tmp_path / "d")
    new = pd.concat([rows] * 5, ignore_index=True).astype({"hard [HV]": object})
    new["strong [MPa]"] = (new["strong [MPa]"] * 2).round() / 2
    new.loc[:1099, ["hard [HV]", "strong [MPa]"]] = ["", 480]
    new.to_csv(tmp_path / "new.csv", index=False)
    for command, name in (("score", "out.csv"), ("report", "out.md"), ("screen", "s.csv")):
        where = ["--all-columns"] if command == "screen" else ["--detector", tmp_path / "d"]
        code, _, err = run(command, tmp_path / "new.csv", *where, "--out", tmp_path / name)
        assert code == 0, err
        if command != "screen":
            assert "1,500 of 1,500 numbers of “strong [MPa]” are multiples of 0.5" in err


def test_set_points_of_products_in_turn_are_no_rounding():
    rng = np.random.default_rng(0)
    product = rng.integers(0, 12, 300)
    points = rng.integers(40, 200, 12).astype(float)
    points[:2] = [150, 170]
    rows = pd.DataFrame({"speed": points[product], "wide [mm]": rng.normal(120, 3, 300).round(2)})
    day = np.where(product < 2, 0, 1 + product % 3)
    template = RowTemplate.fit(rows, list(rows))
    texts = template.texts(rows)
    digits = LastDigits.of(template, texts)
    speed, wide = digits.multiples(texts)
    assert not speed.are_measured
    assert wide.are_measured
    days = {"day": Grouping(day, tuple("abcd"))}
    assert concentrations(days, speed.are_such)
    assert round_in_groups([speed, wide], days) == ()
    file = RoundColumns(digits, texts)
    file.add([texts[i] for i in np.flatnonzero(day == 0)])
    assert file.told == ()
