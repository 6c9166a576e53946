"""Reports on rows of a table name columns, and say what normal rows hold there."""

import json
import math
import re
from dataclasses import replace

import pytest
from report_samples import (
    DRIFT,
    HOSTILE,
    Page,
    listed,
    machine_row,
    outside_references,
    report,
    row,
)
from rich.console import Console

from polar_detect.drift import Drift, Shift
from polar_detect.features.table import Feature
from polar_detect.messages.language import Language
from polar_detect.messages.sources import Column
from polar_detect.report.content.data import Contribution, Swarm
from polar_detect.report.content.phrases import findings, headline
from polar_detect.report.content.row_phrases import leading_reasons
from polar_detect.report.formats.as_json import render_json
from polar_detect.report.formats.html import render_html
from polar_detect.report.formats.markdown import render_markdown
from polar_detect.report.formats.terminal import worst_rows
from polar_detect.signature.columns.new_cells import NewCell
from polar_detect.signature.marks.spans import TokenLoss


def test_a_card_says_what_a_cell_holds_and_what_normal_rows_hold_there():
    page = Page(render_html(report([machine_row()])))
    assert (
        "What raised the score most: “Torque [Nm]” = 68.2 (normal rows: 21.4 to 58.6; +0.60) and "
        "“Speed [rpm]” = 1551 (usual by itself, unusual beside the other columns; +0.25)."
    ) in page.text
    assert "Columns that count most column value normal rows part of score" in page.text
    assert "Torque [Nm] 68.2 21.4 to 58.6 +0.60" in page.text
    assert "column “Torque [Nm]”: what the other columns do not explain" in page.text
    control = Page(render_html(report([row()])))
    assert "Columns that count most" not in control.text


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (10000123.0, 10000456.0, "10000123 to 10000456"), (-1234567.0, 7.0, "−1234567 to 7"),
        (101325.07, 101325.31, "101325.07 to 101325.31"), (1e7, 2e7, "1e+07 to 2e+07"),
    ],
)  # fmt: skip
def test_what_normal_rows_hold_is_said_in_all_digits_where_six_do_not_tell(low, high, said):
    own = machine_row()
    first, *others = own.cells
    data = report([replace(own, cells=(replace(first, low=low, high=high), *others))])
    assert f"68.2 (normal rows: {said}" in (written := render_markdown(data))
    assert f"= 68.2 (normal rows: {said}" in written
    assert f"Torque [Nm] 68.2 {said}" in Page(render_html(data)).text


def test_a_card_says_what_the_other_columns_of_a_row_lead_to_expect():
    own = machine_row()
    torque, speed, *others = own.cells
    assert (torque.column, speed.column) == ("Torque [Nm]", "Speed [rpm]")
    torque = replace(torque, expected_low=30.0, expected_high=41.5, is_expected=False)
    speed = replace(speed, expected_low=1560.0, expected_high=1580.0, is_expected=False)
    data = report([replace(own, cells=(torque, speed, *others))])
    page = Page(render_html(data))
    assert (
        "“Torque [Nm]” = 68.2 (normal rows: 21.4 to 58.6; +0.60) and “Speed [rpm]” = 1551 "
        "(usual by itself; the other columns lead to expect 1560 to 1580; +0.25)."
    ) in page.text
    assert "column value normal rows expected here part of score" in page.text
    assert "Torque [Nm] 68.2 21.4 to 58.6 30 to 41.5 +0.60" in page.text
    assert "Expected here Between which numbers the other columns" in page.text
    written = render_markdown(data)
    assert "68.2 (normal rows: 21.4 to 58.6; expected here: 30 to 41.5; +0.60)" in written
    assert "他の列からは1560～1580と予想される" in render_html(data, "ja")
    control = Page(render_html(report([own])))
    assert "xpected here" not in control.text


def test_a_cell_that_is_like_those_of_labelled_anomalies_is_not_called_unusual_beside_others():
    own = machine_row()
    cells = (own.cells[0], replace(own.cells[1], is_as_labelled=True))
    data = report([replace(own, cells=cells)])
    page = Page(render_html(data))
    assert (
        "“Torque [Nm]” = 68.2 (normal rows: 21.4 to 58.6; +0.60) and “Speed [rpm]” = 1551 "
        "(as in the labelled anomalies; normal rows: 1365 to 1868; +0.25)."
    ) in page.text
    assert "unusual beside the other columns" not in page.text
    assert "ラベル付きの異常と同様" in render_html(data, "ja")


