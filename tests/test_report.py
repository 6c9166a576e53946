import base64
import hashlib
import re
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment
from report_samples import (
    DRIFT,
    HOSTILE,
    JAPANESE,
    LONG,
    N_LAYERS,
    Page,
    listed,
    outside_references,
    report,
    row,
)
from scipy import stats

from polar_detect import calibration
from polar_detect.drift import Company, measure_drift
from polar_detect.features.table import Feature
from polar_detect.messages.formatting import NO_VALUE, Numbers, moment, one_line
from polar_detect.messages.language import Language
from polar_detect.messages.sources import Column, Group, Layer
from polar_detect.program import Program
from polar_detect.report.charts import cards, histogram, layout
from polar_detect.report.charts.swarm import LINE_HEIGHT, swarm_chart
from polar_detect.report.content.chance import chance
from polar_detect.report.content.data import Contribution, FeaturePart, ProgramReport, Swarm
from polar_detect.report.content.marked import clip, costliest
from polar_detect.report.content.phrases import (
    advice,
    findings,
    layers_lead,
    moved_sentence,
)
from polar_detect.report.content.reasons import reasons_of_row
from polar_detect.report.content.row_phrases import leading_reasons
from polar_detect.report.formats.html import render_html
from polar_detect.signature.marks.spans import TokenLoss, joined_in_words
from polar_detect.texts.graphemes import starts_of_graphemes
from polar_detect.texts.visible import as_seen, read_places, visible
from polar_detect.texts.words import touched_words, word_places, words_of

ENGLISH = Language("en")


def page_of(**changes):
    return Page(render_html(report(**changes)))


# The HTML page


def test_every_tag_is_closed_in_order():
    page = page_of(rows=[row(1), row(2, HOSTILE), row(3, LONG), row(4, "")])
    assert page.open == []
    assert page.tags.count("article") == 4


def test_an_unclosed_tag_would_be_noticed():
    assert Page("<div><p></p>").open == ["div"]
    with pytest.raises(AssertionError):
        Page("<div><p></div>")


def test_the_page_needs_no_network_and_runs_no_script_but_its_own():
    html = render_html(report(rows=[row(1, "see https://example.com/manual"), row(2, HOSTILE)]))
    assert outside_references(html) == []
    assert Page(html).tags.count("script") == 1
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html).group(1)
    script = html[html.index("<script>") + 8 : html.index("</script>")]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy
    # What default-src does not say anything of.
    assert {"base-uri 'none'", "form-action 'none'"} <= set(policy.split("; "))
    assert "unsafe-inline" not in policy[policy.index("script-src") :]


def test_a_reference_to_the_outside_would_be_noticed():
    assert outside_references('<img src="http://a.example/x.png">') == ["http://a.example/x.png"]
    assert outside_references("<style>b{background:url(x.png)}</style>") == ["url(x.png)"]


@pytest.mark.parametrize("field", ["source", "created"])
def test_markup_in_names_is_shown_and_not_obeyed(field):
    page = page_of(**{field: HOSTILE})
    assert HOSTILE in page.text
    assert page.tags.count("script") == 1
    assert "img" not in page.tags


def test_markup_in_texts_labels_and_neighbours_is_shown_and_not_obeyed():
    hostile = row(
        1,
        HOSTILE,
        neighbours=(HOSTILE,),
        features=(FeaturePart(Feature(HOSTILE), 1.0, 0.1),),
        tokens=(TokenLoss(0, 9, 4.0), TokenLoss(9, 20, 1.0)),
        whole=(Contribution(Group(HOSTILE), 0.2),),
    )
    models = replace(report().detector.models, model=HOSTILE, encoder=HOSTILE)
    names = replace(report().detector, head=HOSTILE, reason=HOSTILE, models=models)
    page = page_of(rows=[hostile, row(2)], detector=names, versions=((HOSTILE, "1"),))
    assert page.text.count(HOSTILE) >= 8
    assert page.tags.count("script") == 1
    assert "img" not in page.tags


@pytest.mark.slow
def test_two_hundred_long_texts_stay_below_five_megabytes():
    html = render_html(report(rows=[row(i, LONG) for i in range(200)]))
    assert len(html.encode()) < 5_000_000
    assert Page(html).tags.count("article") == 200


@pytest.mark.slow
def test_rows_that_would_make_the_page_too_large_are_left_out_and_counted():
    html = render_html(report(rows=[row(i, "\U00020000<&" * 2_000) for i in range(1, 601)]))
    n_shown = Page(html).tags.count("article")
    assert len(html.encode()) < 5_000_000
    assert 100 < n_shown < 600
    assert f"{600 - n_shown} further rows are left out" in html
    assert "further rows are left out" not in render_html(report())


