import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console

from polar_detect.program import Program
from polar_detect.report import charts, histogram
from polar_detect.report.data import Contribution, ReportData, RowReport
from polar_detect.report.html import clip, render_html
from polar_detect.report.terminal import (
    layer_ruler,
    program_strip,
    score_summary,
    sparkline,
    worst_rows,
)
from polar_detect.report.words import Numbers, chance, one_line, reasons, visible

N_LAYERS = 30
BASE = 0.12
VOID = {"meta", "link", "br", "hr", "img", "input"}
JAPANESE = "ポンプ P-204 の軸受から異音。振動値 7.8 mm/s、次回停止時に交換を推奨。"
HOSTILE = "</div><script>alert(1)</script><img src='http://evil.example/x' onerror=alert(2)>"
LONG = "Replaced the hose & tested it to <250 bar>.\n" * 25_000  # more than a million characters


def row(number=1, text="Greased the bearing.", **changes):
    rng = np.random.default_rng(number)
    layers = tuple(Contribution(f"L{i}", float(v)) for i, v in enumerate(rng.normal(0, 0.1, 30)))
    whole = (Contribution("context", 0.3), Contribution("loss", -0.07))
    score = BASE + sum(part.value for part in (*layers, *whole))
    values = {
        "row": number,
        "text": text,
        "label": None,
        "score": score,
        "p_value": 0.004,
        "is_anomaly": True,
        "program": Program.full(N_LAYERS).repeat(4, 2).skip(20, 1 + number % 7),
        "full_loss": 3.2,
        "program_loss": 3.27,
        "layers": layers,
        "whole": whole,
        "features": (("distance/knn/L11", 2.5, 0.4), ("skip/L4", -1.0, -0.2)),
        "neighbours": ("Changed the oil.", "Checked the seal."),
    }
    return RowReport(**{**values, **changes})


def report(rows=None, **changes):
    rng = np.random.default_rng(0)
    rows = (row(7), row(8, JAPANESE)) if rows is None else tuple(rows)
    values = {
        "title": "Work orders",
        "source": "march.csv",
        "created": "2026-03-31 14:05",
        "detector": (("fitted on", "1,600 normal texts"),),
        "n_rows": 240,
        "n_empty": 0,
        "n_flagged": 31,
        "n_layers": N_LAYERS,
        "typical_calls": rng.uniform(0, 1.3, N_LAYERS),
        "typical_length": 17.4,
        "batch_length": 19.9,
        "calibration_scores": rng.normal(-0.4, 0.3, 400),
        "batch_scores": rng.normal(0, 0.5, 240),
        "threshold": 0.2,
        "alpha": 0.05,
        "base_value": BASE,
        "rows": rows,
        "global_layers": tuple(Contribution(f"L{i}", 0.01 * i) for i in range(N_LAYERS)),
        "global_whole": (Contribution("context", 0.31), Contribution("loss", 0.1)),
    }
    return ReportData(**{**values, **changes})


