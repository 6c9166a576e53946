"""Reports of a detector that goes by columns say all there is of rows, and nothing of models."""

import io
import json
import re
from dataclasses import replace
from html import unescape
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from japanese import is_japanese
from machine_readings import readings
from report_samples import Page, report
from rich.console import Console

from polar_detect import PolarDetector, Report, plots
from polar_detect.drift import Shift
from polar_detect.errors import InputError
from polar_detect.features.table import Feature
from polar_detect.messages.catalogue import texts
from polar_detect.messages.language import Language
from polar_detect.messages.tongues import TONGUES
from polar_detect.report.content import phrases
from polar_detect.report.content.facts import description
from polar_detect.report.formats import figures
from polar_detect.report.formats.as_json import render_json
from polar_detect.report.formats.html import render_html
from polar_detect.report.formats.markdown import render_markdown
from polar_detect.report.formats.terminal import worst_rows
from polar_detect.signature.normal.row_reference import RowReference

OF_MODELS = re.compile(
    r"\b(?:programs?|layers?|language model|encoder|tokens?|loss(?:es)?)\b|"
    "プログラム|層|言語モデル|エンコーダー|トークン|損失",
    re.IGNORECASE,
)


def faulty(n_rows, seed):
    """Return rows whose flow is less than their pressure would give."""
    rows = readings(n_rows, seed)
    return rows.assign(**{"flow [l/min]": (rows["flow [l/min]"].astype(float) - 9).astype(str)})


def test_neighbours_are_looked_for_of_the_rows_that_are_explained_alone(detector, monkeypatch):
    asked, nearest_texts = [], RowReference.nearest_texts

    def counted(self, texts):
        asked.append(len(texts))
        return nearest_texts(self, texts)

    monkeypatch.setattr(RowReference, "nearest_texts", counted)
    data = Report.of(detector, readings(60, 1), top=5).data
    assert asked == [5]
    assert all(row.neighbours for row in data.rows)


def test_a_number_that_only_the_others_lead_not_to_expect_is_told_from_one_far_out(detector):
    data = Report.of(detector, faulty(30, 1)).data
    cells = [cell for row in data.rows for cell in row.cells if cell.column == "flow [l/min]"]
    assert all(cell.expected_low > float(cell.says) for cell in cells)
    assert not any(cell.is_expected for cell in cells)
    assert any(cell.is_usual for cell in cells)
    page = Page(render_html(data)).text
    assert "(usual by itself; the other columns lead to expect" in page
    control = Report.of(detector, readings(30, 1)).data
    assert sum(cell.is_expected for row in control.rows for cell in row.cells) > 0.7 * sum(
        len(row.cells) for row in control.rows
    )


@pytest.fixture(autouse=True)
def _no_window():
    mpl.use("Agg")
    yield
    from matplotlib import pyplot as plt

    plt.close("all")


@pytest.fixture(scope="module")
def detector():
    return PolarDetector("columns").fit(readings(120, 0))


@pytest.fixture(scope="module")
def taught():
    labels = np.repeat([0, 1], [120, 20])
    return PolarDetector("columns").fit(pd.concat([readings(120, 0), faulty(20, 5)]), labels)


@pytest.fixture(scope="module")
def batch():
    return pd.concat([faulty(3, 6), readings(27, 1)])


@pytest.fixture(scope="module")
def data(detector, batch):
    return Report.of(detector, batch, top=2).data


def spoken(page):
    """Return what a page says to whoever reads it, looks at its pictures or has it read out."""
    titles = {"title", "aria-label", "data-title", "data-shown"}
    own = [str(value) for _, name, value in page.attributes if name in titles]
    return f"{page.text} {' '.join(own)}"


@pytest.mark.parametrize("tongue", TONGUES)
@pytest.mark.parametrize("kind", ["detector", "taught"])
def test_no_report_speaks_of_models_where_none_reads_the_rows(kind, tongue, batch, request):
    data = Report.of(request.getfixturevalue(kind), batch, top=2).data
    page = Page(html := render_html(data, tongue))
    assert page.open == []
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(worst_rows(data.listed, language=Language(tongue, are_rows=True)))
    for said in (spoken(page), render_markdown(data, tongue), console.export_text()):
        assert OF_MODELS.findall(said) == []
    links = re.findall(r'href="#([\w-]+)"', html)
    assert set(links) - set(re.findall(r' id="([\w-]+)"', html)) == set()
    assert "programs" not in links
    assert len(set(OF_MODELS.findall(spoken(Page(render_html(report(), tongue)))))) > 5  # control


