import ast
import io
import re
from dataclasses import replace
from pathlib import Path
from string import Formatter

import openpyxl
import pandas as pd
import pytest
from japanese import EVERY_TEXT, is_japanese
from report_samples import Page, report, row
from rich.console import Console

from polar_detect import tables
from polar_detect.cli.progress import progress_bars
from polar_detect.errors import InputError
from polar_detect.features.table import Feature
from polar_detect.messages.catalogue import texts
from polar_detect.messages.language import Language
from polar_detect.messages.sources import Group
from polar_detect.messages.tongues import TONGUES
from polar_detect.report.content.facts import in_words
from polar_detect.report.formats.html import render_html
from polar_detect.report.formats.markdown import render_markdown
from polar_detect.signature.marks.spans import TokenLoss

# What is scored: Japanese may count it where English names it.
UNITS = {"text", "texts", "counter"}
BLANK = {"", texts()["space"]["en"]}  # a counter in English, and what parts Japanese sentences


def placeholders(text):
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize(("english", "japanese"), EVERY_TEXT)
def test_both_languages_fill_the_same_placeholders(english, japanese):
    assert english.strip() or english in BLANK
    assert japanese.strip() or english in BLANK
    assert placeholders(english) - UNITS == placeholders(japanese) - UNITS
    assert "counter" not in placeholders(english)
    assert english.count("%d") == japanese.count("%d")


def test_a_missing_placeholder_would_be_noticed():
    assert placeholders("{n} of {n_all}") == {"n", "n_all"} != placeholders("{n} rows")


def test_a_language_without_texts_is_refused():
    with pytest.raises(InputError, match="Got language 'de'; expected en or ja"):
        Language("de")


def test_every_entry_for_one_has_an_entry_for_many():
    singular = [text for text in texts().values() if "one" in text]
    assert len(singular) > 5
    assert all({*text["one"]} == {"en", "ja"} <= {*text} for text in singular)


def test_japanese_texts_are_japanese():
    script = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
    without = [japanese for _, japanese in EVERY_TEXT if not script.search(japanese)]
    # What is left holds punctuation, numbers and placeholders only.
    assert [own for own in without if re.search(r"\w", re.sub(r"\{\w+\}|%d", "", own))] == []


def test_held_out_texts_and_features_have_one_name_each_in_japanese():
    held_out = re.compile(r"held-out (normal )?(\{?texts|ones)|held out")
    named = [own for english, own in EVERY_TEXT if held_out.search(english)]
    assert len(named) > 10
    assert [own for own in named if "検証用" not in own] == []
    assert [own for _, own in EVERY_TEXT if re.search("照合用|特徴(?!量)", own)] == []


def test_a_japanese_page_holds_no_english_of_the_catalogue():
    tokens = (TokenLoss(0, 3, 4.0), TokenLoss(3, 5, 9.0))
    html = render_html(
        report(
            rows=[row(1, "異音あり", label=True, tokens=tokens), row(2, "")], auroc=0.9, aupr=0.8
        ),
        "ja",
    )
    page = Page(html)
    assert ("html", "lang", "ja") in page.attributes
    said = page.text + " ".join(
        str(value) for _, name, value in page.attributes if name in {"aria-label", "title"}
    )
    words = re.sub(r"Li, Li and Zhou.*|Changed the oil\.|Checked the seal\.", "", said)
    english = [text for text, _ in EVERY_TEXT if len(text) > 12 and "{" not in text]
    assert len(english) > 40
    assert [text for text in english if text in words] == []
    assert "240件のうち31件が要確認です。" in said


def test_a_detector_of_pyod_is_named_in_the_language_of_the_report():
    own = replace(
        report().detector, head="pyod:ECOD", reason="PyOD's ECOD over distances", choices={}
    )
    (_, english), *_ = in_words(own, Language("en"))
    assert english == "pyod:ECOD: PyOD's ECOD over distances, context, losses and program"
    (_, japanese), *_ = in_words(own, Language("ja"))
    assert is_japanese(japanese)
    (_, of_others), *_ = in_words(replace(own, head="mine"), Language("en"))
    assert of_others == "mine: PyOD's ECOD over distances"


@pytest.mark.parametrize("tongue", TONGUES)
def test_every_feature_of_a_signature_has_a_name_in_words(fitted_on_tiny, tongue):
    language = Language(tongue)
    explanation = fitted_on_tiny.explain(["Greased the bearing."])
    features = [*explanation.features, *(Feature("program", "calls", i) for i in range(3))]
    features += [Feature("program", part) for part in ("length", "n_skips", "n_loops")]
    features += [Feature(curve, "", 2) for curve in ("skip", "loop", "exit")]
    features += [Feature("context", part) for part in ("loss_without", "loss_with", "gain")]
    features += [Feature("context", "ratio"), Feature("context", "gain", 2)]
    features += [Feature("length_curve", "loss_40"), Feature("length_curve", "area")]
    names = [language.feature(feature) for feature in features]
    assert len(set(names)) == len(names)
    assert not [name for name in names if "/" in name]
    groups = {feature.group for feature in features if feature.layer is None}
    assert {f"{kind}.{group}" for kind in ("group", "reason") for group in groups} <= set(texts())


