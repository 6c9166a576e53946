"""`polar-detect drift`: whether and since when many scored files have changed."""

import numpy as np
import pandas as pd
import pytest

from polar_detect import PolarDetector
from polar_detect.scoring.series import ScoredSeries


def rows(chance, n, mean=20.0):
    size = chance.normal(mean, 1, n)
    frame = pd.DataFrame({"size": size, "weight": 3 * size + chance.normal(0, 0.1, n)})
    return frame.round(3)


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    """Return a detector and its folder."""
    folder = tmp_path_factory.mktemp("fitted") / "detector"
    detector = PolarDetector("columns").fit(rows(np.random.default_rng(0), 200))
    detector.save(folder)
    return detector, folder


@pytest.fixture(scope="module")
def days(detector, tmp_path_factory):
    """Return a folder of thirty scored files of 20 rows, which change after the 18th."""
    folder, chance = tmp_path_factory.mktemp("days"), np.random.default_rng(1)
    for day in range(1, 31):
        own = rows(chance, 20, 20 if day <= 18 else 23)
        found = detector[0].assess(own)
        own.insert(0, "date", [f"2026-03-{day:02} {8 + i // 2:02}:00" for i in range(20)])
        scored = own.assign(score=found.scores, p_value=found.p_values, is_anomaly=found.is_anomaly)
        scored.to_csv(folder / f"day-{day}.csv", index=False)
    (folder / "notes.csv").write_text("day,note\n1,calm\n2,windy\n")
    return folder


def usual(days):
    return [days / f"day-{day}.csv" for day in range(1, 19)]


@pytest.mark.parametrize("tongue", ["en", "ja"])
def test_it_says_since_when_and_by_how_much_and_draws_it(detector, days, run, tmp_path, tongue):
    picture = tmp_path / "course.svg"
    code, out, _ = run("drift", days, "--detector", detector[1], "--out", picture, "--lang", tongue)
    assert code == 0
    changed, by_how_much, advice, path = out.splitlines()
    begins = [f"day-{day}.csv" in changed and f"2026-03-{day}" in changed for day in (18, 19)]
    assert any(begins), changed
    assert {"en": "have changed", "ja": "変化しています"}[tongue] in changed
    assert {"en": "fit again", "ja": "学習し直して"}[tongue] in advice
    assert any(char.isdigit() for char in by_how_much)
    assert path == str(picture)
    assert "<svg" in picture.read_text(encoding="utf-8")


def test_of_files_without_a_change_is_said_how_many_rows_are_flagged(detector, days, run):
    code, out, _ = run("drift", *usual(days), "--detector", detector[1])
    assert code == 0
    none, flagged = out.splitlines()
    assert none.startswith("No change found in 360 rows of 18 files, ")
    own = sum(int(pd.read_csv(day)["is_anomaly"].sum()) for day in usual(days))
    assert flagged == f"{own} of them are flagged; by chance alone it would be about 18 (5 %)."


def test_files_that_a_shell_lists_are_taken_by_their_numbers(detector, days):
    held_out = detector[0].fitted_.calibration_scores
    listed = sorted(days.glob("day-*.csv"))
    assert listed[1].name == "day-10.csv"
    names = [own.name.rsplit("-")[-1] for own in ScoredSeries.read(listed, held_out).files]
    assert names == [f"{day}.csv" for day in range(1, 31)]
    backwards = [days / "day-10.csv", days / "day-9.csv", days / "day-11.csv"]
    names = [own.name.rsplit("-")[-1] for own in ScoredSeries.read(backwards, held_out).files]
    assert names == ["10.csv", "9.csv", "11.csv"]  # as somebody gave them


def test_files_of_another_detector_are_refused(days, run, tmp_path):
    other = PolarDetector("columns").fit(rows(np.random.default_rng(9), 120, mean=30))
    other.save(tmp_path / "other")
    code, out, err = run("drift", days, "--detector", tmp_path / "other")
    assert (code, out) == (1, "")
    assert "day-1.csv, whose p-values are not those that this detector gives" in err


def test_what_score_wrote_is_read_again_from_a_workbook(detector, run, tmp_path):
    table, scored = tmp_path / "new.csv", tmp_path / "scored.xlsx"
    rows(np.random.default_rng(3), 30).to_csv(table, index=False)
    assert run("score", table, "--detector", detector[1], "--out", scored)[0] == 0
    code, out, _ = run("drift", scored, "--detector", detector[1])
    assert code == 0
    assert out.startswith("No change found in 30 rows of ")


def test_an_empty_file_is_a_shift_without_rows(detector, days, run, tmp_path):
    empty = tmp_path / "day-0.csv"
    empty.write_text("size,weight,score,p_value,is_anomaly\n")
    code, out, _ = run("drift", empty, *usual(days), "--detector", detector[1])
    assert code == 0
    assert "360 rows of 18 files" in out
    assert run("drift", empty, "--detector", detector[1])[0] == 1