def test_a_page_says_of_rows_all_that_there_is_to_say(data):
    page = Page(render_html(data))
    worst = data.rows[0]
    assert data.base_value + sum(p.value for p in worst.whole) == pytest.approx(worst.score)
    assert {cell.column for cell in worst.cells} == {"machine", "pressure [bar]", "flow [l/min]"}
    held_out = f"Held-out normal rows ({len(data.calibration_scores)})"
    for caption in (
        "From base value to score", "Columns that count most", "Features that count most",
        "Nearest normal rows", "Features that moved most", "Each dot is a row",
        "Columns: mean size of their part of the score", held_out,
    ):  # fmt: skip
        assert caption in page.text
    assert re.search(r"What moves the scores most, on average over this batch: “", page.text)
    assert re.search(r"base [+−]\d+\.\d+ columns = \d", page.text)
    assert worst.neighbours[0] in page.text
    assert page.tags.count("mark") > 2  # two in the legend
    assert not {"skipped", "kept", "not read"} & {*map(str.strip, page.words)}
    assert ("figure", "class", "layers") not in page.attributes
    assert "torch" not in dict(data.versions)
    assert {"polar-detect", "scikit-learn"} <= set(dict(data.versions))


@pytest.mark.parametrize("tongue", TONGUES)
def test_the_method_and_what_labels_taught_are_said_with_their_shares(detector, taught, tongue):
    language = Language(tongue, are_rows=True)
    own, other = (dict(description(each, tongue)) for each in (detector, taught))
    kind, labelled = (
        language.alone(language.say(f"detector.{key}")) for key in ("kind", "labelled")
    )
    choices = taught.fitted_.head.choices
    assert choices["numbers"] in other[kind]
    assert choices["words"] in other[kind]
    assert choices["labelled"] in other[labelled]
    assert labelled not in own
    assert not OF_MODELS.search(" ".join([*other, *other.values()]))
    assert is_japanese(own[kind]) == (tongue == "ja")


@pytest.mark.parametrize(
    ("tongue", "said"),
    [("en", "how much the labelled anomalies"), ("ja", "ラベル付きの異常にどれだけ似て")],
)
def test_a_score_is_said_to_tell_of_labelled_anomalies_where_it_does(
    data, taught, batch, tongue, said
):
    assert said in Page(render_html(Report.of(taught, batch, top=2).data, tongue)).text
    assert said not in Page(render_html(data, tongue)).text


@pytest.mark.parametrize("tongue", TONGUES)
def test_of_a_batch_that_has_moved_no_dates_are_to_be_left_out_where_these_do_not_count(
    data, tongue
):
    moved = {"drift": replace(data.drift, verdict="clear"), "n_flagged": 3}
    said = phrases.advice(replace(data, **moved), data.detector.language(tongue), "brief")
    read = report(reads_rows=True, **moved)  # control
    said_of_models = phrases.advice(read, read.detector.language(tongue), "brief")
    dates, totals = {
        "en": ("dates, lot numbers", "a running total"),
        "ja": ("日付やロット番号", "積算値"),
    }[tongue]
    assert (totals in said[-1], dates in said[-1]) == (True, False)
    assert (totals in said_of_models[-1], dates in said_of_models[-1]) == (False, True)


@pytest.mark.parametrize("tongue", TONGUES)
def test_the_method_tells_of_no_columns_that_there_are_not(tongue):
    language = Language(tongue, are_rows=True)
    label = language.alone(language.say("detector.kind"))
    rows = readings(60, 0)
    words = rows[["machine"]].assign(shift=["early", "late"] * 30)
    for own, n_shares in ((words, 2), (rows[["pressure [bar]", "flow [l/min]"]], 0)):
        fitted = PolarDetector("columns").fit(own)
        said = dict(description(fitted, tongue))[label]
        assert (said.count("50%"), said.count("%")) == (n_shares, n_shares)
        assert is_japanese(said) == (tongue == "ja")


def test_json_lacks_the_keys_of_models_and_no_others(data):
    own, other = (json.loads(render_json(each)) for each in (data, report()))
    calls = {"typical_calls", "typical_length", "batch_length", "batch_calls", "global_layers"}
    program = {"program", "full_loss", "program_loss", "layers", "tokens", "labelled_words"}
    for found, whole, lacking in (
        (own, other, calls),
        (own["detector"], other["detector"],
         {"model", "n_layers", "encoder", "max_tokens", "tolerance"}),
        (own["rows"][0], other["rows"][0], program),
        (own["listed"][0], other["listed"][0], {"length", "new_words"}),
        (own["drift"], other["drift"], {"layers"}),
        (own["swarms"][0]["feature"], other["swarms"][0]["feature"], {"layer"}),
    ):  # fmt: skip
        assert (set(whole) - set(found), set(found) - set(whole)) == (lacking, set())