def test_what_is_estimated_of_a_layer_is_never_named_as_measured():
    # Detectors read first-order slopes, and exits over the common words alone.
    names = {
        (curve, tongue): Language(tongue).feature(Feature(curve, "", 2))
        for curve in ("skip", "loop", "exit")
        for tongue in TONGUES
    }
    assert all(names[curve, "en"].startswith("estimated ") for curve in ("skip", "loop"))
    assert all(names[curve, "ja"].endswith("（推定）") for curve in ("skip", "loop"))
    assert names["exit", "en"].endswith("over common words")
    assert names["exit", "ja"].endswith("（頻出語のみ）")


def test_a_feature_of_the_encoder_is_named_with_its_own_layer():
    language = Language("en")
    assert language.feature(Feature.of_encoder("knn", 11)).endswith("encoder layer 11")
    assert language.feature(Feature.of_encoder("novelty", 0)).endswith("encoder depth 0")


def test_the_catalogue_names_no_feature_that_signatures_lack(fitted_on_tiny):
    made = {feature.name for feature in fitted_on_tiny.explain(["Greased it."]).features}
    keys = {f"feature.{re.sub(r'_(?=[0-9]+$)', '/', name)}" for name in made}
    known = {re.sub(r"/L?\d+$", "", key) for key in keys}
    named = {re.sub(r"/[LN]$", "", key) for key in texts() if key.startswith("feature.")}
    on_demand = ("skip", "loop", "exit", "context", "program", "length_curve", "column", "distance")
    on_demand += ("encoder/mahalanobis", "encoder/knn", "labelled", "passages", "sequence")
    others = {key for key in named if key.removeprefix("feature.").startswith(on_demand)}
    assert named - others == known


def test_an_unknown_feature_keeps_its_printed_name():
    language = Language("ja")
    assert language.feature(Feature("novel", "part", 3)) == "novel/part/L3"
    assert language.part(Group("novel")) == language.reason(Group("novel")) == "novel"
    assert language.feature(Feature("column", "温度")) == "列「温度」"


