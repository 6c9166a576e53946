"""One row for each run: `polar-detect combine --one-row-each`, `--by`, and `summarise_runs`."""

import re
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from polar_detect import PolarDetector
from polar_detect.cli.commands.combine import _OPTIONS
from polar_detect.errors import EmptyInputError, InputError
from polar_detect.messages.language import Language
from polar_detect.tables import RunWords, SessionPattern, read_table, summarise_runs
from polar_detect.tables.courses import N_PARTS, Course

EVEN = np.linspace(0, 1, 101)
PARTS = [f"{low}-{low + 10} %" for low in range(0, 100, 10)]


def press(n=60, seed=0, **columns):
    """Return the readings of a stroke of a press."""
    rng = np.random.default_rng(seed)
    at = np.linspace(0, 1, n)
    force = 90 * np.sin(np.pi * at) + rng.normal(0, 0.5, n)
    readings = {"Time [s]": at * 2.4, "Force [kN]": force.round(2), "Oil [°C]": 40 + at}
    return pd.DataFrame(readings | columns)


def row(readings, **options):
    """Return the one row of a run."""
    frame = summarise_runs(readings, **options).frame
    assert len(frame) == 1
    return frame.iloc[0]


def parts(cells, name="Force", unit=" [kN]"):
    found = cells[[f"{name} at {part}{unit}" for part in PARTS]]
    return found.to_numpy(float, na_value=np.nan)


def test_a_tenth_is_the_mean_of_straight_lines_over_it():
    course = Course.of(EVEN**2, EVEN)
    edges = np.linspace(0, 1, N_PARTS + 1)
    assert np.allclose(course.parts, np.diff(edges**3 / 3) * N_PARTS, atol=1e-4)
    two = Course.of(np.array([0.0, 10.0]), np.array([0.0, 1.0]))
    assert np.allclose(two.parts, np.arange(10) + 0.5)
    assert (two.lowest, two.level, two.highest) == (0, 5, 10)
    assert np.isnan([two.noise, two.jump]).all()


def test_a_run_keeps_all_digits_of_a_long_number_that_says_which_it_is():
    shots = [2**60 + 1, 2**60 + 2]
    found = summarise_runs(pd.DataFrame({"Shot": np.repeat(shots, 3), "p": range(6)}), "Shot")
    assert found.frame["Shot"].tolist() == shots


def test_numbers_beyond_all_integers_are_no_whole_ones():
    frame = summarise_runs(pd.DataFrame({"p": [9.9e37] * 4, "q": [3.0] * 4})).frame
    assert frame["p"][0] == 9.9e37
    assert frame["q"].dtype == "int64"  # the control


def test_labels_of_0_and_1_are_told_to_be_named_and_are_one_column_then():
    runs = pd.concat([press(Run=i, Bad=i % 2, seed=i) for i in range(4)])
    (notice,) = summarise_runs(runs, "Run").notices
    assert notice.startswith("columns of one number throughout: 'Bad'")
    assert "name it in by, and where it is a label, in label_column" in notice
    assert "label_column に指定" in Language("ja").notice(notice)
    with pytest.raises(InputError, match="Pass by Run"):
        summarise_runs(runs, "Runs")
    with pytest.raises(InputError, match="Pass label_column Bad"):
        summarise_runs(runs, "Run", label_column="Bat")
    named = summarise_runs(runs, "Run", label_column="Bad")
    assert named.frame["Bad"].tolist() == [0, 1, 0, 1]
    assert ("Bad noise" in named.frame, named.notices) == (False, ())


@given(arrays(np.float64, st.integers(2, 40), elements=st.floats(-100, 100)))
def test_parts_lie_between_the_lowest_and_the_highest_reading(values):
    course = Course.of(values, np.linspace(0, 1, len(values)))
    assert np.all((values.min() - 1e-9 <= course.parts) & (course.parts <= values.max() + 1e-9))


def test_noise_is_that_of_the_readings_and_not_of_how_often_a_smooth_course_is_read():
    smooth = [Course.of(np.sin(np.linspace(0, 3, n)), np.linspace(0, 1, n)) for n in (100, 800)]
    assert max(own.noise for own in smooth) < 1e-3
    rng = np.random.default_rng(0)
    noisy = [
        Course.of(np.linspace(0, 3, n) + rng.normal(0, 1, n), np.linspace(0, 1, n)).noise
        for n in (100, 800)
    ]
    assert noisy[0] == pytest.approx(noisy[1], rel=0.2)
    spiked = np.zeros(101)
    spiked[30] = 7
    assert (Course.of(spiked, EVEN).jump, Course.of(spiked, EVEN).highest) == (7, 7)