class Page(HTMLParser):
    """What a page holds: tags in balance, attributes, the words outside the style sheet."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.attributes, self.words = [], [], [], []
        self.feed(html)
        self.close()

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.extend((tag, name, value) for name, value in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)


def page_of(**changes):
    return Page(render_html(report(**changes)))


def printed(renderable, *, width=100, is_terminal=False):
    stream = io.StringIO()
    colours = "standard" if is_terminal else "auto"  # auto: none, as the stream is no terminal
    console = Console(file=stream, width=width, force_terminal=is_terminal, color_system=colours)
    console.print(renderable)
    return stream.getvalue()


def outside_references(html):
    in_attributes = [
        value
        for _, name, value in Page(html).attributes
        if name in {"src", "href", "srcset", "data", "action", "poster"}
        and not value.startswith(("#", "data:,"))
    ]
    return in_attributes + re.findall(r"@import|url\([^)]*\)", html)


# The HTML page


def test_every_tag_is_closed_in_order():
    page = page_of(rows=[row(1), row(2, HOSTILE), row(3, LONG), row(4, "")])
    assert page.open == []
    assert page.tags.count("article") == 4


def test_an_unclosed_tag_would_be_noticed():
    assert Page("<div><p></p>").open == ["div"]
    with pytest.raises(AssertionError):
        Page("<div><p></div>")


def test_the_page_needs_no_network_and_no_script():
    html = render_html(report(rows=[row(1, "see https://example.com/manual"), row(2, HOSTILE)]))
    assert outside_references(html) == []
    assert "script" not in Page(html).tags
    assert "default-src 'none'" in html


def test_a_reference_to_the_outside_would_be_noticed():
    assert outside_references('<img src="http://a.example/x.png">') == ["http://a.example/x.png"]
    assert outside_references("<style>b{background:url(x.png)}</style>") == ["url(x.png)"]


@pytest.mark.parametrize("field", ["title", "source", "created"])
def test_markup_in_names_is_shown_and_not_obeyed(field):
    page = page_of(**{field: HOSTILE})
    assert HOSTILE in page.text
    assert not {"script", "img"} & set(page.tags)


def test_markup_in_texts_labels_and_neighbours_is_shown_and_not_obeyed():
    hostile = row(
        1,
        HOSTILE,
        neighbours=(HOSTILE,),
        features=((HOSTILE, 1.0, 0.1),),
        whole=(Contribution(HOSTILE, 0.2),),
    )
    page = page_of(
        rows=[hostile, row(2)], detector=((HOSTILE, HOSTILE),), versions=((HOSTILE, "1"),)
    )
    assert page.text.count(HOSTILE) >= 8
    assert not {"script", "img"} & set(page.tags)


def test_two_hundred_long_texts_stay_below_five_megabytes():
    html = render_html(report(rows=[row(i, LONG) for i in range(200)]))
    assert len(html.encode()) < 5_000_000
    assert Page(html).tags.count("article") == 200


def test_rows_that_would_make_the_page_too_large_are_left_out_and_counted():
    html = render_html(report(rows=[row(i, "\U00020000<&" * 2_000) for i in range(1, 601)]))
    n_shown = Page(html).tags.count("article")
    assert len(html.encode()) < 5_000_000
    assert 100 < n_shown < 600
    assert f"{600 - n_shown} further rows are left out" in html
    assert "further rows are left out" not in render_html(report())


def test_each_row_shows_its_printed_program():
    rows = [row(i) for i in range(1, 6)]
    page = page_of(rows=rows)
    assert len({str(r.program) for r in rows}) > 1
    for r in rows:
        assert str(r.program) in page.text


def test_the_strip_of_a_program_has_every_layer_once():
    program = Program.parse("0-3 [4-5]x3 8-29")
    html = render_html(report(rows=[row(1, program=program)]))
    card = html[html.index("<article") : html.index("</article>")]
    titles = re.findall(r"<title>Layer (\d+): (skipped|kept|looped)[^<]*</title>", card)
    assert [int(layer) for layer, _ in titles] == list(range(N_LAYERS))
    assert [layer for layer, kind in titles if kind == "skipped"] == ["6", "7"]
    assert [layer for layer, kind in titles if kind == "looped"] == ["4", "5"]
    assert "looped (called 3 times)" in card


def test_base_value_and_parts_are_written_as_a_sum():
    layers = tuple(Contribution(f"L{i}", 0.1 if i == 11 else 0.0) for i in range(N_LAYERS))
    whole = (Contribution("context", 0.5), Contribution("loss", -0.25))
    page = page_of(rows=[row(1, layers=layers, whole=whole, score=0.47)])
    assert "0.12 base +0.10 layers +0.25 whole text = 0.47" in page.text


def test_the_style_sheet_serves_light_dark_and_paper():
    html = render_html(report())
    style = html[html.index("<style>") : html.index("</style>")]
    assert "@media screen and (prefers-color-scheme: dark)" in style
    assert "@media print" in style
    light, dark = re.findall(r"--page: (#\w+);[^}]*--sheet", style)
    assert light != dark


def test_japanese_texts_stay_as_they_are():
    assert JAPANESE in page_of(rows=[row(1, JAPANESE, neighbours=(JAPANESE,))]).text


def test_quality_against_labels_is_shown_only_where_there_are_labels():
    assert "AUROC" not in page_of().text
    assert "known label" not in page_of().text
    page = page_of(rows=[row(1, label=True), row(2, label=False)], auroc=0.934, aupr=0.871)
    assert "AUROC 0.934" in page.text
    assert "AUPR 0.871" in page.text
    assert "known label anomaly" in page.text
    assert "known label normal" in page.text


def test_empty_texts_are_marked_and_counted():
    page = page_of(rows=[row(1, "  \n"), row(2)], n_empty=1)
    assert "(empty text)" in page.text
    assert "1 row has no text and was not scored" in page.text
    assert "empty text" not in page_of().text


def test_a_batch_without_flags_says_so():
    page = page_of(rows=[row(1, is_anomaly=False)], n_flagged=0)
    assert "None of 240 texts stands out." in page.text
    assert "not flagged" in page.text
    assert "31 of 240 texts stand out." in page_of().text


def test_more_flags_than_chance_explains_are_told_apart_from_fewer():
    assert "more flagged texts than chance explains" in page_of(n_flagged=31).text
    assert "no more than chance explains" in page_of(n_flagged=13).text


def test_a_batch_of_one_row_makes_a_report():
    only = row(1)
    page = page_of(rows=[only], n_rows=1, n_flagged=1, batch_scores=np.array([only.score]))
    assert "1 of 1 text stands out." in page.text
    assert "The row with the highest scores" in page.text


def test_a_report_without_rows_says_so():
    page = page_of(rows=[], n_rows=0, n_flagged=0, batch_scores=np.array([]))
    assert "There is no row to show." in page.text


def test_values_that_are_not_numbers_never_reach_the_page():
    nothing = float("nan")
    broken = row(
        1,
        score=nothing,
        p_value=nothing,
        full_loss=nothing,
        program_loss=float("inf"),
        layers=tuple(Contribution(f"L{i}", nothing) for i in range(N_LAYERS)),
        features=(("skip/L4", nothing, nothing),),
    )
    html = render_html(
        report(
            rows=[broken, row(2)],
            threshold=float("inf"),
            typical_calls=np.full(N_LAYERS, np.nan),
            typical_length=nothing,
            batch_length=nothing,
            batch_scores=np.array([0.1, np.nan]),
        )
    )
    assert not re.search(r"(?<![a-z])(nan|inf)(?![a-z])", html)
    assert re.search(r"(?<![a-z])(nan|inf)(?![a-z])", "score nan")
    assert "No score can be flagged" in html


def test_pictures_have_descriptions_and_sections_have_headings():
    page = page_of()
    described = {value for tag, name, value in page.attributes if tag == "svg" and name == "role"}
    assert described == {"img"}
    n_pictures = page.attributes.count(("svg", "role", "img"))
    labels = [value for tag, name, value in page.attributes if (tag, name) == ("svg", "aria-label")]
    assert len(labels) == n_pictures
    assert all(labels)
    ids = [value for _, name, value in page.attributes if name == "id"]
    named_by = [value for _, name, value in page.attributes if name == "aria-labelledby"]
    assert len(ids) == len(set(ids))
    assert set(named_by) <= set(ids)
    assert {"main", "nav", "header", "footer", "h1"} <= set(page.tags)


def test_links_inside_the_page_lead_somewhere():
    page = page_of()
    ids = {value for _, name, value in page.attributes if name == "id"}
    targets = {v[1:] for _, name, v in page.attributes if name == "href" and v.startswith("#")}
    assert {"rank-1", "scores", "typical-strip"} <= targets
    assert targets <= ids


def test_versions_stand_in_the_footer():
    html = render_html(report(versions=(("torch", "2.9.0"),)))
    assert "torch 2.9.0" in html[html.index("<footer>") :]


# Texts and numbers


def test_a_clipped_text_loses_nothing_but_what_it_counts():
    cut = clip(LONG)
    assert cut.head + cut.rest == LONG[: len(cut.head + cut.rest)]
    assert len(cut.head + cut.rest) + cut.n_left_out == len(LONG)
    assert cut.head.count("\n") < 10


def test_control_characters_become_visible_and_layout_stays():
    assert visible("a\x1b[31m\x00b\x9b") == "a␛[31m␀b\ufffd"
    assert visible("a\tb\r\nc\rd") == "a\tb\nc\nd"


def test_a_text_with_half_a_surrogate_pair_can_be_written():
    page = render_html(report(rows=[row(1, "broken \ud800 text")]))
    assert "broken \ufffd text" in page.encode().decode()


def test_one_line_keeps_short_texts_and_cuts_long_ones():
    assert one_line("a\n b", 10) == "a b"
    assert one_line("x" * 50, 10) == "x" * 9 + "…"
    assert one_line(" " * 100 + "end", 10).endswith("…")


def test_reasons_are_what_raises_the_score():
    parts = (Contribution("L0", -0.9), Contribution("L1", 0.2))
    found = reasons(row(1, layers=parts, whole=(Contribution("context", 0.5),)))
    assert [part.label for part in found] == ["context", "L1"]


def test_chance_flags_alpha_of_the_rows_that_have_text():
    expected = chance(report(n_rows=210, n_empty=10, alpha=0.1))
    assert expected.expected == pytest.approx(20)
    assert 0 < expected.low < 20 < expected.high < 200


# Geometry


def test_waterfall_bars_join_base_and_score():
    steps = charts.waterfall(0.1, [Contribution("layers", 0.5), Contribution("context", -0.2)])
    assert [step.kind for step in steps] == ["total", "raise", "lower", "total"]
    assert steps[-1].value == pytest.approx(0.4)
    raised, lowered = steps[1], steps[2]
    assert raised.x + raised.width == pytest.approx(lowered.x + lowered.width)


def test_layer_bars_grow_from_zero_in_their_direction():
    parts = [Contribution("L0", 0.4), Contribution("L1", -0.2)]
    columns = charts.layer_columns(parts, 100, Numbers(), is_signed=True)
    up, down = columns.marks
    assert up.y + up.height == pytest.approx(columns.zero)
    assert down.y == pytest.approx(columns.zero)
    assert up.height == pytest.approx(2 * down.height)
    assert (up.kind, down.kind) == ("raise", "lower")


def test_no_bar_holds_flagged_and_other_rows():
    batch = np.linspace(-1, 1, 101)
    chart = histogram.score_chart(batch - 0.5, batch, 0.3, 90)
    flagged = [mark for mark in chart.panels[1].marks if mark.kind == "flag"]
    others = [mark for mark in chart.panels[1].marks if mark.kind == "batch"]
    assert flagged
    assert others
    assert chart.threshold is not None
    assert min(mark.x for mark in flagged) >= chart.threshold - 1e-9
    assert max(mark.x + mark.width for mark in others) <= chart.threshold + 1e-9


def test_a_far_outlier_does_not_flatten_the_histogram():
    normal = np.random.default_rng(0).normal(0, 1, 500)
    chart = histogram.score_chart(normal, np.append(normal, 1e6), 2.0, 90)
    assert chart.n_beyond == 1
    assert len(chart.panels[0].marks) > 15
    assert histogram.score_chart(normal, normal, 2.0, 90).n_beyond < 5


@pytest.mark.parametrize("scores", [[], [0.5], [0.5, 0.5], [np.nan], [-1e9, 1e9]])
def test_any_batch_can_be_drawn(scores):
    chart = histogram.score_chart(np.array(scores), np.array(scores), 0.5, 90)
    marks = [mark for panel in chart.panels for mark in panel.marks]
    assert all(mark.x >= 0 and mark.x + mark.width <= 100.001 for mark in marks)


# The terminal


def test_a_strip_tells_skip_keep_and_loop_apart_without_colour():
    strip = program_strip(Program.parse("0-1 [2-3]x2 6"), 8)
    assert strip.plain == "██22··█·"
    assert layer_ruler(8).plain == "0    5"


def test_output_that_is_piped_has_no_colour_codes():
    rows = [row(1), row(2, "\x1b[31mred[/red] \x07", label=True)]
    for renderable in (
        worst_rows(rows),
        program_strip(rows[0].program, N_LAYERS),
        score_summary(240, 31, alpha=0.05),
    ):
        assert "\x1b" not in printed(renderable)
        assert "\x1b[" in printed(renderable, is_terminal=True)


@pytest.mark.parametrize("width", [60, 80, 140])
def test_the_table_of_worst_rows_fits_its_width(width):
    output = printed(worst_rows([row(12, LONG, label=True), row(3, "")]), width=width)
    assert all(len(line.rstrip()) <= width for line in output.splitlines())
    assert "12" in output
    assert "0.004" in output
    assert "…" in output
    assert "(empty" in output


def test_the_table_of_worst_rows_names_reasons_and_known_labels():
    layers = (Contribution("L0", -0.1), Contribution("L11", 0.41))
    known = row(1, layers=layers, label=True)
    output = printed(worst_rows([known]))
    assert "L11 +0.41 · context +0.30" in output
    assert "anomaly" in output
    assert "label" not in printed(worst_rows([replace(known, label=None)]))


def test_square_brackets_of_a_log_line_are_not_markup():
    assert "[bold]x[/bold] [812.33]" in printed(worst_rows([row(1, "[bold]x[/bold] [812.33]")]))


def test_a_sparkline_spans_lowest_to_highest():
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([3.0, 3.0]) == "▁▁"
    assert sparkline([float("nan"), 1.0, 2.0]) == " ▁█"
    assert sparkline([]) == ""


def test_the_summary_counts_rows_flags_and_chance():
    assert "no text" not in score_summary(240, 0, alpha=0.05).plain
    summary = score_summary(21, 3, alpha=0.05, n_empty=1).plain
    assert "20 rows scored, 3 flagged; about 1.0 expected by chance alone (5 % of 20)." in summary
    assert "1 row has no text and was not scored." in summary
