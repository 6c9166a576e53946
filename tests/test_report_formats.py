import errno
import io
import json
import re
import struct
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import font_manager
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from report_samples import DRIFT, HOSTILE, JAPANESE, N_LAYERS, listed, machine_row, report, row
from rich.cells import cell_len
from some_by_default import some_by_default

from polar_detect import Report
from polar_detect.features.table import Feature
from polar_detect.messages.language import Language
from polar_detect.messages.sources import Group
from polar_detect.messages.tongues import TONGUES
from polar_detect.report.charts import drawing
from polar_detect.report.content.data import Contribution, FeaturePart
from polar_detect.report.formats import figures
from polar_detect.report.formats.as_json import render_json
from polar_detect.report.formats.html import render_html
from polar_detect.report.formats.markdown import render_markdown
from polar_detect.signature.columns.new_cells import NewCell
from polar_detect.signature.marks.spans import TokenLoss

FORMULA = r"cost $\frac{1}{ $2$ | `code` ``` [x](y)"


def test_json_holds_all_of_the_report_and_only_numbers_that_json_knows():
    tokens = (TokenLoss(0, 4, 3.5),)
    lost = replace(row(1).minimal, full_loss=float("nan"))
    rows = [row(1, HOSTILE, tokens=tokens, minimal=lost), row(2, "a \ud800 b")]
    data = report(rows=rows, threshold=float("inf"))
    text = render_json(data)
    assert text.encode("utf-8")
    content = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    assert content["threshold"] is None
    assert content["rows"][0]["full_loss"] is None
    assert content["rows"][0]["text"] == HOSTILE
    assert content["rows"][0]["program"] == str(lost.program)
    assert content["rows"][0]["tokens"] == [{"start": 0, "stop": 4, "loss": 3.5}]
    assert content["rows"][0]["features"][0]["feature"] == {
        "name": "distance/knn/L11",
        "words": "distance to the nearest normal texts, layer 11",
        "layer": 11,
    }
    assert content["batch_scores"] == data.batch_scores.tolist()
    assert content["drift"]["verdict"] == "clear"
    fields = {*data.__dataclass_fields__, *data.programs.__dataclass_fields__} - {"programs"}
    assert fields <= set(content)
    facts = {*data.detector.__dataclass_fields__, *data.detector.models.__dataclass_fields__}
    assert set(content["detector"]) == facts - {"models"}


def test_json_speaks_japanese_and_keeps_its_keys():
    english, japanese = (json.loads(render_json(report(), t)) for t in ("en", "ja"))
    assert english.keys() == japanese.keys()
    assert japanese["headline"] == "240件のうち31件が要確認です。"


@pytest.mark.parametrize("tongue", TONGUES)
def test_markdown_has_one_table_row_per_row_and_no_markup_of_a_text(tongue):
    rows = [row(1, HOSTILE), row(2, FORMULA), row(3, "a\n| b |\n# c"), row(4, JAPANESE)]
    text = render_markdown(report(rows=rows), tongue)
    lines = text.splitlines()
    table = [line for line in lines if re.match(r"\| \d+ \|", line)]
    assert len(table) == 4
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {8}
    outside = re.sub(r"^(`{3,})text\n.*?^\1$", "", text, flags=re.S | re.M)
    assert "<script" not in outside.replace("\\<script", "")
    assert "\n# c" not in outside
    assert len(re.findall(r"^### ", outside, flags=re.M)) == 4
    assert JAPANESE in outside


@pytest.mark.parametrize("tongue", TONGUES)
def test_markdown_has_no_markup_of_a_columns_name(tongue):
    own = machine_row(name="<b>$Torque$</b>")
    cells = (replace(own.cells[0], levels=(("<b>Torque|", 0.98),)), *own.cells[1:])
    text = render_markdown(report(rows=[replace(own, cells=cells)]), tongue)
    outside = re.sub(r"^(`{3,})text\n.*?^\1$", "", text, flags=re.S | re.M)
    assert outside.count("Torque") > 3  # control: in the summary, the table and the row
    n_levels = outside.count(r"\<b\>Torque\|")
    assert n_levels > 1  # in a sentence, and beside the cell
    assert outside.count("Torque") == outside.count(r"\<b\>\$Torque\$\</b\>") + n_levels