def test_a_tenth_in_which_a_sensor_says_nothing_is_empty():
    silent = np.where((EVEN > 0.39) & (EVEN < 0.61), np.nan, 5.0)
    assert np.isnan(Course.of(silent, EVEN).parts).tolist() == 4 * [False] + 2 * [True] + 4 * [
        False
    ]
    broken = np.where(EVEN > 0.75, np.nan, EVEN)  # the eighth tenth is known in half
    assert Course.of(broken, EVEN).parts[7] == pytest.approx(0.725)
    assert np.isnan(Course.of(broken, EVEN).parts).tolist() == 8 * [False] + 2 * [True]
    few = Course.of(np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.5, 1.0]))
    assert not np.isnan(few.parts).any()  # where nothing was read at all, lines go on
    assert np.isnan(Course.of(np.full(101, np.nan), EVEN).figures).all()


def test_a_run_has_the_same_row_in_any_company():
    runs = [press(n, seed, Cycle=seed) for seed, n in enumerate((60, 300, 9, 45))]
    together = summarise_runs(pd.concat(runs), "Cycle").frame
    alone = [summarise_runs(own, "Cycle").frame for own in runs]
    assert all(own.columns.equals(together.columns) for own in alone)
    pd.testing.assert_frame_equal(pd.concat(alone, ignore_index=True), together, check_dtype=False)
    mixed = pd.concat(runs).sort_values("Time [s]", kind="stable")
    again = summarise_runs(mixed, "Cycle").frame.sort_values("Cycle", ignore_index=True)
    pd.testing.assert_frame_equal(again, together)


def test_a_course_goes_by_time_where_rates_differ():
    at = np.linspace(0, 1, 241)
    uneven = at[(at < 0.5) | (np.arange(241) % 8 == 0)]
    whole, thinned = (pd.DataFrame({"Zeit (s)": own * 60, "T": 800 * own}) for own in (at, uneven))
    assert np.allclose(parts(row(whole), "T", ""), parts(row(thinned), "T", ""), atol=0.1)
    assert row(thinned)["Zeit span (s)"] == 60
    by_readings = row(thinned.drop(columns="Zeit (s)"))
    assert parts(by_readings, "T", "")[4] < 0.8 * parts(row(thinned), "T", "")[4]


@pytest.mark.parametrize(
    "times",
    [
        pd.date_range("2026-12-01 23:59:30", periods=61, freq="s"),
        [*(f"23:59:{i}" for i in range(30, 60)), *(f"0:00:{i:02d}" for i in range(31))],
        [f"2026/12/01 10:{i // 60:02d}:{i % 60:02d}.500" for i in range(61)],
        pd.date_range("2026-12-01", "2026-12-01 00:01", periods=121)[[*range(0, 121, 2)]],
        [f"{i // 60 + 9}:{i % 60:02d}:00" for i in range(0, 122, 2)],
    ],
)  # fmt: skip
def test_dates_and_times_of_day_are_times_too_over_midnight(times):
    cells = row(pd.DataFrame({"Time": times, "T": range(61)}))
    assert cells["Time span [s]"] in (60, 7200)
    assert cells["Time"] == times[0]
    assert parts(cells, "T", "")[0] == pytest.approx(3)


def test_a_course_goes_along_another_column_if_that_is_asked():
    strain = np.linspace(0, 1, 101) ** 2 * 20
    strain[50] -= 0.5  # as of an extensometer
    pulled = pd.DataFrame({"Strain [%]": strain, "Stress": 30 * strain})
    assert np.allclose(
        parts(row(pulled, along="strain"), "Stress", ""), 30 + 60 * np.arange(10), atol=2
    )
    pressed = pulled.assign(**{"Strain [%]": -strain})
    found = row(pressed, along="Strain [%]")
    assert np.allclose(parts(found, "Stress", ""), 30 + 60 * np.arange(10), atol=2)
    assert found["Strain span [%]"] == 20


def test_where_time_goes_back_a_course_goes_by_its_readings_and_that_is_said():
    readings = press()
    reset = readings.assign(**{"Time [s]": readings["Time [s]"] % 1.5})
    found = summarise_runs(reset)
    assert found.notices == (
        "runs in which column 'Time [s]' does not grow, where courses go by the readings: 1",
    )
    assert np.allclose(parts(found.frame.iloc[0]), parts(row(readings)), atol=0.5)
    asked = summarise_runs(reset, along="Time")
    assert "where no course is told: 1" in asked.notices[0]
    assert np.isnan(parts(asked.frame.iloc[0])).all()
    assert asked.frame["Force highest [kN]"].item() == readings["Force [kN]"].max()