def test_templates_are_compiled_once_for_pages_in_one_language(monkeypatch):
    page = render_html(report())
    monkeypatch.setattr(Environment, "compile", lambda *_: pytest.fail("was compiled again"))
    assert render_html(report()) == page


@pytest.mark.slow
def test_any_number_of_rows_stays_below_five_megabytes():
    worst = row(1, "&" * 600, tokens=tuple(TokenLoss(i, i + 1, 1.0) for i in range(64)))
    data = report(rows=[worst] * 400, listed=(listed(worst),) * 20_000, n_rows=20_000)
    html = render_html(data)
    assert len(html.encode()) < 5_000_000
    assert html.count("<tr data-rank=") == 500
    assert "lists the 500 highest of 20,000 scored rows" in html


def test_each_row_shows_its_printed_program():
    rows = [row(i) for i in range(1, 6)]
    page = page_of(rows=rows)
    assert len({str(r.minimal.program) for r in rows}) > 1
    for r in rows:
        assert str(r.minimal.program) in page.text


def test_the_strip_of_a_program_has_every_layer_once():
    program = Program.parse("0-3 [4-5]x3 8-29")
    html = render_html(report(rows=[row(1, minimal=ProgramReport(program, 3.2, 3.27))]))
    card = html[html.index("<article") : html.index("</article>")]
    titles = re.findall(r"<title>Layer (\d+): (skipped|kept|looped)[^<]*</title>", card)
    assert [int(layer) for layer, _ in titles] == list(range(N_LAYERS))
    assert [layer for layer, kind in titles if kind == "skipped"] == ["6", "7"]
    assert [layer for layer, kind in titles if kind == "looped"] == ["4", "5"]
    assert "looped (called 3 times)" in card


def test_base_value_and_parts_are_written_as_a_sum():
    layers = tuple(Contribution(Layer(i), 0.1 if i == 11 else 0.0) for i in range(N_LAYERS))
    whole = (Contribution(Group("context"), 0.5), Contribution(Group("loss"), -0.25))
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
    assert "more flags than chance explains" in page_of(n_flagged=31).text
    assert "no more flags than chance explains" in page_of(n_flagged=13).text


def test_a_batch_of_one_row_makes_a_report():
    only = row(1)
    page = page_of(rows=[only], n_rows=1, n_flagged=1, batch_scores=np.array([only.score]))
    assert "The one text stands out." in page.text
    assert page.tags.count("article") == 1


def test_a_report_without_rows_says_so():
    page = page_of(rows=[], n_rows=0, n_flagged=0, batch_scores=np.array([]))
    assert "There is no row to show." in page.text


