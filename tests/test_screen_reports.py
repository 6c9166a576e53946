"""Reports of screenings, which have neither normal rows nor chance to speak of."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from polar_detect import PolarDetector, Report, screen
from polar_detect.errors import InputError, TrainingWarning
from polar_detect.messages.language import Language
from polar_detect.messages.sources import Group

N, ODD = 90, (3, 50)
JOBS = ("pump", "valve", "motor", "filter", "hose", "seal")
NOTES = [f"{JOBS[i % 6]} {i % 13} was {('checked', 'cleaned')[i % 2]}" for i in range(60)]
NOTES[17] = "zq kx7 vv"
OF_NORMAL = re.compile("normal|正常|p-value|(?<!SHA)p値|chance|偶然", re.IGNORECASE)


def rods():
    """Return rods whose weight goes with their length, but for two."""
    rng = np.random.default_rng(1)
    length = rng.normal(100, 5, N).round(1)
    weight = (0.7 * length + rng.normal(0, 0.2, N)).round(2)
    weight[[*ODD]] -= 9
    return pd.DataFrame({"steel": rng.choice(["S45C", "SCM"], N), "L": length, "W": weight})


@pytest.fixture(scope="module")
def of_rods():
    return Report.of_screening(rods(), share=0.03, top=5)


def words(page):
    page = re.sub(r"<(style|script)\b.*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_the_strangest_rows_are_explained_as_the_screening_found_them(of_rods):
    data, found = of_rods.data, of_rods.assessment
    alone = screen(rods(), share=0.03)
    assert found.scores.tobytes() == alone.scores.tobytes()
    assert [row.row for row in data.rows] == (alone.strangest[:5] + 1).tolist()
    assert [row.score for row in data.rows] == sorted(alone.scores, reverse=True)[:5]
    assert (data.n_flagged, data.threshold) == (2, data.rows[1].score)
    assert {row.row for row in data.rows if row.is_anomaly} == {own + 1 for own in ODD}


def test_cells_stand_beside_those_of_the_rows_that_a_row_was_held_against(of_rods):
    steel, weight = (
        {cell.column: cell for cell in of_rods.data.rows[0].cells}[name] for name in ("steel", "W")
    )
    others = rods()["W"].drop([*ODD])
    assert others.min() < weight.low < weight.high < others.max()
    assert (weight.is_usual, weight.part > 1) == (False, True)
    assert sum(share for _, share in steel.levels) == pytest.approx(1)
    assert len(of_rods.data.rows[0].neighbours) > 0


@pytest.mark.parametrize("tongue", ["en", "ja"])
@pytest.mark.parametrize("kind", ["html", "md", "json"])
def test_a_page_promises_nothing_of_normal_rows_and_chance(of_rods, tmp_path, tongue, kind):
    own = Report(of_rods.data, tongue)
    path = tmp_path / f"page.{kind}"
    own.save(path)
    said = path.read_text(encoding="utf-8")
    if kind == "json":
        said = re.sub(r'"(calibration_scores|p_value)"', "", said)
    assert OF_NORMAL.findall(words(said) if kind == "html" else said) == []
    asked_for = {"en": "(3 % of 90, as asked for)", "ja": "（指定どおり90行の3%）"}[tongue]
    assert asked_for in said
    assert {"en": "other rows", "ja": "他の行"}[tongue] in said
    assert "is_anomaly" in said  # what to do next


def test_the_same_data_speak_of_normal_rows_where_a_detector_was_fitted(tmp_path):
    detector = PolarDetector("columns").fit(rods())
    Report.of(detector, rods()).save(tmp_path / "page.html")
    said = words((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert len(OF_NORMAL.findall(said)) > 10
    assert "other rows" not in said


def test_json_says_how_it_was_found_out(of_rods, tmp_path):
    of_rods.save(tmp_path / "page.json")
    page = json.loads((tmp_path / "page.json").read_text(encoding="utf-8"))
    assert (page["drift"], page["drift_findings"], page["calibration_scores"]) == (None, [], [])
    assert (page["detector"]["n_folds"], page["detector"]["contamination"]) == (5, 0.03)
    assert (page["alpha"], page["n_flagged"]) == (0.03, 2)
    assert {"polar-detect", "numpy"} <= {*page["versions"]}
    assert "torch" not in page["versions"]  # no model reads the rows


@pytest.mark.slow
def test_pictures_are_drawn_without_normal_rows(monkeypatch, of_rods, tmp_path):
    said, labels, text, bar = [], [], Figure.text, Axes.bar

    def noted_text(self, x, y, own, **look):
        said.append(own)
        return text(self, x, y, own, **look)

    def noted_bar(self, *given, **look):
        labels.extend([look["label"]] if look.get("label") else [])
        return bar(self, *given, **look)

    monkeypatch.setattr(Figure, "text", noted_text)
    monkeypatch.setattr(Axes, "bar", noted_bar)
    for name in ("page.png", "page.pdf"):
        of_rods.save(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 10_000
    assert "score" in said
    assert OF_NORMAL.findall(" ".join(said)) == []
    assert labels == ["All rows (90)", "flagged"] * 2


def test_figures_that_differ_from_fold_to_fold_are_ranges(of_rods):
    (choices,) = {tuple(of_rods.data.detector.choices.items())}
    assert all(re.fullmatch(r"(\d+–)?\d+%", value) for _, value in choices)
    ranges = [value.rstrip("%").split("–") for _, value in choices if "–" in value]
    assert ranges
    assert all(float(low) < float(high) for low, high in ranges)
    assert of_rods.data.detector.n_train == N


def test_equal_rows_are_explained_alike_and_a_set_without_flags_is_shown():
    frame = pd.concat([rods(), rods().iloc[[3]]])
    data = Report.of_screening(frame, share=0.0, top=3).data
    assert (data.n_flagged, data.threshold) == (0, np.inf)
    twins = {row.row: row for row in data.rows if row.row in (4, N + 1)}
    assert twins[4].cells == twins[N + 1].cells
    Report(data)._repr_html_()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tongue", "said"),
    [
        ("en", "the most unlike 0 % of 90 were asked for, which flags none."),
        ("ja", "指定（90行の0%）では、要確認とするものはありません。"),
    ],
)
@pytest.mark.parametrize("kind", ["html", "md"])
def test_a_page_without_flags_speaks_of_none_and_of_no_threshold(tongue, said, kind, tmp_path):
    Report.of_screening(rods(), share=0.0, tongue=tongue).save(tmp_path / f"page.{kind}")
    page = (tmp_path / f"page.{kind}").read_text(encoding="utf-8")
    assert said in (words(page) if kind == "html" else page)
    gone = "are flagged|only a look|Dashed line|≥|見て確かめて|破線|オレンジ"
    assert re.search(gone, words(page)) is None


def test_rows_that_say_the_same_are_in_as_many_folds_as_others(tmp_path):
    with pytest.warns(TrainingWarning, match="^all 60 texts say the same, so that none is unlike"):
        report = Report.of_screening(rods().iloc[[0] * 60])
    report.save(tmp_path / "page.md")
    said = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "one another, 60 rows in 5 folds" in said


@pytest.mark.slow
def test_copies_and_verdicts_are_told_in_python_too_without_a_word_of_new_or_normal_ones():
    copied = pd.concat([rods(), rods()], ignore_index=True)
    with pytest.warns(TrainingWarning) as told:
        screen(copied.assign(judge=["NG", "OK"] + ["OK"] * (2 * N - 2)))
    said = [str(own.message) for own in told]
    assert any(
        "in the same order" in own and "what is said again looks usual" in own for own in said
    )
    assert any("column 'judge' calls rows anomalous: 1; leave it out" in own for own in said)
    assert [own for own in said if "new rows" in own or "normal" in own] == []


@pytest.mark.slow
def test_layers_are_drawn_where_models_read_the_texts(tiny_pair, tmp_path):
    detector = PolarDetector(**tiny_pair, contamination=0.04)
    report = Report.of_screening(NOTES, detector, share=0.05, top=4)
    data = report.data
    assert (data.programs, data.drift, data.n_layers > 0) == (None, None, True)
    assert all(row.layers and row.tokens for row in data.rows)
    report.save(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("Layers: part of the score") == 4
    assert "typical-strip" not in page
    assert "of other texts the nearest 4 %, which may be anomalous too" in words(page)
    assert re.search("what layers change|minimal program", words(page)) is None
    said = " ".join(report.assessment.reasons())
    assert "other texts" in said
    assert OF_NORMAL.findall(words(page) + said) == []
    report.save(tmp_path / "page.png")


def test_a_screening_is_no_assessment_by_the_detector():
    detector = PolarDetector("columns").fit(rods())
    with pytest.raises(InputError, match=r"take Report\.of_screening"):
        Report.of(detector, rods(), assessment=screen(rods()))
    with pytest.raises(InputError, match="Got top 0"):
        Report.of_screening(rods(), top=0)


def test_doubts_of_a_screening_are_told_by_its_report_too():
    frame = rods().assign(note=[f"see {word}" for word in map(chr, range(500, 500 + N))])
    with pytest.warns(TrainingWarning, match="do not count: 'note'") as told:
        Report.of_screening(frame, PolarDetector("columns"))
    assert [own.filename for own in told] == [__file__]


def test_reasons_speak_of_other_rows():
    found = screen(rods())
    assert found.is_screening
    few = Group("neighbours")
    assert Language("en", is_screening=True).reason(few) == "few similar other texts"
    assert Language("ja", is_screening=True, are_rows=True).reason(few) == "似た他の行が少ない"
    assert OF_NORMAL.findall(" ".join([*found.reasons(), *found.reasons("ja")])) == []


# Command line


@pytest.fixture
def sheet(tmp_path):
    path = tmp_path / "rods.xlsx"
    rods().to_excel(path, index=False)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_command_writes_a_report_beside_the_rows(run, sheet, tmp_path, lang):
    out, page = tmp_path / "screened.xlsx", tmp_path / "screened.html"
    asked = ("--all-columns", "--out", out, "--report", page, "--lang", lang)
    code, shown, told = run("screen", sheet, *asked)
    assert code == 0, told
    assert shown.splitlines()[-2:] == [str(out), str(page)]
    said = words(page.read_text(encoding="utf-8"))
    assert {"en": "Row 5 of the sheet", "ja": "シートの5行目"}[lang] in said  # ODD[0], and a head
    assert pd.read_excel(out, engine="calamine")["is_anomaly"].sum() == 4


def test_a_screening_without_flags_is_told(run, sheet, tmp_path):
    asked = ("--all-columns", "--share", "0", "--out", tmp_path / "screened.csv")
    _, _, told = run("screen", sheet, *asked)
    assert "90 rows, each held against the others; none is flagged (0 %, --share)." in told


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ("screened.doc", "expected a name that ends in .html, .pdf, .png, .json, .md; rename it."),
        ("screened.csv", "for the report; expected a name that ends in"),
        ("nowhere/page.html", "in a folder that does not exist"),
        ("page.json", "where the rows are written; expected another file"),
        (
            "folder.html",
            "(Is a directory); expected a file that can be written; choose another --r",
        ),
        ("rods.html", "Got --report {report}, which is the input"),
    ],
)
def test_a_report_that_cannot_be_written_is_told_before_the_work(
    run, sheet, tmp_path, report, said
):
    out, page = tmp_path / "rows.jsonl", tmp_path / report
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "rods.html").symlink_to(sheet)
    out.write_text("")
    (tmp_path / "page.json").symlink_to(out)  # a link, as no table ends so
    code, _, told = run("screen", sheet, "--all-columns", "--out", out, "--report", page)
    assert (code, said.format(report=page) in " ".join(told.split())) == (1, True)
    assert "held against" not in told


@pytest.mark.slow
def test_how_models_read_the_texts_is_told(run, tmp_path, tiny_pair):
    path, page = tmp_path / "log.txt", tmp_path / "page.json"
    texts = "\n".join([*NOTES, "pump " * 300]).replace(NOTES[17], "zq\u00a0kx7 vv")
    path.write_text(texts, encoding="utf-8")
    models = ("--model", tiny_pair["model"], "--encoder", tiny_pair["encoder"])
    asked = ("--out", tmp_path / "screened.csv", "--report", page, *models)
    code, shown, told = run("screen", path, *asked)
    assert (code, "1 of 61 texts are longer than" in " ".join(told.split())) == (0, True), told
    assert ("other texts" in " ".join(shown.split()), OF_NORMAL.findall(shown)) == (True, [])
    rows = json.loads(page.read_text(encoding="utf-8"))["rows"]
    assert {"zq kx7 vv"} <= {row["text"] for row in rows}  # as it is read