def test_where_no_time_can_be_read_that_is_said_and_one_that_stays_is_none():
    lost = press().assign(**{"Time [s]": [0.1, None, "?"] * 20})
    said = "runs in which column 'Time [s]' does not grow, where courses go by the readings: 1"
    assert summarise_runs(lost).notices == (said,)
    assert not np.isnan(parts(row(lost))).any()
    halved = press().assign(**{"Time [s]": np.where(np.arange(60) % 2, np.nan, np.arange(60))})
    assert summarise_runs(halved).notices == (said,)
    stays = press().assign(**{"Time [s]": 30})
    assert summarise_runs(stays).notices == ()
    assert not np.isnan(parts(row(stays))).any()
    assert "no course is told: 1" in summarise_runs(stays, along="Time").notices[0]


def test_halves_of_seconds_are_times_though_some_have_no_decimals():
    times = pd.date_range("2026-12-01 10:00:00", periods=61, freq="500ms")
    for own in (times, times.astype(str), times.strftime("%d.%m.%Y %H:%M:%S.%f")):
        assert row(pd.DataFrame({"Zeit": own, "T": range(61)}))["Zeit span [s]"] == 30


def test_a_straight_line_has_no_noise():
    line = row(pd.DataFrame({"T": np.arange(300) * 0.1}))
    assert (line["T noise"], line["T jump"]) == (0, 0)


def test_what_stays_the_same_in_a_run_stays_what_it_is():
    stays = {"Material": "S235", "Lot": 240017, "Sample No": 7, "Thickness [mm]": 2.0, "ok": True}
    found = summarise_runs(press(**stays))
    cells = found.frame.iloc[0]
    assert {name: cells[name] for name in stays} == stays
    assert {"Lot noise", "Sample No noise", "ok noise"}.isdisjoint(cells.index)
    assert cells["Thickness at 40-50 % [mm]"] == 2.0
    assert found.notices == (
        "columns of one number throughout: 'Thickness [mm]'; where that is a setting, name it in "
        "by, and where it is a label, in label_column, to have one column of it",
    )
    kept = summarise_runs(press(**stays), "thickness")
    assert kept.frame["Thickness [mm]"].tolist() == [2.0]
    assert ("Thickness noise [mm]" in kept.frame, kept.notices) == (False, ())


def test_words_that_change_are_told_in_their_order_unless_they_are_many():
    state = ["heat"] * 20 + ["hold"] * 30 + [""] + ["cool"] * 9
    valve = ["on", "off"] * 30
    remark = [f"remark {i}" for i in range(60)]
    found = summarise_runs(press(state=state, valve=valve, remark=remark, empty=60 * [""]))
    cells = found.frame.iloc[0]
    assert (cells["state"], cells["valve"]) == ("heat > hold > cool", "more than 8 changes")
    assert "remark" not in cells
    assert cells["empty"] is None
    assert found.notices == ("columns that say many things in a run are left out: 'remark'",)


def test_a_run_is_anomalous_if_a_reading_of_it_is():
    labels = {1: ["OK"] * 59 + ["NG"], 2: ["OK"] * 60, 3: [""] * 60}
    readings = pd.concat([press(Cycle=i, verdict=own) for i, own in labels.items()])
    labelled = summarise_runs(readings, "Cycle", label_column="verdict")
    found = labelled.frame["verdict"]
    assert [None if cell is pd.NA else cell for cell in found] == [1, 0, None]
    assert labelled.notices == ()
    said = summarise_runs(readings, "Cycle")
    assert said.frame["verdict"].fillna("").tolist() == ["OK > NG", "OK", ""]
    assert said.notices[0] == (
        "columns that call readings anomalous: 'verdict'; pass one as label_column to call their "
        "runs so"
    )
    with pytest.raises(InputError, match="Got label 'maybe'"):
        summarise_runs(press(verdict="maybe"), label_column="verdict")


