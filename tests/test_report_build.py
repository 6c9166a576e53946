import copy
import html
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from work_orders import NORMAL, STRANGE

from polar_detect import PolarDetector, Report, tables
from polar_detect.errors import InputError, OutputError
from polar_detect.report.build import build_report
from polar_detect.report.formats.html import render_html
from polar_detect.report.rows import _labelled_words
from polar_detect.signature.marks.known_words import KnownWords
from polar_detect.signature.marks.token_losses import Normal, token_losses
from polar_detect.texts.visible import as_seen

TEXTS = [*NORMAL[:12], "", "SELECT * FROM users;", "SELECT * FROM users WHERE id = 4;"]


@pytest.fixture(scope="module")
def assessed(fitted_on_tiny):
    return fitted_on_tiny.assess(TEXTS)


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> tables.Table:
    path: Path = tmp_path_factory.mktemp("batch") / "batch.csv"
    quoted = (f'"{text}"' for text in TEXTS)
    path.write_text("text\n" + "\n".join(quoted) + "\n", encoding="utf-8")
    return tables.read_table(path, text_column="text")


def test_a_report_explains_the_worst_rows_and_lists_all_scored_ones(
    fitted_on_tiny, assessed, table
):
    data = build_report(fitted_on_tiny, assessed, table, top=3)
    scores = [row.score for row in data.listed]
    assert scores == sorted(scores, reverse=True)
    assert len(data.listed) == len(TEXTS) - 1  # the empty text has no score
    assert [row.row for row in data.rows] == [row.row for row in data.listed[:3]]
    for row in data.rows:
        parts = sum(part.value for part in (*row.layers, *row.whole))
        assert data.base_value + parts == pytest.approx(row.score, abs=1e-4)
        assert row.tokens[0].start == 0
        assert row.text == TEXTS[row.row - 2]  # the heading is line 1
    assert {row.row for row in data.listed} == set(range(2, 17)) - {14}
    of_rows = dict(zip(data.batch_rows, data.batch_scores, strict=True))  # in their order
    assert of_rows == {row.row: row.score for row in data.listed}
    assert [*of_rows] == sorted(of_rows)
    assert (data.source, data.numbering) == ("batch.csv", "file")
    new = {row.row: row.new_words for row in data.listed}
    assert (new[15], new[2]) == (("SELECT", "FROM", "users"), ())


def test_blanks_behind_a_text_are_shown_but_are_no_token_of_it(fitted_on_tiny, table):
    ended = replace(table, texts=[f"{text} \u3000" for text in table.texts])
    own, other = (
        build_report(fitted_on_tiny, fitted_on_tiny.assess(some.texts), some, top=3)
        for some in (table, ended)
    )
    assert [row.tokens for row in other.rows] == [row.tokens for row in own.rows]
    assert [row.text for row in other.rows] == [f"{row.text} \u3000" for row in own.rows]


@pytest.mark.parametrize(
    ("before", "shown"),
    [("oil\nleak\n", "oil\r\nleak\r\n"), ("oil le\u0301ak ", "\u200boil\xa0le\u0301\xadak ")],
)
def test_words_are_marked_where_they_stand_in_the_text_as_it_is_shown(
    fitted_on_tiny, before, shown
):
    def build(text):
        (row,) = Report.of(fitted_on_tiny, [f"{text}on pump  "], top=1).data.rows
        assert row.text == f"{text}on pump  "
        return row.text, row.tokens

    (plain, own), (text, other) = build(before), build(shown)
    assert [token.loss for token in other] == [token.loss for token in own]
    for first, second in zip(own, other, strict=True):
        pieces = plain[first.start : first.stop], text[second.start : second.stop]
        assert len({*as_seen([f"{piece}|" for piece in pieces])}) == 1


def test_words_are_marked_by_what_they_cost_beside_normal_texts(fitted_on_tiny, assessed, table):
    (row,) = build_report(fitted_on_tiny, assessed, table, top=1).rows
    tracer, normal = fitted_on_tiny.engine_.extractor.tracer, fitted_on_tiny.fitted_.reference
    own = partial(token_losses, tracer.backbone, [row.text], max_tokens=tracer.max_tokens)
    beside = Normal(normal.tokens, words=KnownWords.of(normal.texts))
    assert [row.tokens] == own(normal=beside) != own(normal=Normal(normal.tokens)) != own()