def test_the_cells_that_raised_the_score_are_marked_and_not_what_costs_the_model_most():
    own = machine_row()
    tokens = (TokenLoss(0, 4, 9.0), TokenLoss(4, 44, 0.1))
    data = report([replace(own, tokens=tokens)], n_flagged=1)
    page = render_html(data)
    assert 'Type: M; Speed [rpm]: <mark class="much" title="part of score +0.25">1551' in page
    assert '</mark>; Torque [Nm]: <mark class="most" title="part of score +0.60">68.2' in page
    assert page.count("<mark") == 2 + 2  # two in the legend
    assert "raised it most" in page
    assert "hardest to predict" not in page
    assert "Look at the marked values, at what normal rows hold there" in page
    japanese = render_html(data, "ja")
    assert "色の付いた値を" in japanese
    assert "特に大きく上げた値" in japanese
    assert "色の付いた語" not in japanese
    control = render_html(report([replace(own, tokens=tokens, cells=())], n_flagged=1))
    assert '<mark class="most" title="costs 9.00 nats">Type' in control
    assert "Look at the marked words" in control


def test_cells_of_no_account_and_such_as_lower_the_score_are_not_marked():
    first, second = machine_row().cells
    cells = (replace(first, part=-0.6), replace(second, part=0.02))
    page = render_html(report([replace(machine_row(), cells=cells)]))
    assert page.count("<mark") == 2


def test_cells_count_also_behind_what_the_model_reads():
    own = replace(machine_row(), tokens=(TokenLoss(0, 4, 9.0), TokenLoss(4, 9, 0.1)))
    page = render_html(report([own]))
    assert '<span class="unread">Speed [rpm]: </span><mark class="much"' in page
    assert (
        "reads the first 9 characters of this row. Of what follows, columns of numbers and of"
        in page
    )
    assert "words that repeat count in full; all else counts only as far" in page


@pytest.mark.parametrize(
    ("tongue", "reason", "listed", "cell"),
    [
        ("en", "“Torque [Nm]” has no value (+0.60)", "“Torque [Nm]” has no value", "no value"),
        ("ja", "「Torque [Nm]」に値がない（+0.60）", "「Torque [Nm]」に値がない", "値なし"),
    ],
)
def test_an_empty_cell_is_said_to_be_empty(tongue, reason, listed, cell):
    own = machine_row()
    cells = (replace(own.cells[0], says="missing", is_empty=True), own.cells[1])
    whole = (Contribution(Column("Torque [Nm]", is_empty=True), 0.6), own.whole[1])
    data = report([replace(own, text="Type: M", cells=cells, whole=whole)], n_flagged=1)
    page = render_html(data, tongue)
    assert reason in page
    assert f'<td class="why">{listed}' in page
    assert f">{cell}</td>" in page
    written = render_markdown(data, tongue)
    assert rf"- Torque \[Nm\]: {cell} (" in written
    assert "missing" not in page + written


def test_what_is_new_in_a_category_is_said_of_its_row():
    new = (NewCell("Type", "<Z>"), NewCell("Line", ""))
    data = report([replace(machine_row(), new_cells=new)])
    page = render_html(data)
    assert "No normal row has &lt;Z&gt; in “Type” and a missing “Line”." in page
    said = render_html(data, "ja")
    assert "正常な行にない値です：「Type」の「&lt;Z&gt;」、「Line」の空欄。" in said
    written = json.loads(render_json(data))["rows"][0]["new_cells"]
    assert written[0] == {"column": "Type", "says": "<Z>"}
    assert "No normal row has" not in render_html(report([machine_row()]))  # control