def test_single_readings_and_short_runs_have_no_course_that_is_made_up():
    readings = press()
    one = row(readings.iloc[20:21])
    assert one["readings"] == 1
    alone = summarise_runs(readings.iloc[20:21])
    assert (alone.notices, alone.frame["Force noise [kN]"].dtype) == ((), np.float64)
    assert one["Force [kN]"] == readings["Force [kN]"][20]
    assert np.isnan(parts(one)).all()
    two = row(readings.iloc[[0, 59]])
    assert not np.isnan(parts(two)).any()


def test_readings_without_a_run_and_apart_from_their_run_are_counted():
    runs = [press(Cycle=i % 2) for i in range(3)]
    found = summarise_runs(pd.concat([*runs, press(5, Cycle=None)]), ["Cycle"])
    assert found.frame["readings"].tolist() == [120, 60]
    assert found.notices[:2] == (
        "readings left out that do not say of which run they are: 5",
        "readings of one run stand in several places, with others between: 1 more than there are "
        "runs; where these are runs of their own, name in by what tells them apart",
    )


def test_several_columns_may_tell_runs_apart():
    state = ["heat"] * 20 + ["hold"] * 40
    readings = pd.concat([press(Cycle=i, State=state) for i in (7, 8)])
    found = summarise_runs(readings, ["Cycle", "State"]).frame
    assert found[["Cycle", "State", "readings"]].to_numpy().tolist() == [
        [7, "heat", 20], [7, "hold", 40], [8, "heat", 20], [8, "hold", 40]
    ]  # fmt: skip


def test_what_cannot_be_told_is_refused():
    with pytest.raises(InputError, match="Got column 'cycle no'; the table has: Time"):
        summarise_runs(press(), "cycle no")
    with pytest.raises(InputError, match="Got column 'depth'; the table has: Time"):
        summarise_runs(press(), along="depth")
    twice = pd.concat([press(), press()], axis=1)
    with pytest.raises(InputError, match="Got two columns named 'Time \\[s\\]'"):
        summarise_runs(twice)
    with pytest.raises(EmptyInputError, match="Got no reading of a run"):
        summarise_runs(press(Cycle=""), "Cycle")


def test_a_column_that_is_called_as_a_figure_of_another_is_told_from_it():
    found = summarise_runs(press().rename(columns={"Oil [°C]": "Force highest [kN]"})).frame
    assert found["Force highest [kN]"].item() == pytest.approx(90, abs=2)
    assert found["Force highest [kN]_2"].item() == pytest.approx(40.5)


def test_a_strange_run_is_flagged_and_the_reason_says_where():
    normal = pd.concat([press(50 + i % 30, i, Stroke=i) for i in range(60)])
    new = pd.concat([press(55, 100 + i, Stroke=i) for i in range(10)])
    late = (new["Stroke"] == 4) & new["Time [s]"].between(1.25, 1.40)
    new.loc[late, "Force [kN]"] -= 6
    train, test = (
        summarise_runs(own, "Stroke").frame.drop(columns="Stroke") for own in (normal, new)
    )
    found = PolarDetector("columns").fit(train, groups=None).assess(test)
    assert np.argmax(found.scores) == 4
    assert found.is_anomaly[4]
    assert "“Force at 50-60 % [kN]”" in found.reasons()[4]


@pytest.fixture
def pieces(tmp_path):
    """Return a folder with a CSV for each of four test pieces, of other lengths and rates."""
    folder = tmp_path / "pieces"
    folder.mkdir()
    for i, n in enumerate((60, 80, 100, 30)):
        press(n, i, Material="S235").to_csv(folder / f"piece {i}.csv", index=False)
    return folder


def test_files_are_runs(pieces, run):
    out = pieces.parent / "runs.xlsx"
    code, said, err = run("combine", pieces, "--one-row-each", "--out", out)
    assert (code, said.split()) == (0, [str(out)])
    assert err.splitlines() == ["4 rows, one for each run, of tables: 4, with 270 readings"]
    found = pd.read_excel(out, engine="calamine")
    assert found.columns[:4].tolist() == ["file", "readings", "Time span [s]", "Force [kN]"]
    assert found["file"].tolist() == [f"piece {i}.csv" for i in range(4)]
    assert found["readings"].tolist() == [60, 80, 100, 30]
    assert found["Material"].tolist() == 4 * ["S235"]
    one = pieces.parent / "one.csv"
    assert run("combine", pieces / "piece 2.csv", "--one-row-each", "--out", one)[0] == 0
    alone = pd.read_csv(one)
    assert alone.columns.tolist() == found.columns[1:].tolist()
    assert alone.iloc[0].tolist() == found.iloc[2, 1:].tolist()