def test_pictures_are_of_columns_where_there_are_no_layers(data):
    language = Language(are_rows=True, by_columns=True)
    drawn = dict(figures._pictures(data, language))
    assert [*drawn] == ["scores", "run", "columns", "drift", "features", "row-01", "row-02"]
    (bars,) = drawn["columns"].axes
    named = [text.get_text() for text in bars.texts]
    assert named == [language.part(part.source) for part in data.global_whole]
    assert [bar.get_width() for bar in bars.patches] == [p.value for p in data.global_whole]
    assert len(drawn["row-01"].axes) == 1
    # So that those of an earlier report go, whichever kind it was of.
    assert all(figures._NAME.fullmatch(f"{name}.png") for name in (*drawn, "layers", "programs"))


def test_long_names_of_features_stay_apart_and_within_two_lines():
    name = "column “" + "x" * 48 + "”: likeness to the labelled anomalies (part of the log-odds)"
    first, second = figures._in_two_lines(name).split("\n")
    assert max(map(len, (first, second))) <= 62
    assert f"{first} {second}" == name
    assert figures._in_two_lines("column “x”") == "column “x”"


def test_names_on_the_summary_page_stay_clear_of_its_titles_and_of_one_another(data, monkeypatch):
    feature = Feature("column", "Pressure behind the valve at 40-50 % [bar]/residual")
    shifts = tuple(Shift(feature, 1.4, 1e-9, is_moved=True) for _ in range(4))
    long = replace(data, drift=replace(data.drift, features=shifts))
    drawn = []
    monkeypatch.setattr(figures, "_saved", lambda figure, _: drawn.append(figure))
    figures.summary_page(long, "en", "png")
    figure = drawn[0]
    figure.draw_without_rendering()
    n_bars = 0
    for ax in figure.axes[-2:]:
        title = next(
            own for own in ax.get_children() if getattr(own, "get_text", str)() == said(ax)
        )
        boxes = [own.get_window_extent() for own in (title, *ax.texts)]
        n_bars += len(ax.texts)
        assert [(a, b) for a, b in pairwise(boxes) if a.y0 + 1 < b.y1] == []
    assert n_bars >= 6
    assert any("\n" in own.get_text() for own in figure.axes[-1].texts)


def said(ax):
    """Return the title of a chart, which stands on the left."""
    return ax.get_title(loc="left")


@pytest.mark.slow
@pytest.mark.parametrize("n_rows", [3, 30])
def test_the_summary_page_is_drawn_whether_drift_can_be_told_or_not(detector, batch, n_rows):
    data = Report.of(detector, batch[:n_rows]).data
    assert bool(data.drift.features) == (n_rows == 30)
    assert figures.summary_page(data, "en", "png").content.startswith(b"\x89PNG")


def test_a_notebook_shows_columns_where_there_are_no_layers(detector, batch):
    explanation = detector.explain(batch)
    page = Page(explanation._repr_html_())
    assert "Parts of the score of 30 rows, by column and by feature" in spoken(page)
    assert repr(explanation) == f"Explanation(30 rows, {len(explanation.features)} features)"
    names = [text.get_text() for text in plots.plot_columns(explanation).texts]
    assert {*names} == {"“machine”", "“pressure [bar]”", "“flow [l/min]”"}
    one = plots.plot_columns(explanation.rows(np.array([0])))
    assert one.get_xlabel() == "part of the score"
    with pytest.raises(InputError, match=r"Got an explanation without layers.* take plot_columns"):
        plots.plot_layers(explanation)


def test_texts_that_are_no_rows_have_no_columns_to_draw(fitted_on_tiny):
    with pytest.raises(InputError, match="Got an explanation without columns"):
        plots.plot_columns(fitted_on_tiny.explain(["Greased the bearing."]))


def test_every_wording_for_columns_is_in_both_languages_and_tells_of_one_where_the_other_does():
    worded = {key: text for key, text in texts().items() if "columns" in text}
    assert len(worded) > 10
    for text in worded.values():
        assert {"en", "ja"} <= {*text["columns"]}
        assert ("one" in text) == ("one" in text["columns"])
    assert Language(by_columns=True).count("summary.empty", 1).startswith("1 row has no filled")
    assert Language().count("summary.empty", 1) == "1 row has no text and was not scored."


@pytest.mark.parametrize("lang", TONGUES)
def test_the_command_reports_on_columns(run, detector, batch, tmp_path, lang):
    detector.save(tmp_path / "fitted")
    with (tmp_path / "batch.csv").open("w", encoding="utf-8") as file:
        batch.to_csv(file, index=False)
        file.write(",,\n")
    out = tmp_path / "report.html"
    code, stdout, err = run(
        "report", tmp_path / "batch.csv", "--detector", tmp_path / "fitted", "--out", out,
        "--top", 2, "--lang", lang,
    )  # fmt: skip
    assert (code, stdout) == (0, f"{out}\n")
    said = unescape(out.read_text(encoding="utf-8"))
    assert ("要確認です" if lang == "ja" else "rows stand out") in said
    empty = "値のない1行は採点していません" if lang == "ja" else "1 row has no filled cell"
    assert empty in said
    assert empty in " ".join(err.split())
    assert not OF_MODELS.search(err)