def test_words_are_marked_without_normal_texts_by_their_tokens(textless, table):
    (row,) = build_report(textless, textless.assess(table.texts), table, top=1).rows
    tracer, normal = textless.engine_.extractor.tracer, textless.fitted_.reference
    own = partial(token_losses, tracer.backbone, [row.text], max_tokens=tracer.max_tokens)
    assert [row.tokens] == own(normal=Normal(normal.tokens)) != own()


def test_rows_that_come_from_no_file_are_counted_from_one(fitted_on_tiny, assessed, table):
    own = replace(table, lines=None, numbering="data")
    data = build_report(fitted_on_tiny, assessed, own, top=3)
    assert all(row.text == TEXTS[row.row - 1] for row in data.rows)


def test_the_swarm_draws_each_scored_text_once(fitted_on_tiny, assessed, table):
    data = build_report(fitted_on_tiny, assessed, table, top=1)
    sizes = [np.abs(swarm.parts).mean() for swarm in data.swarms]
    assert sizes == sorted(sizes, reverse=True)
    for swarm in data.swarms:
        column = assessed.explanation.names.index(swarm.feature.name)
        expected = assessed.explanation.values[~np.isnan(assessed.scores), column]
        np.testing.assert_allclose(np.sort(swarm.parts), np.sort(expected))
        assert (swarm.ranks.min(), swarm.ranks.max()) in {(0.0, 1.0), (0.0, 0.0)}


def test_a_report_says_which_features_moved_from_the_held_out_texts(
    fitted_on_tiny, assessed, table
):
    statistics = fitted_on_tiny.fitted_.statistics
    place = [feature.name for feature in statistics.features].index("loss/mean")
    means = statistics.means.copy()
    means[place] -= 1000 * statistics.spreads[place]
    detector = copy.copy(fitted_on_tiny)
    lower = replace(statistics, means=means)
    detector.fitted_ = replace(fitted_on_tiny.fitted_, statistics=lower)
    drift = build_report(detector, assessed, table, top=1).drift
    assert drift.features[0].feature.name == "loss/mean"
    assert drift.features[0].size == pytest.approx(1000, abs=50)
    assert drift.features[0].is_moved
    assert [shift.feature.layer for shift in drift.layers] == list(range(detector.n_layers))
    # Control: against the statistics that were fitted it hardly moves.
    own = build_report(fitted_on_tiny, assessed, table, top=1).drift
    (loss,) = (shift for shift in own.features if shift.feature.name == "loss/mean")
    assert abs(loss.size) < 50


@pytest.mark.slow
def test_words_that_labelled_anomalies_have_too_are_named_where_they_raised_the_score(
    fitted_on_tiny, tiny_pair, tmp_path
):
    labelled = [text.replace("line", "CHANGEOUT of line") for text in NORMAL[:5]]
    labels = np.repeat([0, 1], [len(NORMAL), len(labelled)])
    taught = PolarDetector(**tiny_pair).fit([*NORMAL, *labelled], labels)
    texts = [*(text.replace("line", "changeout of line") for text in NORMAL[20:23]), STRANGE[0]]
    path = tmp_path / "batch.csv"
    path.write_text("text\n" + "\n".join(f'"{text}"' for text in texts) + "\n", encoding="utf-8")
    table = tables.read_table(path, text_column="text")

    def words(detector):
        data = build_report(detector, detector.assess(texts), table, top=4)
        return {row.text: row.labelled_words for row in data.rows}

    found = words(taught)
    assert all(found[text][0] == "changeout" for text in texts[:3])
    assert "changeout" not in found[texts[3]]
    assert not any(words(fitted_on_tiny).values())  # control: it was given no labels
    own = taught.explain(texts[:1])
    lowered = replace(own, values=-own.values)  # as if wording spoke against it
    assert _labelled_words(own, texts[0], taught)
    assert not _labelled_words(lowered, texts[0], taught)