def test_values_of_a_column_are_runs_within_each_file(tmp_path, run):
    for day in ("monday", "tuesday"):
        pd.concat([press(Shot=i) for i in (1, 2, 3)]).to_csv(tmp_path / f"{day}.csv", index=False)
    out = tmp_path / "out.jsonl"
    both = [tmp_path / "monday.csv", tmp_path / "tuesday.csv"]
    code, _, err = run("combine", *both, "--by", "shot", "--out", out)
    assert code == 0, err
    found = read_table(out, text_column="file").frame
    assert list(zip(found["file"], found["Shot"], strict=True)) == [
        (f"{day}.csv", str(i)) for day in ("monday", "tuesday") for i in (1, 2, 3)
    ]


def test_columns_of_runs_are_called_in_japanese_too(tmp_path, run):
    with pd.ExcelWriter(tmp_path / "試験.xlsx") as book:
        for i in range(3):
            names = {"Time [s]": "時間 [s]", "Force [kN]": "荷重（kN）", "Oil [°C]": "油温[℃]"}
            own = press(seed=i).rename(columns=names)
            own.to_excel(book, sheet_name=f"試験片{i + 1}", index=False)
    out = tmp_path / "試験片.csv"
    code, _, err = run(
        "combine", tmp_path / "試験.xlsx", "--one-row-each", "--out", out, "--lang", "ja"
    )
    assert (code, err.strip()) == (
        0, "3個の表の180行から、1回分（試験片・サイクルなど）につき1行、3行を作りました"
    )  # fmt: skip
    found = pd.read_csv(out)
    assert found["シート"].tolist() == ["試験片1", "試験片2", "試験片3"]
    assert {"荷重 40-50% （kN）", "荷重 最大 （kN）", "油温 ノイズ [℃]", "時間 範囲 [s]"} <= {
        *found
    }
    found.columns.str.encode("cp932")  # else a sheet that is saved in it loses columns


def test_english_columns_are_called_alike_by_the_command_and_in_python():
    as_is = {name: f"{{{name}}}" for name in ("name", "low", "high", "n")}
    columns = [own.name for own in fields(RunWords) if own.name not in _OPTIONS]
    said = {name: Language().say(f"runs.{name}", **as_is) for name in columns}
    assert RunWords(**said) == RunWords()


def test_all_entries_of_a_run_are_told_in_their_order(tmp_path, run):
    events = ["OPEN", "HEAT", "HEAT", "", "6 > 3 retries", "CLOSE\nat once"]
    table = pd.DataFrame(
        {"Shot": np.repeat([1, 2], 6), "Event": 2 * events, "Code": 2 * [*range(6)]}
    )
    kept = summarise_runs(table, "Shot", entries=["event", "Code"]).frame
    assert kept["Event"].tolist() == 2 * ["OPEN > HEAT > HEAT > 6>3 retries > CLOSE at once"]
    assert kept["Code"].tolist() == 2 * ["0 > 1 > 2 > 3 > 4 > 5"]
    assert kept.columns.tolist() == ["Shot", "readings", "Event", "Code"]
    many = pd.DataFrame({"Event": [f"step {i}" for i in range(30)]})
    assert row(many, entries=["Event"])["Event"].count(" > ") == 29
    with pytest.raises(InputError, match="Events"):
        summarise_runs(table, "Shot", entries=["Events"])
    with pytest.raises(InputError, match="column 'Shot' in entries and elsewhere too"):
        summarise_runs(table, "Shot", entries=["Event", "shot"])
    table.sample(frac=1, random_state=0).to_csv(tmp_path / "a.csv", index=False)
    out = tmp_path / "out.csv"
    code, _, err = run(
        "combine", tmp_path / "a.csv", "--by", "Shot", "--entries", "Event", "--out", out
    )
    assert code == 0
    assert "several places" not in err  # as events of several runs come at a time