@pytest.mark.parametrize("tongue", ["en", "ja"])
def test_rows_in_any_order_are_put_in_that_of_a_column_of_dates(
    detector, days, run, tmp_path, tongue
):
    frame = pd.concat([pd.read_csv(days / f"day-{day}.csv") for day in range(1, 31)])
    shuffled = frame.sample(frac=1, random_state=0)
    shuffled.loc[shuffled["date"] == "2026-03-04 09:00", "date"] = ""
    shuffled[:300].to_csv(tmp_path / "b.csv", index=False)
    others = shuffled[300:].assign(date=pd.to_datetime(shuffled["date"][300:], errors="coerce"))
    others.to_excel(tmp_path / "a.xlsx", index=False)
    command = ("drift", tmp_path / "b.csv", tmp_path / "a.xlsx", "--detector", detector[1])
    picture = tmp_path / "course.svg"
    code, out, err = run(
        *command, "--time-column", "Date", "--out", picture, "--lang", tongue
    )  # fmt: skip
    assert code == 0
    assert any(f"2026-03-{day}" in out.splitlines()[0] for day in (18, 19)), out
    assert {"en": "does not say when they were: 2 rows", "ja": "除いた行：2行"}[tongue] in err
    drawn = picture.read_text(encoding="utf-8")
    assert "2026-03-01 08:00" in drawn
    assert {"en": "mean of 21", "ja": "21行ごとの平均"}[tongue] in drawn
    unsorted = run(*command)[1].splitlines()[0]
    assert not any(f"2026-03-{day}" in unsorted for day in (18, 19)), unsorted


def test_files_are_put_in_the_order_of_their_dates(detector, days):
    held_out = detector[0].fitted_.calibration_scores
    backwards = [days / "day-10.csv", days / "day-9.csv", days / "day-11.csv"]
    series = ScoredSeries.read(backwards, held_out, "date")
    assert [series.place(row)[0].name.rsplit("-")[-1] for row in (0, 20, 40)] == [
        "9.csv", "10.csv", "11.csv"
    ]  # fmt: skip
    assert (series.starts, series.are_files) == ([0, 20, 40], True)
    np.testing.assert_array_equal(
        series.scores[:20], pd.read_csv(days / "day-9.csv")["score"].to_numpy()
    )


def test_a_column_that_puts_rows_in_no_order_is_refused(detector, days, run, tmp_path):
    def said(dates, column="date"):
        frame = pd.read_csv(days / "day-1.csv").assign(date=dates)
        frame.to_csv(tmp_path / "own.csv", index=False)
        command = ("drift", tmp_path / "own.csv", "--time-column", column)
        return run(*command, "--detector", detector[1])

    by_number = said([*range(20, 0, -1)])
    assert by_number[0] == 0
    either = [f"{1 + i % 12:02}/{1 + i % 11:02}/2026" for i in range(20)]
    code, _, err = said(either)
    assert code == 1
    assert "can be read in more than one order, as 03/04/2026" in err
    assert said([*either[:19], "13/04/2026"])[0] == 0  # which says that days come first
    assert "whose cells are mostly no dates" in said([f"M{i}" for i in range(20)])[2]
    assert "Got column 'when'; the table has" in said(either, "when")[2]


@pytest.mark.parametrize("tongue", ["en", "ja"])
def test_too_few_rows_say_nothing(detector, days, run, tmp_path, tongue):
    few = tmp_path / "few.csv"
    for n, said in ((1, {"en": "1 row says nothing of a change", "ja": "1行だけでは"}),
                    (9, {"en": "9 rows say nothing of a change", "ja": "9行だけでは"}),
                    (10, {"en": "No change found in 10", "ja": "10行に変化は"})):  # fmt: skip
        pd.read_csv(days / "day-1.csv")[:n].to_csv(few, index=False)
        code, out, _ = run("drift", few, "--detector", detector[1], "--lang", tongue)
        assert code == 0
        assert said[tongue] in out.splitlines()[0]


@pytest.mark.parametrize("tongue", ["en", "ja"])
def test_a_broken_file_of_a_folder_is_left_out_and_said(detector, days, run, tmp_path, tongue):
    broken = tmp_path / "week"
    broken.mkdir()
    for day in (1, 2):
        (broken / f"day-{day}.csv").write_bytes((days / f"day-{day}.csv").read_bytes())
    (broken / "day-3.xlsx").write_bytes(b"PK half a workbook")
    code, out, err = run("drift", broken, "--detector", detector[1], "--lang", tongue)
    assert code == 0
    assert "40" in out.splitlines()[0]
    assert {"en": "left out, as it cannot be read: Got ", "ja": "読めないため除いた"}[tongue] in err
    assert "day-3.xlsx" in err
    named = broken / "day-3.xlsx"
    code, out, err = run("drift", broken / "day-1.csv", named, "--detector", detector[1])
    assert (code, out) == (1, "")
    (tmp_path / "none").mkdir()
    named.rename(tmp_path / "none" / "day-3.xlsx")
    assert run("drift", tmp_path / "none", "--detector", detector[1])[0] == 1


@pytest.mark.parametrize("tongue", ["en", "ja"])
def test_what_is_wrong_is_said(detector, days, run, tmp_path, tongue):
    def said(*arguments):
        code, out, err = run("drift", *arguments, "--detector", detector[1], "--lang", tongue)
        assert (code, out) == (1, "")
        return err

    assert {"en": "without 'score', 'p_value'", "ja": "がありません"}[tongue] in said(
        days / "notes.csv"
    )
    picture = {"en": "for the picture", "ja": "図のファイル名"}[tongue]
    assert picture in said(days, "--out", tmp_path / "course.html")
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "a.csv").write_text("a,b\n1,2\n3,4\n")
    assert {"en": "no row with a score", "ja": "スコアのある行"}[tongue] in said(tmp_path / "none")