def written_notices():
    """Return the pattern of each notice that the source of `tables` can write for a report."""
    for path in sorted(Path(tables.__file__).parent.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in ast.walk(tree):
            # What warn_of_… functions say is of a fit; see test_report_sentences.py.
            if isinstance(function, ast.FunctionDef) and not function.name.startswith("warn_of"):
                for node in ast.walk(function):
                    yield from patterns_of_notices(node)


def patterns_of_notices(node):
    """Return the patterns of sentences that are added to `notices`, or are a column's notices."""
    if not isinstance(node, ast.Call):
        return []
    call = ast.unparse(node.func)
    if call == "TextColumn" and isinstance(node.args[-1], ast.Tuple):
        return map(pattern_of, node.args[-1].elts)
    return [pattern_of(node.args[-1])] if call.startswith("notices.") else []


def pattern_of(said):
    parts = said.values if isinstance(said, ast.JoinedStr) else [said]
    return "".join(re.escape(p.value) if isinstance(p, ast.Constant) else ".+" for p in parts)


@pytest.fixture
def notices(tmp_path):
    """Return all that reading tells of a CSV and of workbooks that leave much to be guessed."""
    cells = [["点検記録", None, None, None], ["本文", "本文", None, "号機"]]
    cells += [[f"ポンプ{i}号機の振動が大きい", "あり", i, "A"] for i in range(30)]
    plain, book, form = tmp_path / "a.csv", tmp_path / "b.xlsx", tmp_path / "c.xlsx"
    lines = [",".join("" if cell is None else str(cell) for cell in row) for row in cells[1:]]
    plain.write_text("\n".join(lines), encoding="cp932")
    with pd.ExcelWriter(book) as sheets:
        for name in ("一号機", "二号機"):
            pd.DataFrame(cells).to_excel(sheets, sheet_name=name, header=False, index=False)
    sheet = (filled := openpyxl.Workbook()).active
    for cells_of_row in (
        ["本文", "温度", "圧力"],
        [None, "℃", "MPa"],
        *[["漏れを確認し交換", 1, 2]] * 5,
    ):
        sheet.append(cells_of_row)
    sheet["B4"] = "=1+1"
    sheet.merge_cells("A4:A5")
    sheet.title = "5月"
    sheet.append(["合計", 5, 10])
    sheet.row_dimensions[6].hidden = sheet.column_dimensions["C"].hidden = True
    filled.save(form)
    month = tables.ReadOptions(sheet="５月")
    return [
        notice
        for path, options in ((plain, None), (book, None), (form, month))
        for notice in tables.read_table(path, options=options).notices
    ]


def test_what_reading_a_table_says_is_known_in_japanese(notices):
    assert len(notices) == 4 + 5 + 8
    japanese = Language("ja")
    for notice in notices:
        assert Language("en").notice(notice) == notice
        assert re.search("[ぁ-ん]", japanese.notice(notice).replace(notice, "")), notice
    assert japanese.notice(notices[0]).startswith("CP932 (Shift_JIS)として読みました")
    assert japanese.notice("nobody says so") == "nobody says so"


def test_no_notice_that_reading_can_write_is_left_out_above(notices):
    patterns = list(written_notices())
    assert len(patterns) >= 5
    assert [p for p in patterns if not any(re.fullmatch(p, n) for n in notices)] == []


def test_every_stage_of_an_assessment_is_known_in_japanese(fitted_on_tiny):
    stages = set()
    fitted_on_tiny.assess(["Greased it."], progress=lambda stage, *_: stages.add(stage))
    assert stages
    assert {stage for stage in stages if Language("ja").stage(stage) == stage} == set()


def test_what_labels_taught_is_said_with_what_it_counts_for():
    data = report()
    own = replace(data.detector, n_anomalous=1200)
    taught = replace(own, choices=own.choices | {"labelled": "40%"})
    said = {
        (tongue, kind): render_markdown(replace(data, detector=detector), tongue)
        for tongue in TONGUES
        for kind, detector in (("few", own), ("taught", taught), ("none", data.detector))
    }
    assert "1,200; what tells them from the normal texts counts for 40%" in said["en", "taught"]
    assert "1,200件（正常な文との違いの比重は40%）" in said["ja", "taught"]
    assert "1,200" in said["en", "few"]
    assert "what tells them" not in said["en", "few"]
    assert "1,200, too few different ones to be alike" in said["en", "few"]
    assert "labelled anomalies" not in said["en", "none"]


@pytest.mark.parametrize(("tongue", "said"), [("en", "71%"), ("ja", "の比重は71%")])
def test_what_columns_count_for_is_said_where_there_are_some(tongue, said):
    data = report()
    own = replace(data.detector, choices=data.detector.choices | {"columns": "71%"})
    page = render_markdown(replace(data, detector=own), tongue)
    assert said in page
    assert "olumns of numbers" not in page  # words that repeat are among these
    assert "数値の列" not in page
    assert said not in render_markdown(data, tongue)


@pytest.mark.parametrize(("tongue", "said"), [("en", "score"), ("ja", "採点")])
def test_progress_bars_name_stages_in_the_language_asked_for(tongue, said):
    console = Console(file=io.StringIO(), width=80)
    with progress_bars(console, Language(tongue)) as progress:
        progress("score", 1, 2)
    assert said in console.file.getvalue()


@pytest.mark.parametrize("n_before", [0, 1000])
@pytest.mark.parametrize(
    ("reports", "n_texts", "said"),
    [
        ([(0.0, 0), (20.0, 64), (20.1, 100)], 100, " 5.0/s"),
        # Minutes apart: a quarter is done; half a minute ago there were six left.
        ([(0.0, 0), (120.0, 64)], 256, " 0:05:30"),
    ],
)
def test_rate_and_time_left_are_of_the_whole_stage_without_what_an_earlier_run_had_done(
    n_before, reports, n_texts, said
):
    seconds = [0.0]
    console = Console(file=io.StringIO(), width=80, get_time=lambda: seconds[0])
    with progress_bars(console) as progress:
        for seconds[0], n_done in reports:
            progress("score", n_before + n_done, n_before + n_texts)
        seconds[0] += 30.0
    assert said in console.file.getvalue()


def test_a_reason_does_not_deny_similar_normal_texts_as_one_may_say_the_same():
    def said(*, are_rows):
        languages = (Language(tongue, are_rows=are_rows) for tongue in TONGUES)
        return [language.reason(Group("neighbours")) for language in languages]

    assert said(are_rows=False) == ["few similar normal texts", "似た正常な文が少ない"]
    assert said(are_rows=True) == ["few similar normal rows", "似た正常な行が少ない"]


def test_reasons_name_no_parts_of_the_models_that_only_their_makers_know():
    reasons = [own for key, own in texts().items() if key.startswith("reason.")]
    spoken = [own[tongue] for own in reasons for tongue in TONGUES]
    parts = re.compile("encoder|token|memory|エンコーダー|トークン|記憶")
    assert [text for text in spoken if parts.search(text)] == []
    assert any(parts.search(text) for pair in EVERY_TEXT for text in pair)  # control
