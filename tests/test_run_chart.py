"""Scores in the order of their rows: where the dots and bars are, and what the axis says."""

import json

import numpy as np
import pandas as pd
import pytest
from machine_readings import readings
from matplotlib.figure import Figure
from report_samples import Page, report

from polar_detect import PolarDetector, Report, plots, tables
from polar_detect.errors import InputError
from polar_detect.messages.language import Language
from polar_detect.report.charts.run import Rows, run_chart
from polar_detect.report.content.data import ReportData
from polar_detect.report.formats import figures
from polar_detect.report.formats.as_json import render_json
from polar_detect.report.formats.html import render_html
from polar_detect.report.formats.markdown import render_markdown
from polar_detect.statistics.stretch import crowded

ENGLISH = Language("en")
NORMAL = np.linspace(0.0, 1.0, 100)


def chart_of(scores, names=None, times=(), *, numbering="data", threshold=1.0):
    names = range(1, len(scores) + 1) if names is None else names
    rows = Rows(np.asarray(scores, np.float64), [*names], times, numbering)
    return run_chart(rows, NORMAL, threshold, ENGLISH)


def changed(n, start, stop, seed=0):
    """Return scores of which those from start to stop are high, and few others."""
    scores = np.random.default_rng(seed).normal(0.5, 0.3, n)
    scores[start:stop] += 2
    return scores


def days(n):
    return pd.date_range("2026-03-01", periods=n, freq="D").strftime("%Y-%m-%d").tolist()


@pytest.mark.parametrize("n", [10, 400])
def test_each_row_has_a_dot_in_its_place_and_flagged_ones_stand_out(n):
    scores = changed(n, 3, 7)
    chart = chart_of(scores)
    assert [dot.x for dot in chart.dots] == pytest.approx(100 * (np.arange(n) + 0.5) / n)
    heights = np.array([dot.y for dot in chart.dots])
    assert (np.argsort(-heights) == np.argsort(scores)).all()
    assert [dot.kind == "flag" for dot in chart.dots] == (scores >= 1.0).tolist()
    assert ((heights <= chart.threshold) == (scores >= 1.0)).all()
    assert (chart.ranges, chart.n_in_bar) == ((), 0)


def test_few_rows_are_not_drawn():
    assert chart_of(np.zeros(9)) is None
    few = report(batch_scores=np.zeros(9))
    assert "in the order of the rows" not in render_html(few)
    assert "in the order of the rows" in render_html(report(batch_scores=np.zeros(10)))