def test_lines_of_a_log_are_told_apart_by_what_a_pattern_finds(tmp_path, run):
    log, out = tmp_path / "press.log", tmp_path / "sessions.csv"
    lines = [
        "[7] lid open",
        "[9] lid open",
        "[7] heat",
        "-- mark --",
        "[9] lid shut",
        "[7] lid shut",
    ]
    log.write_text("\n".join(lines), encoding="utf-8")
    code, _, err = run("combine", log, "--by-pattern", r"\[(\d+)\]", "--out", out)
    assert code == 0
    assert "do not say of which run they are: 1" in err
    found = pd.read_csv(out)
    assert found["session"].tolist() == [7, 9]
    assert found["readings"].tolist() == [3, 2]
    assert found["text"].tolist() == [
        "[7] lid open > [7] heat > [7] lid shut", "[9] lid open > [9] lid shut"
    ]  # fmt: skip
    other = tmp_path / "other.log"
    other.write_text("nothing\nnothing", encoding="utf-8")
    code, _, err = run("combine", log, other, "--by-pattern", r"\[(\d+)\]", "--out", out)
    assert code == 0
    assert "other.log: left out, as none of its rows says of which run it is" in err
    assert len(pd.read_csv(out)) == 2
    assert "Got no reading of a run" in run("combine", other, "--by-pattern", "z", "--out", out)[2]
    japanese = run("combine", log, "--by-pattern", r"\[\d+\]", "--out", out, "--lang", "ja")
    assert japanese[0] == 0
    assert pd.read_csv(out)["セッション"].tolist() == ["[7]", "[9]"]


def test_a_column_that_is_called_session_stays(tmp_path, run):
    table, out = tmp_path / "a.csv", tmp_path / "out.csv"
    pd.DataFrame({"session": ["x", "x"], "Line": ["a=1", "a=2"]}).to_csv(table, index=False)
    options = ("--by-pattern", r"a=(\d)", "--entries", "Line")
    assert run("combine", table, *options, "--out", out)[0] == 0
    found = pd.read_csv(out)
    assert found["session (--by-pattern)"].tolist() == [1, 2]
    assert found["session"].tolist() == ["x", "x"]


def test_the_first_column_that_says_a_session_counts():
    frame = pd.DataFrame({"Line": ["a=1", "none", None], "Note": ["a=7", "a=8", "b"]})
    found = SessionPattern(re.compile(r"a=(\d)|b=(\d)"), "session").told(frame, ["Line", "Note"])
    assert found["session"].tolist() == ["1", "8", ""]


def test_a_pattern_that_is_none_is_refused(tmp_path, run):
    table, out = tmp_path / "a.csv", tmp_path / "out.csv"
    pd.DataFrame({"Line": ["a 1", "b 2"]}).to_csv(table, index=False)
    _, _, err = run("combine", table, "--by-pattern", "a", "--out", out)
    assert "name them in --entries" in err
    _, _, err = run("combine", table, "--by-pattern", "a", "--entries", "Lines", "--out", out)
    assert "Pass --entries Line." in err
    pattern = ("--by-pattern", "[(", "--entries", "Line")
    _, _, err = run("combine", table, *pattern, "--out", out)
    assert "'[(', which is no regular expression (unterminated" in err
    assert (
        "正規表現ではありません" in run("combine", table, *pattern, "--out", out, "--lang", "ja")[2]
    )
    assert not out.exists()


def test_the_command_names_its_options_where_python_names_arguments(tmp_path, run):
    table, out = tmp_path / "all.csv", tmp_path / "runs.csv"
    pd.concat([press(Run=i, Bad=i % 2) for i in (1, 2)]).to_csv(table, index=False)
    _, _, err = run("combine", table, "--by", "Run", "--out", out)
    assert "name it in --by, and where it is a label, in --label-column, to" in err
    assert "Pass --by Run" in run("combine", table, "--by", "Runs", "--out", out)[2]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--along", "Time"), "with --one-row-each, --by or --by-pattern only"),
        (("--label-column", "a"), "with --one-row-each, --by or --by-pattern only"),
        (("--entries", "a"), "with --one-row-each, --by or --by-pattern only"),
        (("--by-pattern", "a", "--documents"), "give neither --documents nor --drop-copies"),
        (("--one-row-each", "--drop-copies"), "give neither --documents nor --drop-copies"),
        (("--documents", "--sheet", "a"), "give either --documents or --sheet, not both"),
        (("--by", "a", "--documents"), "give neither --documents nor --drop-copies"),
    ],
)
def test_options_of_runs_go_with_runs(pieces, run, options, said):
    code, _, err = run("combine", pieces, *options, "--out", pieces.parent / "out.csv")
    assert code == 2
    assert said in " ".join(err.replace("│", " ").split())


def test_lines_of_text_are_no_readings(tmp_path, run):
    (tmp_path / "a.txt").write_text("a line\nanother\n")
    code, _, err = run("combine", tmp_path / "a.txt", "--one-row-each", "--out", tmp_path / "o.csv")
    assert (code, err.split(";")[0]) == (
        1, "polar-detect: Got lines of text"
    )  # fmt: skip
