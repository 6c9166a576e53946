"""Numbers that stay the same from row to row for longer than usual."""

import json

import numpy as np
import pandas as pd
import pytest

from polar_detect import PolarDetector, Report, screen
from polar_detect.artifact.reading import stored_origin
from polar_detect.messages.language import Language
from polar_detect.report.content.row_phrases import flat_told
from polar_detect.signature.flat_runs import FlatRun, FlatRuns, UsualRuns, by_row, rows_of
from polar_detect.statistics.runs import Runs
from polar_detect.tables import RowTemplate


def sensors(n=300, *, seed=0):
    """Return rows of a furnace, one after the other."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "shift": np.where(np.arange(n) // 80 % 2, "night", "day"),
            "temp [°C]": rng.normal(850, 3, n).round(1),
            "flow": np.where(rng.random(n) < 0.7, 0, rng.normal(10, 1, n)).round(1),
            "set": np.repeat(rng.choice([1.0, 2.0, 3.0], n // 30 + 1), 30)[:n],
            "held": np.repeat(rng.normal(50, 1, n // 3 + 1).round(2), 3)[:n],
        }
    )


def stuck(rows, column, first, last, number=None):
    """Return rows in which a number stays the same from one row to another."""
    found = rows.copy()
    found.loc[first:last, column] = rows.loc[first, column] if number is None else number
    return found


@pytest.fixture(scope="module")
def detector():
    return PolarDetector("columns").fit(sensors())


def runs_of(detector, rows):
    """Return the columns and rows of each run."""
    found = dict.fromkeys(run for own in detector.assess(rows).flat_runs for run in own)
    return [(run.columns, run.first, run.last) for run in found]


def test_usual_rows_have_no_flat_runs(detector):
    assert [runs_of(detector, sensors(seed=seed)) for seed in range(1, 6)] == [[]] * 5


@pytest.mark.parametrize(("first", "last"), [(0, 11), (100, 119), (285, 299)])
def test_a_number_that_stays_is_told_from_its_first_row_to_its_last(detector, first, last):
    rows = stuck(sensors(seed=7), "temp [°C]", first, last, 853.75)
    (found,) = {run for own in detector.assess(rows).flat_runs for run in own}
    n = last - first + 1
    assert found == FlatRun(first, last, n, ("temp [°C]",), (853.75,), found.longest)
    assert found.longest <= 3
    told = detector.assess(rows).to_frame()["flat_run"]
    assert told.index[told != ""].tolist() == [*range(first, last + 1)]
    assert told[first] == f"“temp [°C]” at 853.75 for {n} rows"


@pytest.mark.parametrize(
    ("column", "last"),
    [
        ("temp [°C]", 102),  # as chance has it
        ("held", 105),  # hardly longer than others
        ("set", 140),
        ("flow", 108),  # where zeros follow zeros
    ],
)
def test_what_stays_no_longer_than_usual_is_not_told(detector, column, last):
    number = 0.0 if column == "flow" else None
    assert runs_of(detector, stuck(sensors(seed=7), column, 100, last, number)) == []


def test_columns_that_stay_in_the_same_rows_are_told_together(detector):
    rows = stuck(stuck(sensors(seed=7), "temp [°C]", 50, 90, 853.75), "flow", 50, 90, 9.95)
    assert runs_of(detector, rows) == [(("temp [°C]", "flow"), 50, 90)]
    assert detector.assess(rows).flat_runs[60][0].longest == 2
    said = detector.assess(rows).to_frame("ja")["flat_run"][60]
    assert said == "「temp [°C]」が853.75、「flow」が9.95のまま41行"


def test_of_columns_together_the_longest_other_run_is_said():
    rng = np.random.default_rng(0)
    held = rng.normal(0, 1, (200, 2)).round(3)
    held[1::2, 1] = held[::2, 1]
    frame = pd.DataFrame(held, columns=["free", "held"])
    template = RowTemplate.fit(frame, ["free", "held"])
    usual = UsualRuns.of(template, template.texts(frame))
    new = stuck(stuck(frame, "free", 50, 90, 0.5555), "held", 50, 90, 0.5555)
    (found,) = {run for own in by_row(template.texts(new), usual) for run in own}
    assert (found.columns, found.longest) == (("free", "held"), 2)


def test_several_runs_of_a_column_do_not_hide_each_other(detector):
    rows = stuck(stuck(sensors(seed=7), "temp [°C]", 50, 70, 851.0), "temp [°C]", 90, 115, 848.0)
    assert [own[1:] for own in runs_of(detector, rows)] == [(50, 70), (90, 115)]


def test_a_number_at_which_a_column_rests_again_and_again_is_a_state():
    rows = sensors(600)
    rows.loc[np.arange(600) // 100 % 2 == 0, "flow"] = 3.3
    assert screen(rows, PolarDetector("columns")).to_frame()["flat_run"].eq("").all()


def test_sorted_rows_are_no_flat_runs(detector):
    rows = sensors(seed=7).assign(**{"temp [°C]": lambda own: own["temp [°C]"].round()})
    normal = sensors().assign(**{"temp [°C]": lambda own: own["temp [°C]"].round()})
    detector = PolarDetector("columns").fit(normal)
    by_shift = rows.sort_values(["shift", "temp [°C]"]).reset_index(drop=True)
    assert runs_of(detector, by_shift) == []
    rows = stuck(rows, "temp [°C]", 50, 90, 853.75)
    assert runs_of(detector, rows) == [(("temp [°C]",), 50, 90)]
    rng = np.random.default_rng(0)
    peaked = np.where(rng.random(900) < 0.5, 0, rng.normal(0, 5, 900).round())
    counts = pd.DataFrame({"faults": peaked, "size": rng.normal(0, 1, 900).round(3)})
    template = RowTemplate.fit(counts[:600], [*counts.columns])
    usual = UsualRuns.of(template, template.texts(counts[:600]))
    texts = template.texts(counts[600:].sort_values("faults"))
    assert not any(by_row(texts, usual))
    rising = counts.assign(faults=(np.arange(900) * 2 + rng.random(900)).round(2))
    template = RowTemplate.fit(rising[:600], [*rising.columns])
    usual = UsualRuns.of(template, template.texts(rising[:600]))
    rising = stuck(rising[600:].reset_index(drop=True), "faults", 100, 130)
    found = {run for own in by_row(template.texts(rising), usual) for run in own}
    assert [(own.first, own.last) for own in found] == [(100, 130)]


def test_a_run_is_twice_as_long_as_any_other_and_no_chance():
    normal = stuck(sensors(), "temp [°C]", 50, 69, 853.75)
    once = PolarDetector("columns").fit(normal)
    for last, is_told in ((130, False), (145, True)):
        assert (
            bool(runs_of(once, stuck(sensors(seed=7), "temp [°C]", 100, last, 847.35))) == is_told
        )
    fine = pd.DataFrame({"size": np.random.default_rng(1).normal(0, 1, 4000).round(5), "line": "A"})
    template = RowTemplate.fit(fine, ["size", "line"])
    usual, new = (
        UsualRuns.of(template, template.texts(fine[:3800])),
        fine[3800:].reset_index(drop=True),
    )
    for last, is_told in ((53, False), (54, True)):
        assert any(by_row(template.texts(stuck(new, "size", 50, last)), usual)) == is_told


def test_a_file_that_says_one_number_is_told_where_normal_rows_vary(detector):
    few = sensors(40, seed=7)
    whole = few.assign(**{"temp [°C]": 850.0, "set": 2.0})
    assert runs_of(detector, whole) == [(("temp [°C]",), 0, 39)]
    rng = np.random.default_rng(0)
    coarse = pd.DataFrame(
        {"temp": rng.normal(50, 3, 1500).round(1), "size": rng.normal(0, 1, 1500)}
    )
    template = RowTemplate.fit(coarse, ["temp", "size"])
    usual = UsualRuns.of(template, template.texts(coarse))
    assert all(by_row(template.texts(coarse[:40].assign(temp=50.1)), usual))
    of_lots = sensors().assign(carbon=rng.choice(rng.normal(0.18, 0.01, 20).round(4), 300))
    template = RowTemplate.fit(of_lots, [*of_lots.columns])
    usual = UsualRuns.of(template, template.texts(of_lots))
    assert not any(by_row(template.texts(few.assign(carbon=0.1811)), usual))
    usual = UsualRuns.of(
        template, template.texts(of_lots.assign(carbon=rng.normal(0.18, 0.01, 300)))
    )
    lots = few.assign(carbon=np.repeat([0.1811, 0.1786], 20))
    assert not any(by_row(template.texts(lots), usual))
    assert all(by_row(template.texts(few.assign(carbon=0.1811)), usual))


def test_rows_without_a_number_are_passed_over(detector):
    rows = stuck(sensors(seed=7), "temp [°C]", 50, 90, 853.75).astype(object)
    rows.loc[70, "temp [°C]"] = None
    rows.loc[80, "temp [°C]"] = "off"
    (found,) = {run for own in detector.assess(rows).flat_runs for run in own}
    assert (found.first, found.last, found.n_rows) == (50, 90, 39)


def test_an_odd_number_within_rows_that_stay_the_same_makes_two_runs(detector):
    rows = stuck(sensors(seed=7), "temp [°C]", 50, 90, 853.75)
    rows.loc[70, "temp [°C]"] = 848.2
    assert [own[1:] for own in runs_of(detector, rows)] == [(50, 69), (71, 90)]
    again = stuck(rows, "temp [°C]", 130, 150, 853.75)
    assert runs_of(detector, again) == []  # a number at which it rests


def test_rows_are_followed_across_pieces_of_a_batch():
    rows, normal = stuck(sensors(seed=7), "temp [°C]", 50, 90, 851.0), sensors()
    template = RowTemplate.fit(normal, [*normal.columns])
    usual = UsualRuns.of(template, template.texts(normal))
    texts = template.texts(rows)
    whole = by_row(texts, usual)
    assert sum(map(bool, whole)) == 41
    for size in (1, 7, 60):
        runs = FlatRuns(usual)
        for start in range(0, len(texts), size):
            runs.add(texts[start : start + size])
        assert runs.told == tuple(dict.fromkeys(run for own in whole for run in own))


def test_a_file_of_one_nominal_size_is_a_job():
    rng = np.random.default_rng(0)
    jobs = pd.DataFrame({"thickness": rng.choice(np.arange(1, 21) / 2, 600)})
    jobs["length"] = rng.normal(200, 5, 600).round(2)
    template = RowTemplate.fit(jobs, ["thickness", "length"])
    usual = UsualRuns.of(template, template.texts(jobs))
    assert not any(by_row(template.texts(jobs[:50].assign(thickness=2.5)), usual))


def test_levels_that_rise_are_no_sorted_file(detector):
    rows = sensors(seed=7).assign(**{"temp [°C]": np.repeat([850.15, 852.35, 854.45], 100)})
    assert not Runs.of(rows["temp [°C]"].to_numpy()).are_sorted
    rows.loc[250:, "temp [°C]"] = sensors(50, seed=9)["temp [°C]"].to_numpy()
    assert [own[1:] for own in runs_of(detector, rows)] == [(0, 99), (100, 199), (200, 249)]


def test_a_number_that_comes_often_may_stay_for_longer_than_it_does():
    rng = np.random.default_rng(0)

    def flows(n):
        flow = np.where(rng.random(n) < 0.5, 0, rng.normal(10, 1, n)).round(1)
        return pd.DataFrame({"flow": flow, "size": rng.normal(0, 1, n).round(3)})

    detector = PolarDetector("columns").fit(flows(600))
    new = flows(300)
    new.loc[[99, 151], "flow"] = 9.1
    rests = stuck(new, "flow", 100, 150, 0.0)
    assert runs_of(detector, rests) == [(("flow",), 100, 150)]
    assert runs_of(detector, new) == []


def test_stops_do_not_hide_a_number_that_stays_while_it_runs():
    rng = np.random.default_rng(0)

    def speeds(n, stops):
        speed = rng.normal(1500, 10, n).round(1)
        speed[stops] = 0
        return pd.DataFrame({"speed": speed, "size": rng.normal(0, 1, n).round(3)})

    detector = PolarDetector("columns").fit(speeds(600, np.arange(600) // 30 % 3 == 0))
    new = speeds(300, np.arange(300) // 30 % 3 == 0)
    assert runs_of(detector, new) == []
    assert runs_of(detector, stuck(new, "speed", 125, 145, 1503.35)) == [(("speed",), 125, 145)]
    detector = PolarDetector("columns").fit(speeds(600, []))
    new = speeds(300, [*range(20, 35), *range(250, 265)])
    assert runs_of(detector, new) == []
    assert runs_of(detector, stuck(new, "speed", 100, 179, 1503.35)) == [(("speed",), 100, 179)]


def test_of_many_rows_a_sample_of_the_runs_is_kept():
    rows, normal = sensors(60_000, seed=7), sensors()
    rows = stuck(rows, "temp [°C]", 20_000, 20_030, 853.75)
    rows.loc[49_999, "flow"] = 9.1
    rows = stuck(rows, "flow", 50_000, 50_900, 0.0)
    rows.loc[50_901, "flow"] = 9.1
    template = RowTemplate.fit(normal, ["temp [°C]", "flow"])
    runs, texts = FlatRuns(UsualRuns.of(template, template.texts(normal))), template.texts(rows)
    for start in range(0, len(texts), 2_048):
        runs.add(texts[start : start + 2_048])
    assert [(own.columns, own.first, own.last) for own in runs.told] == [
        (("temp [°C]",), 20_000, 20_030),
        (("flow",), 50_000, 50_900),
    ]
    own = Runs.of(np.arange(1e5) // 3)
    kept = own.thinned(100)
    assert 90 <= len(kept) <= 100
    assert kept.lasts[-1] == own.lasts[-1]
    assert Runs.joined([kept, Runs.of(np.full(7, kept.numbers[-1]), 100_000)]).lengths[-1] == 8


def test_the_rows_of_a_piece_know_their_runs():
    run = FlatRun(3, 8, 6, ("temp",), (1.0,), 2)
    assert [*map(len, rows_of([run], 0, 5))] == [0, 0, 0, 1, 1]
    assert [*map(len, rows_of([run], 5, 5))] == [1, 1, 1, 1, 0]
    assert [*map(len, rows_of([run], 10, 3))] == [0, 0, 0]


def test_without_numbers_nothing_is_followed():
    rows = pd.DataFrame({"line": ["A", "B"] * 20, "shift": ["day", "late"] * 20})
    template = RowTemplate.fit(rows, ["line", "shift"])
    assert UsualRuns.of(template, template.texts(rows)) is None
    assert UsualRuns.unknown(template) is None
    runs = FlatRuns(None)
    runs.add(["a"])
    assert runs.told == ()


def test_how_likely_a_number_goes_on_is_what_long_runs_of_it_tell():
    rng = np.random.default_rng(0)

    def goes_on(column, number):
        runs = Runs.of(column)
        return runs.goes_on(number, np.ones(len(runs), bool))

    noise = rng.normal(0, 100, 300).round()
    assert goes_on(noise, 7.0) < 0.05
    assert goes_on(np.repeat(noise[:50], 6), 7.0) > 0.8
    rests = np.concatenate([np.zeros(50), noise])
    assert goes_on(rests, 0.0) > 0.9
    assert goes_on(rests, 7.0) < 0.2
    assert goes_on(np.empty(0), 7.0) == 1.0
    assert goes_on(np.append(noise, np.repeat(noise[:6], 50)), 7.0) > 0.9
    assert goes_on(np.tile(np.arange(4.0), 75), 9.0) > 0.2
    assert goes_on(np.arange(20.0), 9.0) > 0.1
    assert Runs.of(np.tile(np.arange(30.0), 2)).are_sorted
    runs = Runs.of(np.where(np.arange(300) % 3, 0, noise))
    assert runs.goes_on(7.0, runs.numbers != 0) < 0.05


def test_what_is_said_of_many_columns():
    run = FlatRun(0, 9, 10, tuple("abcdef"), (1.0, 2.5, 3.0, 4.0, 5.0, 6.0), 2)
    assert flat_told([run], Language()) == (
        "“a” at 1, “b” at 2.5, “c” at 3, “d” at 4, … for 10 rows"
    )
    assert flat_told([], Language()) == ""


def test_score_report_and_screen_say_where(run, detector, tmp_path):
    detector.save(tmp_path / "d")
    rows = stuck(stuck(sensors(seed=7), "temp [°C]", 50, 90, 851.0), "flow", 200, 280, 9.9)
    lines = rows.to_csv(index=False).splitlines()
    lines.insert(20, "day,850.0,0.0,1.0,5.0,more")  # which is rejected
    lines.insert(40, ",,,,")
    (tmp_path / "new.csv").write_text("\n".join(lines), encoding="utf-8")
    where = ("--detector", tmp_path / "d")
    new = tmp_path / "new.csv"
    *_, err = run("score", new, *where, "--out", tmp_path / "out.csv")
    assert (
        "In 2 places numbers stay the same for longer than usual, as where a sensor is stuck, a "
        "machine stands still or cells were filled down: “flow” at 9.9 for 81 rows; “temp [°C]” "
        "at 851 for 41 rows; column flat_run says where."
    ) in err
    frame = pd.read_csv(tmp_path / "out.csv")
    told = frame["flat_run"].notna()
    assert frame["temp [°C]"][told & (frame["flow"] != 9.9)].eq(851.0).all()
    assert told.sum() == 122
    said = "“temp [°C]” at 851 for 41 rows, from line 54 to line 94 (comparable numbers for 2 "
    said += "at most)"
    *_, err = run("report", new, *where, "--out", tmp_path / "out.json")
    findings = " ".join(json.loads((tmp_path / "out.json").read_text())["findings"])
    assert said in err
    assert said in findings
    *_, err = run("screen", new, "--all-columns", "--detector", "columns",
                  "--out", tmp_path / "s.csv", "--lang", "ja")  # fmt: skip
    assert "「temp [°C]」が851のまま41行、54行目から94行目まで" in err
    screened = pd.read_csv(tmp_path / "s.csv")["flat_run"].fillna("")
    assert screened.ne("").sum() == 122


def test_rows_of_later_chunks_say_so_too(run, detector, tmp_path):
    detector.save(tmp_path / "d")
    rows = stuck(sensors(2_100, seed=7), "temp [°C]", 2_030, 2_080, 853.75)
    rows.to_csv(tmp_path / "new.csv", index=False)
    run("score", tmp_path / "new.csv", "--detector", tmp_path / "d", "--out", tmp_path / "o.csv")
    told = pd.read_csv(tmp_path / "o.csv")["flat_run"].notna()
    assert told.index[told].tolist() == [*range(2_030, 2_081)]


def test_reports_by_index_name_the_rows(detector, tmp_path):
    rows = stuck(sensors(seed=7), "temp [°C]", 50, 90, 851.0)
    rows.loc[60, "flow"] = 99.0
    Report.of(detector, rows.set_axis([f"r{i}" for i in range(300)])).save(tmp_path / "out.md")
    page = (tmp_path / "out.md").read_text()
    assert "from index r50 to index r90" in page
    assert "Stays the same: “temp \\[°C\\]” at 851 for 41 rows." in page


def test_fit_tells_of_normal_rows(run, tmp_path):
    stuck(sensors(), "temp [°C]", 50, 90, 853.75).to_csv(tmp_path / "rows.csv", index=False)
    *_, err = run("fit", tmp_path / "rows.csv", "--all-columns", "--detector", "columns",
                  "--out", tmp_path / "d")  # fmt: skip
    assert (
        "rows.csv: numbers stay the same for longer than in most rows: “temp [°C]” at 853.75 for "
        "41 rows; polar-detect screen says where in its column flat_run"
    ) in err


@pytest.mark.parametrize("keeps", [True, False])
def test_rows_that_models_read_are_followed_where_these_are_kept(keeps, tiny_pair, tmp_path):
    rows = sensors(60)[["temp [°C]", "flow"]]
    detector = PolarDetector("auto", **tiny_pair, max_tokens=8, store_texts=keeps)
    detector.set_params(rows=RowTemplate.fit(rows, [*rows.columns])).fit(rows)
    new = stuck(rows, "temp [°C]", 20, 40, 853.0)
    found = detector.assess(new, programs_of="none")
    assert [*map(len, found.flat_runs)] == ([0] * 20 + [1] * 21 + [0] * 19 if keeps else [])
    assert ("flat_run" in found.to_frame()) == keeps
    detector.save(tmp_path / "d")
    assert stored_origin(tmp_path / "d").asides.flat_runs == keeps