def test_a_report_is_made_saved_and_shown_in_python_too(
    fitted_on_tiny, assessed, tmp_path, monkeypatch
):
    labels = [text.startswith("SELECT") for text in TEXTS]
    report = Report.of(fitted_on_tiny, TEXTS, labels, name="tuesday", top=2, tongue="ja")
    data = report.data
    assert (data.source, data.numbering, len(data.rows)) == ("tuesday", "data", 2)
    assert all(row.text == TEXTS[row.row - 1] for row in data.rows)
    assert data.auroc == 1
    assert [row.label for row in data.rows] == [True, True]
    page = render_html(data, "ja")
    report.save(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page
    report.save(str(tmp_path / "report"), format="md")
    assert (tmp_path / "report").read_text(encoding="utf-8").startswith("# ")
    frame = report._repr_html_()
    framed = html.unescape(frame.split('srcdoc="')[1].split('"')[0])
    assert framed.replace('<base href="about:srcdoc">', "") == page
    assert repr(report) == "Report(15 texts, tongue='ja')"  # kept beside the page
    monkeypatch.setattr(PolarDetector, "assess", lambda *_, **__: pytest.fail("assessed twice"))
    plain = Report.of(fitted_on_tiny, TEXTS, top=1, assessment=assessed).data
    assert (plain.source, plain.auroc, plain.rows[0].label) == ("texts", None, None)
    assert plain.rows[0].score == data.rows[0].score
    with pytest.raises(InputError, match="Got 1 labels for 15 texts"):
        Report.of(fitted_on_tiny, TEXTS, [True])
    with pytest.raises(InputError, match="Got an assessment of 15 texts for 14; expected one of"):
        Report.of(fitted_on_tiny, TEXTS[1:], assessment=assessed)


def test_a_report_refuses_an_assessment_of_what_was_sorted_since(fitted_on_tiny):
    texts = pd.Series(TEXTS[:4], index=[*"abca"])
    assessed = fitted_on_tiny.assess(texts)
    for sorted_since in (texts[::-1], texts[::-1].to_frame()):
        with pytest.raises(
            InputError, match="Got an assessment of the same texts in another order"
        ):
            Report.of(fitted_on_tiny, sorted_since, assessment=assessed)
    for same in (texts, texts.to_frame(), texts.tolist(), texts.reset_index(drop=True)):
        assert Report.of(fitted_on_tiny, same, assessment=assessed).data.n_rows == 4


def test_a_report_is_made_of_texts_that_can_be_read_but_once(fitted_on_tiny):
    data = Report.of(fitted_on_tiny, (text for text in TEXTS[:3])).data
    assert data.n_rows == 3


def test_what_a_report_cannot_be_made_with_is_refused_before_the_work(fitted_on_tiny, monkeypatch):
    monkeypatch.setattr(PolarDetector, "assess", lambda *_, **__: pytest.fail("assessed"))
    for top in (-1, 2.5, "3"):
        with pytest.raises(InputError, match=f"Got top {top!r}; expected a whole number from 1"):
            Report.of(fitted_on_tiny, TEXTS, top=top)
    with pytest.raises(InputError, match="Got language 'fr'"):
        Report.of(fitted_on_tiny, TEXTS, tongue="fr")


def test_the_name_of_a_report_is_no_path(fitted_on_tiny, assessed):
    report = Report.of(fitted_on_tiny, TEXTS, assessment=assessed, name="line 3/4", top=1)
    assert report.data.source == "line 3/4"


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("report.doc", None, r"Got '.*report\.doc' for the report; expected a name that ends in"),
        ("report.html", "doc", "Got format 'doc'; expected html, pdf, png, json, md; choose one"),
        ("missing/report.html", None, "in a folder that does not exist"),
    ],
)
def test_a_report_that_cannot_be_saved_says_why(fitted_on_tiny, tmp_path, name, kind, said):
    report = Report.of(fitted_on_tiny, TEXTS[:1])
    with pytest.raises(OutputError, match=said):
        report.save(tmp_path / name, format=kind)
    assert list(tmp_path.iterdir()) == []


def test_of_a_batch_without_any_text_it_is_said_that_there_is_no_row(fitted_on_tiny, tmp_path):
    report = Report.of(fitted_on_tiny, ["", " "])
    for name in ("page.html", "page.md"):
        report.save(tmp_path / name)
        assert "There is no row to show." in (tmp_path / name).read_text(encoding="utf-8")