def test_the_list_of_rows_says_first_what_is_new_in_a_category():
    own = machine_row()
    one = replace(own, new_cells=(NewCell("Machine", "CNC-9"),))
    more = replace(own, new_cells=(NewCell("Type", "Z"), NewCell("Line", "9"), NewCell("Day", "8")))
    data = report([one, more, own])
    page, written = render_html(data), render_markdown(data)
    lists = [
        "new in “Machine”: CNC-9, unusual “Torque [Nm]”",
        "new in “Type”: Z, new in “Line”: 9",
        "unusual “Torque [Nm]”, unusual “Speed [rpm]”",
    ]
    for said in lists:
        assert f'<td class="why">{said}</td>' in page
        assert said in written.replace("\\", "")


def test_a_batch_of_rows_that_is_off_asks_for_columns_that_are_new_in_every_row():
    rows = report([machine_row()], n_flagged=1)
    assert "If dates, lot numbers or other columns" in render_html(rows)
    assert "日付やロット番号など" in render_html(rows, "ja")
    texts = report([row()], n_flagged=1)
    assert "many flags may have one common cause" in render_html(texts)  # control
    assert "lot numbers" not in render_html(texts)
    quiet = report([machine_row()], n_flagged=1, drift=replace(DRIFT, verdict="none"))
    assert "lot numbers" not in render_html(quiet)


def test_the_names_of_columns_are_not_listed_as_hard_to_predict():
    tokens = (TokenLoss(0, 4, 9.0), TokenLoss(4, 20, 0.1))
    page = Page(render_html(report([replace(machine_row(), tokens=tokens)])))
    assert "Hardest to predict" not in page.text
    assert "Hardest to predict" in Page(render_html(report([row(tokens=tokens)]))).text


def test_the_table_and_the_summary_name_columns_not_their_group():
    page = Page(render_html(report([machine_row()], n_flagged=1)))
    assert "unusual “Torque [Nm]”" in page.text
    assert "column/" not in page.text


@pytest.mark.parametrize("render", [render_html, render_markdown, render_json])
def test_the_same_is_said_in_japanese(render):
    said = render(report([machine_row()]), "ja")
    assert "正常な行" in said or '"words": "「Torque [Nm]」"' in said


def test_markdown_and_json_hold_the_cells():
    written = render_markdown(report([machine_row()]))
    assert r"- Torque \[Nm\]: 68.2 (normal rows: 21.4 to 58.6; +0.60)" in written
    cells = json.loads(render_json(report([machine_row()])))["rows"][0]["cells"]
    assert cells[0] == {
        "column": "Torque [Nm]",
        "says": "68.2",
        "is_empty": False,
        "low": 21.4,
        "high": 58.6,
        "expected_low": None,
        "expected_high": None,
        "levels": [],
        "expected": None,
        "beside": {},
        "is_usual": False,
        "is_expected": True,
        "part": 0.6,
        "start": 41,
        "stop": 45,
        "is_as_labelled": False,
        "is_condition": False,
    }


@pytest.mark.parametrize("render", [render_html, render_markdown])
def test_arabic_in_a_sentence_does_not_turn_round_what_follows_it(render):
    own = machine_row(name="الضغط")
    cells = (replace(own.cells[0], levels=(("مغلق", 0.98), ("open*", 0.02))), own.cells[1])
    new = (NewCell("الحالة", "تالف"), NewCell("Type", "Z"))
    written = render(report([replace(own, cells=cells, new_cells=new)]))
    said = re.sub(r"\\(?=[*])", "", written)
    assert "“\u2068الحالة\u2069”: \u2068تالف\u2069" in said
    assert (
        "“\u2068الضغط\u2069” = 68.2 (normal rows: \u2068مغلق\u2069 98 %, open* 2 %; +0.60)" in said
    )
    assert "\u2068\u2068" not in written
    assert "�" not in written
    assert "\u2068" not in render(report([machine_row()]))  # control


def test_pages_take_the_direction_of_foreign_names_from_their_letters():
    own = machine_row(name="الضغط")
    page = render_html(report([own], source="تقرير 3.csv"))
    assert "<bdi>تقرير 3.csv</bdi>" in page
    assert re.search(r'<td dir="auto">الضغط</td><td [^>]*dir="auto">68.2</td>', page)
    assert "�" not in page


def test_what_no_page_shows_has_no_signs_of_direction():
    data = report([machine_row(name="الضغط")])
    assert "الضغط" in (written := render_json(data))
    assert "\u2068" not in written
    assert "\\u2068" not in written