@pytest.mark.parametrize("tongue", TONGUES)
def test_markdown_has_no_line_and_no_control_of_names_in_its_sentences(tongue):
    name = "name\n# c\n| d \x1b[31m\u202e"
    parts = (Contribution(Group(name), 0.9),)
    own = row(1, features=(FeaturePart(Feature(name, "z"), 1.0, 0.2),), whole=parts)
    text = render_markdown(report(rows=[own], listed=[listed(own)], source=name), tongue)
    assert text.count("name # c") > 4  # control: title, summary, table, row and facts
    assert not re.search("^(# c|\\| d)", text, flags=re.M)
    assert not {"\x1b", "\u202e"} & {*text}


def test_json_can_be_written_whatever_a_column_is_called():
    content = json.loads(render_json(report(rows=[machine_row(name="T\ud800")])).encode("utf-8"))
    assert content["rows"][0]["cells"][0]["column"] == "T?"
    assert content["rows"][0]["whole"][0]["label"] == "column/T?"


@pytest.mark.parametrize(
    ("numbering", "title", "note"),
    [
        ("sheet", "Row 7 of the sheet", "numbers that they have in the sheet"),
        ("file", "Line 7 of the file", "numbers of their lines in the file"),
        ("data", "Row 7 of the data", "counted from 1, without the heading"),
    ],
)
def test_every_report_says_what_the_numbers_of_its_rows_count(numbering, title, note):
    data = report([row(7)], numbering=numbering)
    written = render_markdown(data)
    assert f"\\. {title}\n" in written
    assert note in written
    assert title in (page := render_html(data))
    assert note in page
    assert note in json.loads(render_json(data))["rows_are_numbered"]
    heading = "line" if numbering == "file" else "row"
    assert f"| rank | {heading} |" in written
    assert f">{heading}</th>" in page


def words_of(picture):
    """Return what an SVG of matplotlib says, which its comments hold, on one line."""
    said = re.findall("<!-- (.*?) -->", picture.content.decode("utf-8"), flags=re.DOTALL)
    return " ".join(" ".join(said).split())


def test_lines_of_a_japanese_page_are_as_full_as_characters_allow():
    data = report([machine_row(name="Drehmoment der Spindel [Nm]")])
    picture = figures.summary_page(data, "ja", "svg").content.decode("utf-8")
    lines = re.findall("<!-- (.*?) -->", picture)
    begin = next(i for i, line in enumerate(lines) if line.startswith("すべて正常だった"))
    end = next(i for i, line in enumerate(lines) if i >= begin and cell_len(line) < 104)
    assert "".join(lines[begin : end + 1]).endswith("。")
    assert end > begin


def test_what_is_new_in_a_long_cell_stays_within_the_picture():
    new = (NewCell("Operator comment " * 4, "x" * 300), NewCell("Fitter's comment " * 4, "y" * 300))
    picture = words_of(
        figures.summary_page(report([replace(machine_row(), new_cells=new)]), "en", "svg")
    )
    assert "new in “Operator comment" in picture
    assert "y" * 20 not in picture


@pytest.mark.slow
@pytest.mark.parametrize(
    ("own", "marked", "listed", "brief"),
    [
        (row(), "marked words", "words that are hardest to predict", "the HTML report also marks"),
        (machine_row(), "marked values", "values that raised the score, at", "also marks values"),
    ],
)
def test_the_advice_of_a_report_speaks_of_colours_only_where_there_are_some(
    own, marked, listed, brief
):
    data = report([own], n_flagged=1)
    page = render_html(data)
    written, content = render_markdown(data), json.loads(render_json(data))
    picture = words_of(figures.summary_page(data, "en", "svg"))
    assert f"Look at the {marked}" in page
    assert f"Look at the {listed}" in written
    assert content["advice"] == [
        sentence for sentence in content["advice"] if sentence in written and "mark" not in sentence
    ]
    assert brief in picture
    assert f"the {marked}" not in picture + written
    japanese = render_markdown(data, "ja")
    assert "色" in render_html(data, "ja")
    assert "行ごとに示した" in japanese
    assert "色" not in japanese


