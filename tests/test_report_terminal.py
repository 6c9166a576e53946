import io
import re
from dataclasses import replace

import pytest
from report_samples import DRIFT, LONG, N_LAYERS, listed, row
from rich.console import Console

from polar_detect.messages.language import Language
from polar_detect.messages.sources import Layer
from polar_detect.program import Program
from polar_detect.report.content.data import Contribution
from polar_detect.report.formats.terminal import (
    drift_line,
    layer_ruler,
    program_strip,
    score_summary,
    sparkline,
    worst_rows,
)


def printed(renderable, *, width=100, is_terminal=False):
    stream = io.StringIO()
    colours = "standard" if is_terminal else "auto"  # auto: none, as the stream is no terminal
    console = Console(file=stream, width=width, force_terminal=is_terminal, color_system=colours)
    console.print(renderable)
    return stream.getvalue()


def test_a_strip_tells_skip_keep_and_loop_apart_without_colour():
    strip = program_strip(Program.parse("0-1 [2-3]x2 6"), 8)
    assert strip.plain == "██22··█·"
    assert layer_ruler(8).plain == "0    5"


def test_output_that_is_piped_has_no_colour_codes():
    rows = [row(1), row(2, "\x1b[31mred[/red] \x07", label=True)]
    for renderable in (
        worst_rows([*map(listed, rows)]),
        program_strip(rows[0].minimal.program, N_LAYERS),
        score_summary(240, 31, rate=0.05),
    ):
        assert "\x1b" not in printed(renderable)
        assert "\x1b[" in printed(renderable, is_terminal=True)


@pytest.mark.parametrize("width", [60, 80, 140])
def test_the_table_of_worst_rows_fits_its_width(width):
    output = printed(
        worst_rows([listed(row(12, LONG, label=True)), listed(row(3, ""))]), width=width
    )
    assert all(len(line.rstrip()) <= width for line in output.splitlines())
    assert "12" in output
    assert "0.004" in output
    assert "…" in output
    assert "(empty" in output


def test_the_table_of_worst_rows_names_reasons_and_known_labels():
    layers = (Contribution(Layer(0), -0.1), Contribution(Layer(11), 0.41))
    known = row(1, layers=layers, label=True)
    output = printed(worst_rows([listed(known)]), width=200)
    said = "unlike normal texts at layer 11, little help from similar texts"
    assert said in " ".join(output.split())
    assert "anomaly" in output
    assert "label" not in printed(worst_rows([listed(replace(known, label=None))]))


def test_the_table_of_worst_rows_speaks_japanese():
    known = row(1, label=True, layers=(Contribution(Layer(11), 0.41),))
    output = printed(worst_rows([listed(known), listed(row(2, ""))], language=Language("ja")))
    for said in ("行", "スコア", "p値", "判定", "ラベル", "主な理由", "本文", "異常", "第11層"):
        assert said in output
    for said in ("score", "flag", "label", "raised", "layer", "empty"):
        assert said not in output


@pytest.mark.parametrize(("numbering", "heading"), [("file", "line"), ("sheet", "row")])
def test_the_table_of_worst_rows_is_headed_by_what_its_numbers_count(numbering, heading):
    assert printed(worst_rows([listed(row(7))], numbering)).split()[0] == heading


def test_square_brackets_of_a_log_line_are_not_markup():
    assert "[bold]x[/bold] [812.33]" in printed(
        worst_rows([listed(row(1, "[bold]x[/bold] [812.33]"))])
    )


def test_a_sparkline_spans_lowest_to_highest():
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([3.0, 3.0]) == "▁▁"
    assert sparkline([float("nan"), 1.0, 2.0]) == " ▁█"
    assert sparkline([]) == ""


def test_the_summary_counts_rows_flags_and_chance():
    assert "no text" not in score_summary(240, 0, rate=0.05).plain
    summary = score_summary(21, 3, rate=0.05, n_empty=1).plain
    assert "20 rows scored, 3 flagged; about 1.0 expected by chance alone (5 % of 20)." in summary
    assert "1 row has no text and was not scored." in summary
    assert "(12.5 % of 240)" in score_summary(240, 0, rate=0.125).plain


def test_the_summary_says_whether_the_batch_as_a_whole_is_different():
    summary = score_summary(240, 31, rate=0.05, drift=DRIFT).plain
    assert "clearly differs from the normal texts. Unless its anomalous rows alone" in summary
    assert "the promised error rates do not hold here" in summary
    assert "68 of 100 pairs" in summary
    assert "p = 2e-05" in summary
    same = replace(DRIFT, verdict="none", p_value=0.4, superiority=0.51)
    assert "looks like the normal texts" in drift_line(same)
    few = drift_line(replace(DRIFT, verdict="too few", p_value=float("nan")))
    assert "too few" in few
    assert "nan" not in few


def test_the_summary_speaks_japanese():
    summary = score_summary(240, 31, rate=0.05, drift=DRIFT, language=Language("ja")).plain
    assert "240行を採点、要確認31件" in summary
    assert "明らかにずれています" in summary
    assert not set("abcdefghijklmnoqrstuvwxyz") & set(summary.replace("2e-05", ""))


def test_no_color_takes_the_colours_off_a_terminal(monkeypatch):
    strip = program_strip(row(1).minimal.program, N_LAYERS)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in printed(strip, is_terminal=True)
    monkeypatch.setenv("NO_COLOR", "1")
    colours = r"\x1b\[[0-9;]*[349][0-7]"
    assert not re.search(colours, printed(strip, is_terminal=True))
    monkeypatch.delenv("NO_COLOR")
    assert re.search(colours, printed(strip, is_terminal=True))