def test_hostile_names_of_columns_do_no_harm():
    data = report([machine_row(name=HOSTILE), machine_row(4, name="x" * 10_000)])
    page = render_html(data)
    assert not outside_references(page)
    assert "<script>alert" not in page
    assert "x" * 100 not in page.split('id="rank-2"')[1].split('class="reasons"')[1]


def test_columns_that_moved_are_named():
    feature = Feature("column", "Air [K]/value")
    shifts = (Shift(feature, 1.4, 1e-9, is_moved=True),)
    drift = Drift(400, 240, 0.3, 1e-5, 0.7, "clear", (), shifts)
    swarm = Swarm(feature, report().swarms[0].parts, report().swarms[0].ranks)
    page = Page(render_html(report([machine_row()], drift=drift, swarms=(swarm,))))
    assert "column “Air [K]”: value, in standard deviations +1.40" in page.text


def test_the_terminal_uses_the_words_of_the_report():
    console = Console(width=160)
    with console.capture() as captured:
        console.print(worst_rows([listed(machine_row()), listed(row(8, whole=(), layers=()))]))
    shown = " ".join(captured.get().split())
    assert "unusual “Torque [Nm]”" in shown
    assert "column/" not in shown


def of_machines():
    """Return a row one of whose cells is held against normal rows of its machine and type."""
    plain = machine_row()
    torque = replace(plain.cells[0], beside={"Machine": "2", "Type": "M\nspecial"})
    return report([replace(plain, cells=(torque, *plain.cells[1:]))])


@pytest.mark.parametrize(
    ("tongue", "usual"),
    [
        ("en", "normal rows: 21.4 to 58.6 with Machine 2, Type M special"),
        ("ja", "正常な行：Machine 2、Type M specialでは21.4～58.6"),
    ],
)
def test_what_is_usual_says_of_which_rows_it_is(tongue, usual):
    data = of_machines()
    assert usual in Page(render_html(data, tongue)).text
    table = usual.split(": " if tongue == "en" else "：")[1]
    assert table in Page(render_html(data, tongue)).text.replace(usual, "")
    assert table in render_markdown(data, tongue)
    assert json.loads(render_json(data))["rows"][0]["cells"][0]["beside"]["Machine"] == "2"


def of_words():
    """Return a row one of whose cells says what normal rows with the same product never say."""
    plain = machine_row()
    said = (("P104", 0.85), ("", 0.1), ("P101\nnew", 0.05))
    program = replace(plain.cells[0], low=math.nan, high=math.nan, levels=said, is_usual=True)
    alone, beside = program, replace(program, beside={"Product": "PC-300"})
    return [report([replace(plain, cells=(own, *plain.cells[1:]))]) for own in (alone, beside)]


@pytest.mark.parametrize(
    ("tongue", "of_all", "of_kind"),
    [
        ("en", "normal rows: P104 85 %, no value 10 %, P101 new 5 %;", " 5 % with Product PC-300;"),
        ("ja", "正常な行：P104 85%、値なし 10%、P101 new 5%、", "Product PC-300ではP104 85%、"),
    ],
)
def test_what_normal_rows_say_in_a_column_of_words_is_said_with_shares(tongue, of_all, of_kind):
    alone, beside = of_words()
    for data, said in ((alone, of_all), (beside, of_kind)):
        assert said in Page(render_html(data, tongue)).text
        assert "nan" not in render_markdown(data, tongue)
    written = json.loads(render_json(alone))["rows"][0]["cells"][0]
    assert written["levels"][0] == ["P104", 0.85]
    assert written["low"] is None


def test_a_listed_row_says_once_that_a_cell_is_empty_and_beside_what_another_is_unusual():
    reasons = (
        Contribution(Column("shift", is_empty=True), 0.5),
        Contribution(Column("program", beside=("product",)), 0.3),
    )
    own = listed(replace(machine_row(), whole=reasons, new_cells=(NewCell("shift", ""),)))
    said = "“shift” has no value, unusual “program” for its “product”"
    assert leading_reasons(own, Language("en")) == said