def test_a_fence_is_longer_than_the_backticks_of_its_text():
    text = render_markdown(report(rows=[row(1, "a ```` b")]))
    assert "`````text\na ```` b\n`````" in text


def png_size(content):
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", content[16:24])


@pytest.mark.slow
@pytest.mark.parametrize("tongue", some_by_default(TONGUES, "en"))
def test_the_summary_page_is_a_picture_or_a_pdf_of_one_page(tongue):
    data = report(rows=[row(1, FORMULA), row(2, HOSTILE), *(row(i) for i in range(3, 14))])
    assert png_size(figures.summary_page(data, tongue, "png").content) == (1240, 1753)
    pdf = figures.summary_page(data, tongue, "pdf").content
    assert pdf.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type /Page\b", pdf)) == 1


def test_a_page_without_rows_scores_and_drift_can_be_drawn():
    drift = replace(DRIFT, verdict="too few", layers=(), features=())
    nothing = np.array([])
    data = report(
        rows=[], n_rows=0, n_flagged=0, batch_scores=nothing, drift=drift, threshold=np.inf,
        swarms=(), programs=replace(report().programs, batch_calls=np.full(N_LAYERS, np.nan)),
    )  # fmt: skip
    assert png_size(figures.summary_page(data, "en", "png").content)


def test_the_picture_of_scores_has_the_bars_of_the_page_and_says_what_lies_beyond():
    normal = np.linspace(0.0, 5.0, 60)
    batch = np.append(normal, [40.0, 145.0, 275.0])
    data = report(calibration_scores=normal, batch_scores=batch, threshold=4.6)
    ax = Figure().add_subplot()
    figures._draw_scores(ax, data, Language())
    orange = to_rgba(drawing.RAISE, 0.6)
    flagged = [bar for bar in ax.patches if bar.get_facecolor() == orange]
    assert min(bar.get_x() for bar in flagged) == 4.6
    assert ax.get_title("right") == "The last bar also counts 3 higher scores of this batch."
    assert 0.15 < (4.6 - ax.get_xlim()[0]) / np.ptp(ax.get_xlim()) < 0.5
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == [
        "threshold 4.60", "Held-out normal texts (60)", "This batch (63)", "flagged",
    ]  # fmt: skip


@pytest.mark.slow
def test_every_picture_is_written_as_png_and_svg(tmp_path):
    data = report(rows=[row(7, "a < b & $c$")])
    n_files, _ = figures.write_pictures(data, "en", tmp_path)
    names = {"scores", "run", "layers", "programs", "drift", "features", "row-01"}
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{name}.{kind}" for name in names for kind in ("png", "svg")
    }
    assert n_files == 14
    for path in tmp_path.glob("*.svg"):
        root = ElementTree.parse(path).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        links = [v for e in root.iter() for k, v in e.attrib.items() if k.endswith("href")]
        assert [link for link in links if not link.startswith("#")] == []
    for path in tmp_path.glob("*.png"):
        assert min(png_size(path.read_bytes())) > 200