def test_values_that_are_not_numbers_never_reach_the_page():
    nothing = float("nan")
    broken = row(
        1,
        score=nothing,
        p_value=nothing,
        minimal=replace(row(1).minimal, full_loss=nothing, program_loss=float("inf")),
        layers=tuple(Contribution(Layer(i), nothing) for i in range(N_LAYERS)),
        features=(FeaturePart(Feature("skip", "", 4), nothing, nothing),),
    )
    html = render_html(
        report(
            rows=[broken, row(2)],
            threshold=float("inf"),
            programs=replace(
                report().programs,
                typical_calls=np.full(N_LAYERS, np.nan),
                typical_length=nothing,
                batch_length=nothing,
            ),
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
    assert ("html", "lang", "en") in page.attributes


def test_links_inside_the_page_lead_somewhere():
    page = page_of()
    ids = {value for _, name, value in page.attributes if name == "id"}
    targets = {v[1:] for _, name, v in page.attributes if name == "href" and v.startswith("#")}
    assert {"rank-1", "scores", "typical-strip"} <= targets
    assert targets <= ids


def test_versions_stand_in_the_footer():
    html = render_html(report(versions=(("torch", "2.9.0"),)))
    assert "torch 2.9.0" in html[html.index("<footer>") :]


def test_the_table_lists_more_rows_than_are_explained():
    rows = [row(i) for i in range(1, 8)]
    page = page_of(rows=rows[:3], listed=tuple(listed(own) for own in rows))
    assert page.tags.count("article") == 3
    ranks = [value for tag, name, value in page.attributes if (tag, name) == ("tr", "data-rank")]
    assert ranks == ["1", "2", "3", "4", "5", "6", "7"]
    assert "lists the 7 highest of 240 scored rows; the first 3" in page.text


def test_a_table_of_all_rows_is_not_said_to_list_the_highest():
    rows = [row(i) for i in range(1, 8)]
    whole = report(rows=rows[:3], listed=tuple(listed(own) for own in rows), n_rows=7, n_empty=0)
    assert "The table lists all 7 scored rows; the first 3 are explained" in render_html(whole)
    assert "採点した7行すべての一覧です。上位3行は" in render_html(whole, "ja")


def test_without_a_script_the_table_reads_and_offers_no_dead_controls():
    page = page_of()
    assert ("form", "hidden", None) in page.attributes
    assert "button" not in page.tags
    assert page.text.count("Greased the bearing.") == 2  # in the table and in the card


def test_the_costliest_tokens_of_a_text_are_marked_with_their_loss():
    text = "Replaced the frobnicator today"
    tokens = (TokenLoss(0, 8, 1.0), TokenLoss(8, 12, 0.5), TokenLoss(12, 24, 9.5))
    html = render_html(report(rows=[row(1, text, tokens=tokens)]))
    assert '<mark class="most" title="costs 9.50 nats">frobnicator</mark>' in html
    assert html.count('<mark class="most" title=') == 1
    assert '<span class="unread"> today</span>' in html
    assert "reads the first 24 characters" in html
    assert "Hardest to predict from normal texts: “frobnicator”." in html
    assert "<mark class=" not in render_html(report(rows=[row(1, text)]))


def test_drift_is_said_in_words_and_drawn_per_layer():
    page = page_of()
    assert "The batch as a whole clearly differs from the normal texts." in page.text
    assert "scores higher in 68" in page.text
    assert "share of the loss that stays with normal texts in view +0.90" in page.text
    assert "Layer 29: 0.58" in page.text
    calm = page_of(drift=replace(DRIFT, verdict="none", layers=(), features=()))
    assert "looks like the normal texts" in calm.text
    assert "No layer and no feature moved beyond chance." in calm.text


def test_what_to_do_is_said_where_something_is_flagged():
    calm = replace(DRIFT, verdict="none")
    for data, n_sentences in (
        (report(), 3),
        (report(drift=calm), 2),
        (report(n_flagged=0), 0),
    ):
        assert len(advice(data, ENGLISH, "marked")) == n_sentences


def test_the_share_of_what_belongs_to_no_layer_is_said():
    layers = tuple(Contribution(Layer(i), 0.75 * (i == 2)) for i in range(N_LAYERS))
    whole = (Contribution(Group("loss"), 0.25),)
    assert "25 %" in layers_lead(report(global_layers=layers, global_whole=whole), ENGLISH)
    nothing = tuple(Contribution(Layer(i), 0.0) for i in range(N_LAYERS))
    assert " 0 %" in layers_lead(report(global_layers=nothing, global_whole=()), ENGLISH)


def test_a_row_whose_score_nothing_raised_has_a_dash_in_place_of_reasons():
    assert leading_reasons(replace(listed(row(1)), reasons=(), new_cells=()), ENGLISH) == NO_VALUE


def test_a_listed_row_names_words_that_no_normal_text_has_before_its_reasons():
    own = listed(row(1))
    plain = leading_reasons(own, ENGLISH)
    said = leading_reasons(replace(own, new_words=("UNION", "SELECT")), ENGLISH)
    assert said.startswith("words that normal texts lack: “UNION” and “SELECT”, ")
    assert said.endswith(f", {plain.split(', ')[0]}")


@pytest.mark.parametrize("created", ["2026-03-31T14:05:12+09:00", "2026-03-31T14:05:12", ""])
def test_a_moment_that_is_not_in_utc_is_written_as_it_is(created):
    assert moment(created) == created


def test_features_and_reasons_are_named_in_words():
    page = page_of()
    assert "distance to the nearest normal texts, layer 11" in page.text
    assert "little help from similar texts" in page.text
    assert "distance/knn" not in page.text


# Texts and numbers


def test_marks_cover_tokens_and_leave_the_text_as_it_is():
    text = "pump 7 leaks\r\nbadly <b> at the old valve"
    tokens = tuple(TokenLoss(i, i + 3, float(i)) for i in range(0, len(text) - 2, 3))
    cut = clip(text, tokens)
    assert cut.head == text.replace("\r\n", "\n")
    assert {segment.level for segment in cut.segments} >= {"plain", "much", "most"}


def test_scores_fall_into_about_forty_bars_however_far_a_few_lie_off():
    scores = np.append(np.linspace(0, 1, 300), [-50.0, 50.0])
    edges = histogram.score_edges(scores, scores, 0.8)
    assert 41 <= len(edges) <= 43
    assert 0.8 in edges


def test_equal_scores_stand_in_one_narrow_bar_and_none_in_none():
    chart = histogram.score_chart(np.full(5, 1.0), np.zeros(0), np.inf, 80.0, ENGLISH)
    ((bar,), nothing) = (panel.marks for panel in chart.panels)
    assert "1.000" in bar.title
    assert "1.012" in bar.title
    assert (bar.y, bar.height, nothing) == (0.0, 80.0, ())
    empty = histogram.score_chart(np.zeros(0), np.zeros(0), np.inf, 80.0, ENGLISH)
    assert (empty.ceiling, [panel.marks for panel in empty.panels]) == (1.0, [()])


def test_blanks_behind_the_last_token_do_not_count_as_unread():
    tokens = (TokenLoss(0, 4, 9.0), TokenLoss(4, 6, 0.1))
    blank, more = clip("pump 7 \n", tokens), clip("pump 7 a", tokens)
    assert (blank.n_read, more.n_read) == (None, 6)
    assert "unread" not in {segment.level for segment in blank.segments}
    assert more.segments[-1].level == "unread"


def test_words_are_marked_whole():
    text = "the hy-draulic press, 圧力計"
    tokens = [(0, 3, 0.5), (3, 6, 2.0), (6, 9, 2.0), (9, 14, 0.3), (14, 20, 3.0), (20, 21, 0.1)]
    tokens += [(22, 23, 0.2), (23, 25, 2.5)]
    segments = clip(text, [TokenLoss(*own) for own in tokens]).segments
    marked = [(own.text, own.level, own.value) for own in segments if own.value is not None]
    # The token that costs most is not in the word that does; kanji stand without blanks.
    assert marked == [("hy-draulic", "most", pytest.approx(4.3)), ("press", "much", 3.0)]
    assert costliest(text, [TokenLoss(*own) for own in tokens]) == ("hy-draulic", "press")
    assert joined_in_words("圧力計", [TokenLoss(0, 1, 1.0), TokenLoss(1, 3, 2.0)]) == [
        TokenLoss(0, 1, 1.0),
        TokenLoss(1, 3, 2.0),
    ]


@given(
    st.text(
        st.sampled_from(
            "ab \r\n\u200b\u200e\xa0e\u0301\u0323カ\u3099\u1112\u1161\u11ab\u0344ｶｱﾞﾟＰ\u3000"
        )
    )
)
def test_each_character_that_is_read_stands_where_it_is_shown(text):
    (read,) = as_seen([f"{text}|"])
    *places, end = read_places(text, as_seen)
    assert (len(places), end) == (len(read) - 1, len(text))
    assert places == sorted(places)
    alike = {"a": "a", "b": "b", "P": "Ｐ", "\n": "\r\n", " ": " \xa0\u3000"}
    assert all(text[i] in alike.get(own, text[i]) for own, i in zip(read, places, strict=False))


def test_words_are_looked_for_no_further_than_to_the_blank_behind_the_last_place(monkeypatch):
    looked_at = []
    monkeypatch.setattr(
        "polar_detect.texts.words.word_places", lambda text: looked_at.append(text) or [(0, 4)]
    )
    assert touched_words("pump-2 leaks " * 1000, [(1, 3)]) == [[(0, 4)]]
    assert looked_at == ["pump-2"]


def test_a_line_without_blanks_is_not_marked_as_one_word():
    text = '{"state":"ok","valve":"open","note":"corroded"}'
    tokens = [TokenLoss(i, i + 4, 3.0 if i == 36 else 0.1) for i in range(0, len(text) - 3, 4)]
    marked = [own.text for own in clip(text, tokens).segments if own.value is not None]
    assert marked == [text[36:40]]


def test_a_clause_of_thai_is_not_marked_as_one_word():
    text = "เปลี่ยนวาล์วรั่ว"
    tokens = [TokenLoss(0, 7, 0.5), TokenLoss(7, 12, 0.5), TokenLoss(12, 16, 3.0)]
    assert joined_in_words(text, tokens) == tokens


@pytest.mark.parametrize(
    "text", ["पानी का रिसाव", "วาล์วรั่ว", "👨‍👩‍👧🇩🇪 👷🏽‍♀️", "葛󠄀城 カ゚", "تَسْرِيب ab́ 1️⃣"]
)
def test_no_mark_parts_a_letter_from_its_signs(text):
    graphemes = starts_of_graphemes(text)
    for marked in range(len(text)):
        tokens = [TokenLoss(i, i + 1, 9.0 if i == marked else 0.1) for i in range(len(text))]
        word = max(joined_in_words(text, tokens), key=lambda own: own.loss)
        assert word.start <= marked < word.stop
        assert {word.start, word.stop} <= graphemes | {len(text)}


def test_words_keep_the_vowel_signs_at_their_end():
    said = "हिन्दी में पानी, مِضَخَّةٌ pump⚙️ m² می‌رود"
    assert words_of(said) == ["हिन्दी", "में", "पानी", "مِضَخَّةٌ", "pump", "m²", "می‌رود"]
    assert words_of("葛󠄀城﨑 𠮷か゚カ゚") == ["葛󠄀城﨑", "𠮷", "か゚", "カ゚"]


def test_the_words_of_a_text_are_found_once_however_many_of_its_tokens_are_marked(monkeypatch):
    found = []
    monkeypatch.setattr(
        "polar_detect.texts.words.word_places", lambda text: found.append(text) or word_places(text)
    )
    text = "ab " * 100
    tokens = [TokenLoss(i, i + 1, 1.0) for i in range(len(text))]
    assert costliest(text, tokens) == ("ab",)
    assert len(found) == 2  # to join the tokens of each, and to name those that are marked


def test_flags_are_graphemes_of_two_letters():
    flags = "🇩🇪🇯🇵🇫"
    assert sorted(starts_of_graphemes(f"a{flags} \u0301{flags}")) == [0, 1, 3, 5, 6, 8, 10, 12]


def test_texts_are_cut_between_graphemes():
    family = "👨‍👩‍👧"
    assert one_line("पानी पानी", 6) == "पानी …"
    assert one_line("पानी पानी", 5) == "पानी…"
    assert one_line("पानी पानी", 4) == "पा…"
    assert clip("a" * 599 + family).head == "a" * 599
    assert clip("a" * 3_599 + family).n_left_out == len(family)
    piled_up = "a" + "\u0301" * 5_000
    assert clip(piled_up).head == piled_up[:600]  # as no letter has so many accents


@pytest.mark.slow
@given(st.text(max_size=60), st.lists(st.tuples(st.integers(1, 6), st.floats(0, 20)), max_size=20))
def test_no_mark_changes_a_text(text, lengths):
    tokens, start = [], 0
    for length, loss in lengths:
        if start + length > len(text):
            break
        tokens.append(TokenLoss(start, start + length, loss))
        start += length
    cut = clip(text, tokens)
    # Marks may part the two characters of a line end.
    assert (cut.head + cut.rest).replace("\n\n", "\n") == visible(text).replace("\n\n", "\n")


def test_words_that_the_labelled_anomalies_have_too_are_named():
    data = report([row(labelled_words=("CHANGE<b>OUT", "pump"))])
    said = "Worded like the labelled anomalies: “CHANGE<b>OUT” and “pump”."
    assert said in Page(render_html(data)).text
    assert "ラベル付きの異常と共通する語句：「CHANGE" in render_html(data, "ja")
    assert "Worded like" not in render_html(report([row()]))  # control


def test_the_costliest_words_come_first_and_once():
    tokens = (TokenLoss(0, 1, 5.0), TokenLoss(1, 3, 9.0), TokenLoss(3, 5, 8.0))
    assert costliest("a b b", tokens) == ("b",)
    assert costliest("a b b", ()) == ()
    # A token is a piece of a word, and nobody looks for pieces.
    pieces = (TokenLoss(0, 3, 1.0), TokenLoss(3, 5, 9.0), TokenLoss(5, 7, 8.0), TokenLoss(7, 10, 1))
    assert costliest("CHANGEOUT", pieces) == ("CHANGEOUT",)
    assert costliest("部品を交換", (TokenLoss(3, 4, 9.0), TokenLoss(4, 5, 0.1))) == ("交換",)
    assert costliest("pump ~ 5", (TokenLoss(4, 6, 9.0), TokenLoss(6, 8, 0.1))) == ("~",)


# Texts and numbers


def test_a_clipped_text_loses_nothing_but_what_it_counts():
    cut = clip(LONG)
    assert cut.head + cut.rest == LONG[: len(cut.head + cut.rest)]
    assert len(cut.head + cut.rest) + cut.n_left_out == len(LONG)
    assert cut.head.count("\n") < 10


def test_control_characters_become_visible_and_layout_stays():
    assert visible("a\x1b[31m\x00b\x9b") == "a␛[31m␀b\ufffd"
    assert visible("a\tb\r\nc\rd") == "a\tb\nc\nd"


def test_no_text_turns_the_writing_of_what_stands_behind_it():
    turning = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    assert visible(f"a{turning}b") == "a" + "\ufffd" * len(turning) + "b"
    assert visible("שלום \u200fabc") == "שלום \u200fabc"  # control: right-to-left script stays
    own = row(1, f"Torque {turning}[mN]", neighbours=(turning,))
    html = render_html(report(rows=[own], source="march\u202exslx.csv"))
    assert not set(turning) & set(html)


def test_a_text_with_half_a_surrogate_pair_can_be_written():
    page = render_html(report(rows=[row(1, "broken \ud800 text")]))
    assert "broken \ufffd text" in page.encode().decode()


def test_one_line_keeps_short_texts_and_cuts_long_ones():
    assert one_line("a\n b", 10) == "a b"
    assert one_line("x" * 50, 10) == "x" * 9 + "…"
    assert one_line(" " * 100 + "end", 10).endswith("…")


def test_reasons_are_what_raises_the_score():
    parts = (Contribution(Layer(0), -0.9), Contribution(Layer(1), 0.2))
    found = reasons_of_row(row(1, layers=parts, whole=(Contribution(Group("context"), 0.5),)))
    assert [part.source for part in found] == [Group("context"), Layer(1)]


def test_chance_flags_alpha_of_the_rows_that_have_text():
    expected = chance(report(n_rows=210, n_empty=10, alpha=0.1))
    assert expected.expected == pytest.approx(20)
    assert 0 < expected.low < 20 < expected.high < 200
    assert "12.5 %" in findings(report(n_rows=210, alpha=0.125), ENGLISH)[0]


def test_chance_flags_no_more_than_few_held_out_texts_allow():
    # Of 38 the highest alone is exceeded at alpha .05, by 1 normal text in 39; of 39 two are.
    few, more = (report(n_rows=1000, calibration_scores=np.arange(float(n))) for n in (38, 39))
    assert chance(few).expected == pytest.approx(1000 / 39, rel=0.02)
    assert "about 26 (2.6 % of 1" in findings(few, ENGLISH)[0]
    assert chance(more).expected == pytest.approx(50)
    many = replace(few, n_rows=100, n_empty=0, n_flagged=9)
    assert "This batch has more flags than chance explains." in findings(many, ENGLISH)
    none = chance(replace(few, alpha=0.02))
    assert (none.expected, none.low, none.high) == (0, 0, 0)


def test_as_many_flags_are_no_surprise_as_chance_gives_to_more_than_a_twentieth_of_batches():
    # Of three normal rows one is flagged or more in 14 batches of 100: nothing to be told of.
    small = report(n_rows=3, n_flagged=1, calibration_scores=np.arange(100.0), alpha=0.05)
    assert chance(small).high == 1
    assert "0 to 1 would be no surprise" in findings(small, ENGLISH)[0]
    assert "has more flags than chance" not in findings(small, ENGLISH)[1]
    assert "has more flags than chance" in findings(replace(small, n_flagged=2), ENGLISH)[1]
    # Held-out rows set the threshold, so counts are as random as if both were drawn.
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=(4000, 140))
    counts = (drawn[:, 100:] > np.sort(drawn[:, :100])[:, -5:-4]).sum(1)
    many = chance(replace(small, n_rows=40))
    assert (counts > many.high).mean() < 0.055 < (counts > many.high - 1).mean()


def test_rows_that_hang_together_are_flagged_together_so_that_more_is_no_surprise():
    # Lots of 20, of which 60 % of the variance is the lot's, as many held out and scored.
    rng = np.random.default_rng(0)
    lots = np.repeat(rng.normal(size=(4000, 20)), 20, axis=1) * np.sqrt(0.6)
    drawn = lots + rng.normal(size=lots.shape) * np.sqrt(0.4)
    held_out, scored = np.split(drawn, 2, axis=1)
    counts = (scored > np.sort(held_out)[:, -10:-9]).sum(1)  # at .05
    plain = report(n_rows=200, n_empty=0, calibration_scores=np.arange(200.0), alpha=0.05)
    facts = replace(
        plain.detector, company=Company(19, "", 38.0, 38.0, 0.3)
    )  # half of the pairs are of one
    aware = chance(replace(plain, detector=facts))
    assert aware.expected == chance(plain).expected
    assert (counts > chance(plain).high).mean() > 0.15  # control
    assert (counts > aware.high).mean() < 0.1
    assert aware.low == 0 < chance(plain).low


def test_chance_is_beta_binomial_and_takes_nothing_for_each_of_millions_of_rows():
    small = report(n_rows=3, n_flagged=1, calibration_scores=np.arange(40.0), alpha=0.2)
    for n_rows in (0, 1, 7, 300):
        for alpha in (0.03, 0.2, 0.97, 1 - 1e-12):
            n_reached = round(calibration.rate_at(alpha, 40) * 41)
            own = stats.betabinom(n_rows, n_reached, 41 - n_reached)
            found = chance(replace(small, n_rows=n_rows, alpha=alpha))
            assert (found.low, found.high) == tuple(own.ppf([0.05, 0.95]))
    tracemalloc.start()
    found = chance(replace(small, n_rows=10**6))
    assert tracemalloc.get_traced_memory()[1] < 10**6
    tracemalloc.stop()
    assert found.low < found.expected < found.high


# Geometry


def test_scores_of_the_table_are_numbers_to_a_sheet_that_they_are_pasted_into():
    own = row(1, score=-1.5)
    html = render_html(report([own], listed=(listed(own),)))
    cell = re.search(r'<td class="n key strong extra"[^>]*>([^<]*)</td>', html)
    assert float(cell[1]) == -1.5
    assert "−1.5" in html  # elsewhere with the minus of print


def test_waterfall_bars_join_base_and_score():
    parts = [layout.NamedPart("layer 1", 0.5), layout.NamedPart("predictability", -0.2)]
    steps = layout.waterfall(0.1, parts, ENGLISH)
    assert [step.kind for step in steps] == ["total", "raise", "lower", "total"]
    assert steps[-1].value == pytest.approx(0.4)
    raised, lowered = steps[1], steps[2]
    assert raised.x + raised.width == pytest.approx(lowered.x + lowered.width)


def test_layer_bars_grow_from_zero_in_their_direction():
    parts = [Contribution(Layer(0), 0.4), Contribution(Layer(1), -0.2)]
    columns = layout.layer_bars(parts, 100, Numbers(), ENGLISH, is_signed=True)
    up, down = columns.marks
    assert up.y + up.height == pytest.approx(columns.zero)
    assert down.y == pytest.approx(columns.zero)
    assert up.height == pytest.approx(2 * down.height)
    assert (up.kind, down.kind) == ("raise", "lower")


def test_layers_that_would_read_0_00_are_no_steps_of_their_own():
    layers = tuple(Contribution(Layer(i), 0.004 if i else 0.3) for i in range(N_LAYERS))
    own = replace(row(7), layers=layers, whole=(Contribution(Group("loss"), 9.0),))
    steps = cards.score_parts(own, Numbers(), ENGLISH)
    none = replace(own, layers=tuple(Contribution(Layer(i), 0.004) for i in range(N_LAYERS)))
    assert cards.score_parts(none, Numbers(), ENGLISH)[0].label == f"{N_LAYERS} layers"
    others = f"{N_LAYERS - 1} other layers"
    assert [step.label for step in steps] == ["layer 0", others, "predictability"]
    assert [step.value for step in steps] == pytest.approx([0.3, 0.004 * (N_LAYERS - 1), 9.0])


def test_bars_of_layers_look_small_where_they_hardly_count():
    values = (0.002, -0.001)
    layers = tuple(Contribution(Layer(i), value) for i, value in enumerate(values))
    own = replace(row(7), layers=layers, whole=(Contribution(Group("loss"), 9.0),))
    reach = cards.least_reach(own)
    assert reach == pytest.approx(0.09, abs=1e-4)
    columns = layout.layer_bars(layers, 100, Numbers(), ENGLISH, is_signed=True, reach=reach)
    assert max(mark.height for mark in columns.marks) < 3


def test_one_feature_of_very_large_values_does_not_squeeze_the_dots_of_the_others():
    ranks = np.linspace(0, 1, 5)
    small = [np.array([-1.0, 0.0, 1.0, 3.0, 5.0]), np.array([-0.5, 0.0, 0.5, 1.0, 4.0])]
    swarms = [
        Swarm(Feature("distance", "knn", i), parts, ranks)
        for i, parts in enumerate([np.array([0.0, 1.0, 9.0, 50.0, 170.0]), *small])
    ]
    chart = swarm_chart(swarms, ENGLISH)
    assert [tick.label for tick in chart.ticks] == ["−1", "0", "1", "10", "100"]
    for line in chart.lines:
        x = [dot.x for dot in line.dots]
        assert x == sorted(x)  # more stays further to the right
        assert x[-1] - chart.zero > 20
    assert max(dot.x for line in chart.lines for dot in line.dots) <= 100
    said = "the axis counts in powers of ten beyond 1"
    assert said in page_of(swarms=tuple(swarms)).text
    assert "1より外側の目盛りは10倍ごと" in render_html(report(swarms=tuple(swarms)), "ja")
    even = swarm_chart(swarms[1:], ENGLISH)  # control
    steps = np.diff([tick.position for tick in even.ticks])
    assert steps == pytest.approx(steps[0])
    assert said not in page_of(swarms=tuple(swarms[1:])).text


def test_features_that_are_nothing_but_rounding_do_not_stretch_an_axis_for_themselves():
    reaches = [3.0, 2.0, *[1e-15] * 3]
    swarms = [
        Swarm(Feature("distance", "knn", i), np.array([-reach, reach]), np.array([0.0, 1.0]))
        for i, reach in enumerate(reaches)
    ]
    chart = swarm_chart(swarms, ENGLISH)
    assert chart.unit is None
    assert len(chart.ticks) < 10


def test_dots_of_a_swarm_stay_on_their_line_and_in_the_picture():
    values = np.concatenate([np.zeros(100), [-3.0, 2.0]])
    ranks = np.linspace(0, 1, 102)
    chart = swarm_chart([Swarm(Feature("context", "ratio"), values, ranks)], ENGLISH)
    dots = chart.lines[0].dots
    assert len(dots) == 102
    assert all(0 <= dot.x <= 100 and abs(dot.y) < LINE_HEIGHT / 2 for dot in dots)
    assert min(dot.x for dot in dots) < chart.zero < max(dot.x for dot in dots)
    assert {dot.shade for dot in dots} == {0, 1, 2, 3, 4}


def test_no_bar_holds_flagged_and_other_rows():
    batch = np.linspace(-1, 1, 101)
    chart = histogram.score_chart(batch - 0.5, batch, 0.3, 90, ENGLISH)
    flagged = [mark for mark in chart.panels[1].marks if mark.kind == "flag"]
    others = [mark for mark in chart.panels[1].marks if mark.kind == "batch"]
    assert flagged
    assert others
    assert chart.threshold is not None
    assert min(mark.x for mark in flagged) >= chart.threshold - 1e-9
    assert max(mark.x + mark.width for mark in others) <= chart.threshold + 1e-9


def test_a_far_outlier_does_not_flatten_the_histogram():
    normal = np.random.default_rng(0).normal(0, 1, 500)
    chart = histogram.score_chart(normal, np.append(normal, 1e6), 2.0, 90, ENGLISH)
    assert chart.n_beyond == 1
    assert len(chart.panels[0].marks) > 15
    assert histogram.score_chart(normal, normal, 2.0, 90, ENGLISH).n_beyond < 5


def test_faults_far_out_leave_room_for_what_lies_around_the_threshold():
    normal = np.linspace(0.0, 5.0, 60)
    batch = np.append(normal, [40.0, 90.0, 101.0, 145.0, 170.0, 275.0])  # an ordinary batch
    chart = histogram.score_chart(normal, batch, 4.6, 90, ENGLISH)
    assert chart.threshold > 15  # per cent of the width
    assert len(chart.panels[0].marks) > 5
    assert chart.n_beyond == 6
    assert chart.panels[1].marks[-1].kind == "flag"


def test_strange_rows_of_a_screening_leave_room_for_what_lies_around_the_threshold():
    usual = np.random.default_rng(0).exponential(0.3, 380).clip(0, 1.7)
    screened = np.concatenate([usual, np.linspace(1.8, 5.0, 12), np.linspace(50.0, 163.0, 8)])
    chart = histogram.score_chart(np.zeros(0), screened, 1.8, 90, ENGLISH)
    assert chart.threshold > 15
    assert len(chart.panels[0].marks) > 10
    assert chart.n_beyond == 8


def test_a_large_batch_that_is_all_different_leaves_normal_rows_and_threshold_their_place():
    rng = np.random.default_rng(0)
    normal, batch = rng.normal(0, 1, 150), rng.normal(10, 1, 100_000)
    chart = histogram.score_chart(normal, batch, 2.0, 90, ENGLISH)
    assert chart.threshold is not None
    assert 20 < chart.threshold < 50
    assert len(chart.panels[0].marks) > 10
    assert {mark.kind for mark in chart.panels[1].marks} == {"flag"}


@pytest.mark.parametrize("scores", [[], [0.5], [0.5, 0.5], [np.nan], [-1e9, 1e9]])
def test_any_batch_can_be_drawn(scores):
    chart = histogram.score_chart(np.array(scores), np.array(scores), 0.5, 90, ENGLISH)
    marks = [mark for panel in chart.panels for mark in panel.marks]
    assert all(mark.x >= 0 and mark.x + mark.width <= 100.001 for mark in marks)


def test_a_card_names_no_reason_of_less_than_a_tenth_of_the_first_as_scored_files_do():
    parts = (144.73, 14.4, 0.29)
    own = row(1, whole=tuple(Contribution(Column(name), value)
                             for name, value in zip("abc", parts, strict=True)),
              layers=tuple(Contribution(Layer(i), 0.0) for i in range(N_LAYERS)))  # fmt: skip
    assert [part.value for part in reasons_of_row(own)] == [144.73]
    near = replace(own, whole=(Contribution(Column("a"), 5.0), Contribution(Column("b"), 0.6)))
    assert [part.value for part in reasons_of_row(near)] == [5.0, 0.6]


def test_features_that_moved_without_the_scores_are_not_passed_over():
    calm = replace(DRIFT, verdict="none")
    said = moved_sentence(calm, ENGLISH)
    assert said.startswith("Some features moved, though the scores as a whole did not;")
    assert moved_sentence(DRIFT, ENGLISH) == ""  # the batch has drifted, and so is said
    still = replace(
        calm, layers=(), features=tuple(replace(s, is_moved=False) for s in calm.features)
    )
    assert moved_sentence(still, ENGLISH).startswith("No layer and no feature")


def test_of_too_few_texts_a_report_says_no_more_than_that_they_are_too_few():
    few = report(drift=measure_drift(np.arange(30), np.arange(7)))
    said = Page(render_html(few)).text.split("Is the batch as a whole different? ")[1]
    assert said.startswith(
        "There are too few texts to say whether the batch as a whole is different. "
        "What drives the scores"
    )