@pytest.mark.parametrize(
    ("tongue", "said"),
    [
        ("en", "new in “shift”: night, unusual “program” for its “product” (P101)"),
        (
            "ja",
            "「shift」の新しい値「night」、「product」に対して「program」の値が通常と違う（P101）",
        ),
    ],
)
def test_a_listed_row_says_what_its_cells_hold_and_what_is_new_once(tongue, said):
    reasons = (
        Contribution(Column("shift"), 0.5),
        Contribution(Column("program", beside=("product",)), 0.3),
    )
    own = listed(replace(machine_row(), whole=reasons, new_cells=(NewCell("shift", "night"),)))
    own = replace(own, cells={"shift": "night", "program": "P101"})
    assert leading_reasons(own, Language(tongue)) == said


def test_a_card_shows_the_cell_of_a_column_that_is_unusual_beside_another():
    own = machine_row()
    first = replace(own.whole[0], source=Column("Torque [Nm]", beside=("Type",)))
    data = report([replace(own, whole=(first, *own.whole[1:]))])
    assert "“Torque [Nm]” = 68.2 (normal rows: 21.4 to 58.6" in Page(render_html(data)).text


@pytest.mark.parametrize(
    ("tongue", "expected", "reasons_said"),
    [
        ("en", "31 of 240 rows stand out.", "What raised the flagged rows most often: unusual"),
        ("ja", "240行のうち31行が要確認です。", "要確認の行のスコアを押し上げた主な理由："),
    ],
)
def test_the_summary_speaks_of_rows_where_the_detector_reads_rows(tongue, expected, reasons_said):
    language, own = Language(tongue, are_rows=True), report([machine_row(1), machine_row(2)])
    assert headline(own, language) == expected
    (said,) = (one for one in findings(own, language) if one.startswith(reasons_said))
    assert ("(2 rows)" if tongue == "en" else "（2行）") in said
    assert headline(report(), Language("en")) == "31 of 240 texts stand out."  # control


def test_what_is_said_of_texts_is_said_of_rows_where_rows_are_scored():
    rows, texts = report([machine_row()]), report()
    for own, english, japanese in ((rows, "row", "行"), (texts, "text", "文")):
        said = Page(render_html(own)).text
        for expected in (
            "clearly differs from the normal {}s",
            "Of 100 pairs of one {} from",
            "Held-out normal {}s (400)",
            "typical of normal {}s this {} ",
            "whole {} =",
            "Each dot is a {}:",
            "Normal {}s need",
            "Nearest normal {}s",
        ):
            assert expected.format(english, english) in said
        said = render_html(own, "ja") + render_markdown(own, "ja")
        for expected in ("正常な{}から明らかに", "今回の{}と正常な{}を1件ずつ", "近い正常な{}"):
            assert expected.format(japanese, japanese) in said


@pytest.mark.parametrize("reads_rows", [True, False])
def test_rows_of_which_no_cell_counts_by_itself_are_called_rows_too(reads_rows):
    own, other = ("row", "text") if reads_rows else ("text", "row")
    taught = report().detector.choices | {"labelled": "10%"}
    long = row(1, "Greased the bearing." * 90, tokens=(TokenLoss(0, 7, 2.0),))
    line = replace(listed(long), reasons=(Contribution(Column("x"), 0.3),))
    plain = report([long], listed=(line,), reads_rows=reads_rows)
    facts = replace(plain.detector, choices=taught, n_anomalous=30)
    data = replace(plain, detector=facts)
    said = Page(render_html(data)).text + render_markdown(data) + render_json(data)
    for expected in (
        "31 of 240 {}s stand out.",
        "most often: unusual “x” (1 {})",
        "least like normal {}s.",
        "marked words and at the nearest normal {}s",  # no values are marked, as none is known
        "hardest to predict and at the nearest normal {}s",
        "Hardest to predict from normal {}s: “Greased”",
        "what tells them from the normal {}s counts for 10%",
        "similarity to normal {}s, their memory",
        "the first 7 characters of this {};",
    ):
        assert expected.format(own) in said
        assert expected.format(other) not in said
    said, own = render_html(data, "ja"), "行" if reads_rows else "文"
    for expected in (
        "色の付いた語と、近い正常な{}との",
        "正常な{}との違いの比重",
        "この{}の先頭7文字",
    ):
        assert expected.format(own) in said