@pytest.mark.parametrize("n", [401, 5_000, 100_000])
def test_many_rows_are_bars_that_show_where_scores_changed(n):
    scores = changed(n, n // 2, n)
    chart = chart_of(scores)
    assert 130 < len(chart.halves) == len(chart.ranges) <= 160
    assert len(chart.dots) <= 400
    first, last = (
        [mark.y for mark in chart.halves if mark.x // 50 == half] for half in (0, 1)
    )  # per cent of the width
    assert np.mean(first) > chart.threshold > np.mean(last)
    assert sum(mark.width for mark in chart.halves) == pytest.approx(80)
    for half, most in zip(chart.halves, chart.ranges, strict=True):
        assert most.y <= half.y + 1e-9
        assert half.y + half.height <= most.y + most.height + 1
    assert f"Each bar is {chart.n_in_bar} consecutive texts" in chart.caption


def test_flagged_rows_that_are_left_out_leave_as_many_of_each_stretch():
    scores = changed(100_000, 60_000, 70_000)
    flagged = np.flatnonzero(scores >= 1)
    chart = chart_of(scores)
    assert len(flagged) > 400 == len(chart.dots)
    share = np.mean([60 <= dot.x < 70 for dot in chart.dots])
    assert share == pytest.approx(np.mean((flagged >= 60_000) & (flagged < 70_000)), abs=0.01)
    assert f"400 of {len(flagged):,} flagged texts are drawn" in chart.caption
    assert "are drawn" not in chart_of(changed(100_000, 60_000, 60_100) - 1).caption


def test_scores_far_out_stand_at_the_upper_edge_and_leave_the_others_room():
    scores = changed(60, 3, 5)
    scores[7] = 5_000
    chart = chart_of(scores)
    assert [(i, dot.y) for i, dot in enumerate(chart.dots) if dot.is_beyond] == [(7, 0)]
    assert chart.dots[7].title == "row 8: 5000.00"
    assert chart.height - chart.threshold > chart.height / 6
    assert "higher scores, up to 5000.00" in chart.caption
    assert "Triangles" not in chart_of(changed(60, 3, 5)).caption


def test_round_numbers_of_rows_stand_where_these_are():
    lines = np.delete(np.arange(2, 303), slice(100, 150))  # some could not be read
    chart = chart_of(changed(len(lines), 3, 7), lines, numbering="file")
    place = {dot.title.split(":")[0]: dot.x for dot in chart.dots}
    assert [tick.label for tick in chart.ticks] == ["100", "200", "300"]
    for tick in chart.ticks:
        assert tick.position == pytest.approx(place[f"line {tick.label}"])


def test_dates_stand_below_the_rows_that_say_them():
    chart = chart_of(changed(50, 3, 7), times=days(50))
    assert [tick.label for tick in chart.ticks] == ["10", "20", "30", "40", "50"]
    assert [tick.label for tick in chart.times] == [days(50)[i - 1] for i in (10, 20, 30, 40, 50)]
    assert chart.dots[2].title.startswith("row 3 (2026-03-03): ")
    assert chart_of(changed(50, 3, 7)).times == ()


def test_an_index_of_moments_is_said_once_and_any_other_beside_its_dates():
    times, names = days(50), [f"S{i}" for i in range(50)]
    alone = chart_of(changed(50, 3, 7), times, times, numbering="index")
    assert (alone.ticks, alone.times[0].label) == ((), times[0])
    assert "(" not in alone.dots[0].title
    both = chart_of(changed(50, 3, 7), names, times, numbering="index")
    assert (both.ticks[-1].label, both.times[-1].label) == ("S49", times[-1])


@pytest.mark.parametrize(("tongue", "said"), [
    ("en", "31 are flagged. First: line 4. Last: line 100."),
    ("ja", "要確認は31件で、最初は4行目、最後は100行目です。"),
])  # fmt: skip
def test_those_who_hear_the_page_are_told_where_flagged_rows_begin_and_end(tongue, said):
    scores = np.zeros(240)
    scores[[2, *range(60, 89), 98]] = 1
    page = Page(render_html(report(batch_scores=scores, numbering="file"), tongue))
    assert any(said in value for _, name, value in page.attributes if name == "aria-label")
    none = render_html(report(batch_scores=np.zeros(240), n_flagged=0))
    assert "in their order, none of which is flagged" in none
    assert "Orange dots" not in none


@pytest.mark.parametrize("n", [240, 100_000])
def test_a_page_with_the_chart_stays_small(n):
    scores = changed(n, n // 2, n)
    times = tuple(f"2026-03-01 08:00:{i:06}" for i in range(n))
    page = render_html(report(batch_scores=scores, batch_times=times))
    plain = render_html(report(batch_scores=scores[:9]))
    assert len(page) - len(plain) < 200_000


def test_json_says_which_rows_the_scores_are_of():
    own = report(batch_scores=np.arange(12.0), batch_times=tuple(days(12)))
    content = json.loads(render_json(own))
    assert content["batch_rows"] == [*range(2, 14)]
    assert content["batch_times"] == days(12)


def test_the_picture_has_the_places_of_the_page():
    data = report(batch_scores=changed(5_000, 2_000, 2_500), threshold=1.0)
    chart, ax = figures._run_chart(data, Language("en")), Figure().add_subplot()
    figures._draw_run(chart, ax, data, Language("en"))
    assert len(ax.patches) == 2 * len(chart.halves)
    assert sum(len(dots.get_offsets()) for dots in ax.collections) == len(chart.dots)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == [t.label for t in chart.ticks]
    names = {text.get_text() for text in ax.get_legend().get_texts()}
    assert names == {"flagged", "threshold 1.00", "middle 90 % of 32 texts", "middle half"}
    quiet, ax = report(batch_scores=np.zeros(12), threshold=np.inf), Figure().add_subplot()
    figures._draw_run(figures._run_chart(quiet, ENGLISH), ax, quiet, ENGLISH)
    assert ax.get_legend() is None


# Where flagged rows crowd


@pytest.mark.parametrize(("n", "start", "stop"), [(200, 120, 140), (40_000, 12_000, 15_000)])
def test_a_stretch_in_which_most_is_rare_is_found_to_a_few_places(n, start, stop):
    is_rare = np.random.default_rng(0).random(n) < 0.05
    is_rare[start:stop] |= np.random.default_rng(1).random(stop - start) < 0.7
    found = crowded(is_rare)
    assert found.first == pytest.approx(start, abs=3)
    assert found.last == pytest.approx(stop - 1, abs=3)
    assert found.n == is_rare[found.first : found.last + 1].sum()
    assert crowded(np.random.default_rng(2).permutation(is_rare)) is None


def test_chance_alone_makes_a_stretch_in_one_of_a_hundred_orders():
    drawn = np.random.default_rng(0).random((500, 300)) < 0.05
    assert np.mean([crowded(own) is not None for own in drawn]) <= 0.01


@pytest.mark.parametrize(("n_rare", "is_found"), [(2, False), (3, True)])
def test_two_that_stand_together_are_no_crowd(n_rare, is_found):
    assert (crowded(np.isin(np.arange(400), 7 + np.arange(n_rare))) is not None) is is_found


@pytest.mark.parametrize("places", [[], [4], [*range(30)]])
def test_no_stretch_is_found_where_nothing_or_all_is_rare(places):
    assert crowded(np.isin(np.arange(30), places)) is None


@pytest.mark.parametrize(("tongue", "said"), [
    ("en", "Flagged texts crowd from line 62 (2026-05-01) to line 91 (2026-05-30): 30 of 30 there, "
     "2 of 210 elsewhere."),
    ("ja", "要確認の文は62行目（2026-05-01）から91行目（2026-05-30）までに集まっています"
     "（この区間は30件中30件、他は210件中2件）。"),
])  # fmt: skip
def test_the_summary_says_since_when_flagged_rows_crowd(tongue, said):
    scores = np.zeros(240)
    scores[[2, *range(60, 90), 200]] = 1
    scores[4] = np.nan
    dates = (pd.Timestamp("2026-03-01") + pd.to_timedelta(np.arange(240) + 1, "D")).date
    own = {"numbering": "file", "batch_times": tuple(map(str, dates))}
    known = report(batch_scores=scores, **own)
    assert said in render_markdown(known, tongue)
    scattered = report(batch_scores=np.roll(np.tile([1, *[0] * 9], 24), 3), **own)
    assert "crowd from" not in render_markdown(scattered)


# What shows when rows were


@pytest.fixture(scope="module")
def fitted():
    return PolarDetector("columns").fit(readings(200))


def dated(n=40, *, is_shuffled=False):
    times = [f"{day} 08:15" for day in days(n)]
    if is_shuffled:
        np.random.default_rng(0).shuffle(times)
    return readings(n, seed=1).assign(when=times)


def test_a_column_of_dates_in_their_order_says_when_rows_were(fitted, tmp_path):
    frame = dated()
    assert Report.of(fitted, frame).data.batch_times == tuple(frame["when"])
    assert Report.of(fitted, dated(is_shuffled=True)).data.batch_times == ()
    path = tmp_path / "new.csv"
    frame.to_csv(path, index=False)
    table = tables.read_table(path, rows=fitted.rows_)
    assert tables.dates_in_order(table.frame) == [*frame["when"]]


def test_dates_in_order_are_none_in_numbers_that_say_nothing_to_people():
    frame = pd.DataFrame({"n": range(30), "serial": np.arange(46_000, 46_030), "day": days(30)})
    assert tables.dates_in_order(frame) == days(30)
    assert tables.dates_in_order(frame[["n", "serial"]]) == []
    assert tables.dates_in_order(frame.iloc[:10]) == []  # few may be in order by chance


def of_index(fitted, index) -> ReportData:
    return Report.of(fitted, readings(40, seed=1).set_axis(index)).data


def test_an_index_says_which_rows_scores_are_of_and_when_they_were(fitted):
    moments = pd.date_range("2026-03-01 06:00", periods=40, freq="h")
    named = of_index(fitted, moments)
    assert named.batch_rows == named.batch_times == tuple(map(str, moments))
    twice = of_index(fitted, moments.repeat(2)[:40])  # which tells no rows apart
    assert (twice.batch_rows, twice.batch_times[3]) == ((*range(1, 41),), str(moments[1]))
    codes = of_index(fitted, [f"S{i}" for i in range(40)])
    assert (codes.batch_rows[39], codes.batch_times) == ("S39", ())
    assert of_index(fitted, moments[::-1]).batch_times[0] == str(moments[39])
    assert of_index(fitted, [*moments[1:], moments[0]]).batch_times == ()


def test_a_run_is_drawn_in_a_notebook_too(fitted):
    frame = readings(60, seed=1).set_axis(pd.date_range("2026-03-01", periods=60, freq="D"))
    frame.loc["2026-03-20":, "flow [l/min]"] = "500"
    found = fitted.assess(frame)
    ax = plots.plot_run(found, ax=Figure().add_subplot())
    flagged = ax.collections[2:4]
    n_drawn = sum(len(dots.get_offsets()) for dots in flagged)
    assert n_drawn == found.is_anomaly.sum() >= 41
    assert ax.get_xticklabels()[0].get_text() == "20\n2026-03-20"
    lowest = f"threshold {found.scores[found.is_anomaly].min():.2f}"
    assert lowest in [text.get_text() for text in ax.get_legend().get_texts()]
    with pytest.raises(InputError, match="Got 9 rows with a score; expected ten or more"):
        plots.plot_run(fitted.assess(frame.iloc[:9]))