@pytest.mark.slow
def test_pictures_of_a_longer_report_do_not_stay_beside_those_of_a_shorter_one(tmp_path):
    figures.write_pictures(report(rows=[row(7), row(8), row(9)]), "en", tmp_path)
    others = {"row-02.png", "row-04.png", "row-05.svg", "photo.png"}
    (tmp_path / "photo.png").write_bytes((tmp_path / "row-03.png").read_bytes())
    (tmp_path / "row-02.png").write_bytes(b"somebody's own")
    (tmp_path / "row-04.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "row-05.svg").mkdir()
    n_files, _ = figures.write_pictures(report(rows=[row(1)]), "en", tmp_path)
    found = {path.name for path in tmp_path.iterdir()}
    assert len(found - others) == n_files
    assert {name for name in found if name.startswith("row-01")} == {"row-01.png", "row-01.svg"}
    assert found >= others


@pytest.mark.slow
def test_a_picture_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    data = report(rows=[])
    figures.write_pictures(data, "en", tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(path, content):
        path.open("wb").close()
        raise OSError(errno.ENOSPC, f"no room for {len(content)} bytes")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no room"):
        figures.write_pictures(data, "en", tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.slow
def test_missing_japanese_characters_are_told_and_not_hidden(monkeypatch):
    data = report(rows=[row(1)])
    monkeypatch.setattr(drawing, "fonts_of_scripts", list)
    assert figures.summary_page(data, "ja", "png").lacks_characters
    assert not figures.summary_page(data, "en", "png").lacks_characters


def test_of_characters_that_no_font_of_pictures_has_it_is_said_what_shows_them(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(drawing, "fonts_of_scripts", list)
    thai = Report(report(rows=[row(1, "วาล์วรั่ว")]))
    with pytest.warns(UserWarning, match="for other scripts use --format html"):
        thai.save(tmp_path / "a.png")


@pytest.mark.parametrize("said", ["current font.", "font(s) DejaVu Sans."])
def test_missing_characters_are_noticed_with_every_matplotlib(said, monkeypatch):
    def savefig(*_, **__):
        warnings.warn(f"Glyph 25991 missing from {said}", UserWarning, stacklevel=1)

    monkeypatch.setattr(Figure, "savefig", savefig)
    assert figures.summary_page(report(rows=[row(1)]), "en", "png").lacks_characters


def test_an_installed_font_of_east_asia_is_found_and_used():
    names = drawing.fonts_of_scripts()
    if not names:
        pytest.skip("no Japanese font on this machine")
    assert {*names} <= {font.name for font in font_manager.fontManager.ttflist}
    page = figures.summary_page(report(rows=[row(1, JAPANESE)]), "ja", "png")
    assert not page.lacks_characters


@pytest.mark.parametrize(
    ("installed", "used"),
    [
        ("Meiryo, Arial, Malgun Gothic, Microsoft YaHei, Leelawadee UI",
         "Meiryo, Microsoft YaHei, Malgun Gothic, Leelawadee UI"),
        ("PingFang TC, Thonburi, AppleGothic", "PingFang TC, AppleGothic, Thonburi"),
        ("Noto Sans CJK JP, Noto Sans CJK SC, Noto Sans Thai", "Noto Sans CJK JP, Noto Sans Thai"),
        ("Arial", ""),
    ],
)  # fmt: skip
def test_fonts_of_every_script_are_used_where_they_are_installed(installed, used, monkeypatch):
    fonts = [SimpleNamespace(name=name, fname=name) for name in installed.split(", ")]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", fonts)
    monkeypatch.setattr(font_manager, "findSystemFonts", list)
    assert ", ".join(drawing.fonts_of_scripts()) == used


def test_other_warnings_of_matplotlib_are_not_swallowed(monkeypatch):
    def savefig(*_, **__):
        warnings.warn("constrained_layout not applied", UserWarning, stacklevel=1)

    monkeypatch.setattr(Figure, "savefig", savefig)
    with pytest.warns(UserWarning, match="constrained_layout not applied"):
        figures.summary_page(report(rows=[row(1)]), "en", "png")


@pytest.mark.parametrize("name", ["Concrete compressive strength (MPa, megapascals)", "x" * 400])
def test_names_of_features_leave_the_dots_of_a_beeswarm_half_of_the_width(name):
    features = (Feature("column", f"{name}/residual"), Feature("novel", name))
    own = report(rows=[], swarms=tuple(replace(report().swarms[0], feature=f) for f in features))
    with drawing.plain_style():
        figure = dict(figures._pictures(own, Language()))["features"]
        figure.savefig(io.BytesIO())  # which lays it out
    (axes,) = figure.axes
    assert axes.get_position().width > 0.5
    first, second = (label.get_window_extent() for label in axes.get_yticklabels())
    assert not first.overlaps(second)


@pytest.mark.filterwarnings("ignore:Glyph")  # machines without Japanese fonts draw boxes
def test_the_title_of_a_beeswarm_is_whole_however_long_the_names_of_its_features_are():
    name = "Concrete compressive strength (MPa, megapascals)/residual"
    own = report(rows=[], swarms=(replace(report().swarms[0], feature=Feature("column", name)),))
    for language in map(Language, TONGUES):
        with drawing.plain_style():
            figure = dict(figures._pictures(own, language))["features"]
            figure.savefig(io.BytesIO())  # which lays it out
            (title,) = [text for text in figure.texts if text.get_text()]
            box = title.get_window_extent()
        assert title.get_text() == language.say("layers.swarm")
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.width
