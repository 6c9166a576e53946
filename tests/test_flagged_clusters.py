"""Which flagged rows are alike: how clusters are found, what is said of them, and where."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from report_samples import report as sample
from report_samples import row

from polar_detect import PolarDetector, Report
from polar_detect.assessment import Assessment
from polar_detect.clusters import _Reasons
from polar_detect.errors import InputError
from polar_detect.explain import Explanation
from polar_detect.features.of_columns import column_feature
from polar_detect.features.table import Feature
from polar_detect.messages.language import Language
from polar_detect.messages.sources import Column, SharedReason
from polar_detect.report.content import cluster_phrases
from polar_detect.report.content.data import FlaggedCluster, FlaggedClusters
from polar_detect.report.content.reasons import OddCells
from polar_detect.report.formats.html import render_html
from polar_detect.report.formats.markdown import render_markdown
from polar_detect.signature.marks.shared_words import SharedWords
from polar_detect.statistics.clusters import clusters

HIDDEN = 256


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def texts_of(kinds, n_usual=100, seed=0):
    """Return an assessment of usual texts and flagged ones; those of one kind (from 0) are alike.

    -1 is a text of no kind.
    """
    rng, kinds = np.random.default_rng(seed), np.asarray(kinds, int)
    domain, centres = rng.normal(size=HIDDEN), rng.normal(size=(kinds.max(initial=0) + 1, HIDDEN))
    usual = 3 * domain + rng.normal(size=(n_usual, HIDDEN))
    own = np.where(kinds[:, None] >= 0, centres[kinds], rng.normal(size=(len(kinds), HIDDEN)))
    flagged = own + 0.5 * rng.normal(size=own.shape)
    n = n_usual + len(kinds)
    scores = np.r_[np.zeros(n_usual), 1 + rng.random(len(kinds))]
    features = (Feature("loss", "mean"), Feature("neighbours", "similarity_mean"))
    parts = np.tile(scores[:, None] / 2, 2)
    return Assessment(
        scores=scores,
        p_values=np.where(scores > 0, 0.01, 0.5),
        is_anomaly=scores > 0,
        programs=(),
        explanation=Explanation(0.0, parts, parts.astype(np.float32), features, 2),
        neighbours=((),) * n,
        embeddings=np.concatenate([unit(usual), unit(flagged)]),
    )


def kinds_found(assessment, kinds):
    """Return of which kinds the texts of each cluster are."""
    kinds = np.r_[np.full(len(assessment) - len(kinds), -9), kinds]
    return [sorted({*kinds[own.places].tolist()}) for own in assessment.clusters().found]


def test_as_many_clusters_are_found_as_there_are_kinds_the_largest_first():
    kinds = [*[0] * 4, *[1] * 9, *[2] * 6, *[-1] * 8]
    own = texts_of(kinds)
    assert kinds_found(own, kinds) == [[1], [2], [0]]
    found = own.clusters()
    assert [len(cluster.places) for cluster in found.found] == [9, 6, 4]
    assert (found.n_flagged, found.n_alike) == (27, 19)


def test_unrelated_texts_are_in_no_cluster():
    n_alike = [texts_of([-1] * 40, seed=seed).clusters().n_alike for seed in range(5)]
    assert n_alike == [0] * 5


def test_one_kind_alone_is_one_cluster():
    assert kinds_found(texts_of([0] * 12), [0] * 12) == [[0]]


@pytest.mark.parametrize("kinds", [[], [0], [0, 0], [-1, -1, -1]])
def test_of_two_texts_or_of_none_alike_there_is_no_cluster(kinds):
    assert texts_of(kinds).clusters().found == ()


def test_what_all_usual_texts_share_makes_no_two_flagged_ones_alike():
    own = texts_of([-1] * 30)
    rng = np.random.default_rng(1)
    near = own.embeddings[:100].mean(0) + 0.1 * rng.normal(size=(30, HIDDEN))
    embeddings = np.concatenate([own.embeddings[:100], unit(near)])
    alike = replace(own, embeddings=embeddings).clusters()
    assert alike.found == ()
    without = np.concatenate([unit(rng.normal(size=(100, HIDDEN))), unit(near)])  # the control
    assert replace(own, embeddings=without).clusters().n_alike > 20


def test_clusters_are_the_same_whatever_the_order_of_the_texts():
    own = texts_of([*[0] * 5, *[1] * 5, *[-1] * 30], seed=3)
    own = replace(own, scores=np.where(own.is_anomaly, 1.0, 0.0))  # and their scores are equal
    order = np.random.default_rng(0).permutation(len(own))
    before, after = own.clusters().found, own.rows(order).clusters().found
    assert [cluster.places.tolist() for cluster in before] == [
        order[cluster.places].tolist() for cluster in after
    ]
    assert [cluster.central for cluster in before] == [order[cluster.central] for cluster in after]


def test_lines_that_are_alike_fall_into_their_wordings_and_other_texts_stay_together():
    own = texts_of([0] * 13)
    usual = ["all is well"] * 100
    read = [f"error reading prefix on socket 172.16.{i}.1:{i}, link severed" for i in range(8)]
    sent = [f"failed to write prefix on control stream socket of node{i}" for i in range(4)]
    found = own.clusters([*usual, *read, *sent, "no socket"]).found
    kinds = sorted(sorted((cluster.places - 100).tolist()) for cluster in found)
    assert kinds == [[*range(8)], [*range(8, 12)]]
    assert len({cluster.words for cluster in found}) == 2
    prose = ["pump leaks", "oil below it", "leaky again", "worn seal", "drops", "wet floor", "hot"]
    one_wording, too_few = [*read, *prose[:5]], [*read[:3], *sent[:3], *prose]
    for texts in ([*usual, *one_wording], [*usual, *too_few], ()):
        assert [len(cluster.places) for cluster in own.clusters(texts).found] == [13]


def test_texts_that_are_faintly_alike_are_parted_by_why_they_are_flagged():
    own, rng = texts_of([-1] * 16), np.random.default_rng(5)
    centre = unit(rng.normal(size=(1, HIDDEN)))
    faint = unit(0.48 * centre + unit(rng.normal(size=(16, HIDDEN))))  # cosines of .19
    own = replace(own, embeddings=np.concatenate([own.embeddings[:100], faint]))
    parts = np.zeros((len(own), 2))
    parts[np.arange(len(own)), np.arange(len(own)) % 2] = own.scores
    features = own.explanation.features
    explanation = Explanation(0.0, parts, parts.astype(np.float32), features, 2)
    found = replace(own, explanation=explanation).clusters().found
    assert [{*(cluster.places % 2).tolist()} for cluster in found] in ([{0}, {1}], [{1}, {0}])
    assert [len(cluster.places) for cluster in found] == [8, 8]


def test_the_central_text_is_the_one_most_like_the_others():
    own = texts_of([0] * 9, seed=4)
    centre = own.embeddings[100:].mean(0)
    embeddings = own.embeddings.copy()
    embeddings[106] = centre / np.linalg.norm(centre)
    (found,) = replace(own, embeddings=embeddings).clusters().found
    assert found.central == 106
    assert found.places[0] != 106  # which has not the highest score


def test_texts_without_a_score_are_in_no_cluster():
    own = texts_of([0] * 6)
    scores = np.where(np.arange(len(own)) == 102, np.nan, own.scores)
    (found,) = replace(own, scores=scores).clusters().found
    assert 102 not in found.places
    assert len(found.places) == 5


def test_of_many_flagged_texts_the_strangest_are_compared(monkeypatch):
    monkeypatch.setattr("polar_detect.clusters.MOST", 10)
    own = texts_of([0] * 30)
    found = own.clusters()
    (cluster,) = found.found
    assert found.n_flagged == 10
    assert cluster.places.tolist() == own.strangest[:10].tolist()


@pytest.mark.slow
def test_five_thousand_flagged_texts_take_seconds():
    kinds = np.random.default_rng(0).integers(0, 50, 5000)
    assert len(texts_of(kinds, n_usual=500).clusters().found) == 50


def test_a_chain_of_pairs_is_no_cluster():
    places = np.arange(10) * 0.9
    assert clusters(np.abs(places[:, None] - places)) == []
    assert len(clusters(np.abs(places[:, None] - places) / 10)) == 1  # the control


def test_words_are_those_of_most_texts_that_hardly_any_other_has():
    notes = ["Canteen: 20 portions of curry", "order 12 PORTIONS", "portions, curry", "pump leaks"]
    words = SharedWords.of(notes, ["order a pump"] * 40)
    assert words.of_some([0, 1, 2]) == ("portions", "curry")
    assert words.of_some([1, 3]) == ()  # nothing that both have


def test_words_that_usual_texts_have_are_not_named():
    notes = ["portions ordered", "portions ordered again", "ordered portions"]
    assert SharedWords.of(notes, ["valve ordered"] * 30).of_some([0, 1, 2]) == ("portions",)


def test_japanese_texts_share_the_longest_piece_of_a_word():
    notes = ["社員食堂のカレー品切れ", "社員食堂を清掃", "来客の社員食堂利用", "ポンプ異音"]
    words = SharedWords.of(notes, ["ポンプの異音を確認", "軸受を交換"] * 20)
    assert words.of_some([0, 1, 2]) == ("社員食堂",)


# Rows of tables


def plant(n, seed):
    rng = np.random.default_rng(seed)
    torque, speed = rng.normal(40, 4, n), rng.normal(1500, 60, n)
    return pd.DataFrame(
        {
            "torque": torque.round(1),
            "power": (torque * speed / 1000 + rng.normal(0, 1, n)).round(2),
            "speed": speed.round(0),
            "noise": rng.normal(2, 0.2, n).round(2),
            "machine": rng.choice(["press", "mill"], n),
        }
    )


@pytest.fixture(scope="module")
def detector():
    return PolarDetector().fit(plant(300, 0))


@pytest.fixture(scope="module")
def batch():
    """Return rows with three faults, and which rows have which."""
    rows, fault = plant(200, 1), np.full(200, "none", object)
    rows.loc[:7, "power"] -= 25
    rows.loc[20:25, "noise"] += 2
    rows.loc[40:44, "machine"] = "lathe"
    for name, places in {"power": range(8), "noise": range(20, 26), "lathe": range(40, 45)}.items():
        fault[places] = name
    return rows, fault


def test_rows_are_alike_by_why_they_are_flagged(detector, batch):
    rows, fault = batch
    found = detector.assess(rows).clusters().found
    for name, n in {"power": 8, "noise": 6, "lathe": 5}.items():
        (own,) = (cluster for cluster in found if name in fault[cluster.places])
        assert (fault[own.places] == name).sum() == n


def test_rows_that_are_too_high_and_too_low_are_not_alike(detector):
    rows = plant(200, 1)
    rows.loc[:5, "noise"] += 2
    rows.loc[10:15, "noise"] -= 2
    frame = detector.assess(rows).flagged_clusters()
    share = frame.set_index("share")["places"]
    high, low = {*share["high “noise”"]}, {*share["low “noise”"]}
    assert {*range(6)} <= high
    assert {*range(10, 16)} <= low
    assert not high & low


def test_a_frame_says_in_words_what_rows_share(detector, batch):
    rows, _ = batch
    assessment = detector.assess(rows)
    frame = assessment.flagged_clusters()
    assert [*frame.columns] == ["texts", "share", "central", "places"]
    assert frame["texts"].is_monotonic_decreasing
    assert frame["share"][0] in ("low “power” for its “speed”", "low “power” for its “torque”")
    assert "new in “machine”: lathe" in frame["share"].tolist()
    assert all(own.central in own.places for own in frame.itertuples())
    japanese = assessment.flagged_clusters(tongue="ja")["share"].tolist()
    assert "「machine」の新しい値「lathe」" in japanese
    assert assessment.flagged_clusters(rows).equals(frame)  # as they were assessed
    with pytest.raises(InputError, match=r"Got 2 texts for an assessment of 200; expected those"):
        assessment.flagged_clusters(["a", "b"])


def test_empty_cells_and_what_only_some_rows_say_are_told_apart(detector, batch):
    rows, _ = batch
    rows = rows.copy()
    rows.loc[60:66, "noise"] = np.nan
    found = detector.assess(rows).clusters().found
    (own,) = (cluster for cluster in found if {*range(60, 67)} <= {*cluster.places.tolist()})
    assert [reason.column for reason in own.reasons] == [Column("noise", is_empty=True)]


def test_only_what_most_rows_of_a_cluster_are_unlike_is_named():
    name = "power"
    features = (column_feature(name, "value"), column_feature(name, "residual"))
    values = np.array([[2.0, 2.0]] * 4)
    reasons = _Reasons.of(Explanation(0.0, values, values.astype(np.float32), features, 0))
    some, most = (
        [OddCells(unlike_kind={name: ("speed",)} if i < n else {}) for i in range(4)]
        for n in (2, 3)
    )
    assert [reason.column.beside for reason in reasons.shared(some)] == [()]
    assert [reason.column.beside for reason in reasons.shared(most)] == [("speed",)]


def test_rows_that_chance_flags_by_any_of_many_columns_are_hardly_in_clusters():
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(50, 5, (1400, 12)).round(2), columns=[*"abcdefghijkl"])
    assessment = PolarDetector().fit(rows[:500]).assess(rows[500:])
    found = assessment.clusters()
    assert found.n_flagged > 20
    assert found.n_alike <= 0.15 * found.n_flagged


# Reports


def test_a_report_lists_clusters_with_links_and_a_filter(detector, batch):
    rows, _ = batch
    report = Report.of(detector, rows)
    assert report.data.clusters.found[0].rows[0] == report.data.listed[0].row
    page = report._repr_html_()
    assert "Which flagged rows are alike" in page
    assert "#clusters" in page
    assert "alike in" in page
    assert "What raised the flagged rows most often" not in page  # clusters say it
    said = json.loads(json_of(report))
    assert said["clusters"]["found"][0]["reasons"][0]["column"]["name"] == "power"


def json_of(report):
    from polar_detect.report.formats.as_json import render_json

    return render_json(report.data)


def test_rows_of_a_cluster_have_the_names_of_an_index(detector, batch):
    rows, _ = batch
    named = rows.set_index(pd.Index([f"part {i}" for i in range(200)]))
    report = Report.of(detector, named)
    assert {row for own in report.data.clusters.found for row in own.rows} <= {*named.index}
    assert 'data-cluster="1"' in render_html(report.data)


def test_a_cluster_leads_to_the_rows_of_it_that_the_page_lists(detector, batch, monkeypatch):
    rows, _ = batch
    data = Report.of(detector, rows).data
    whole = render_html(data)
    ranks = {row.row: rank for rank, row in enumerate(data.listed)}
    found = [sorted(ranks[row] for row in own.rows) for own in data.clusters.found]
    n_listed = max(own[0] for own in found)  # one cluster is beyond them all
    monkeypatch.setattr("polar_detect.report.formats.html._N_LISTED", n_listed)
    page = render_html(data)
    for i, own in enumerate(found, start=1):
        n = sum(rank < n_listed for rank in own)
        assert f'data-cluster="{i}" data-title="Show these {len(own)} rows' in whole
        assert (f'data-cluster="{i}" data-title="Show these {n} rows' in page) == (n > 0)
        assert (f'<option value="{i}">' in page) == (n > 0)
    said = f"show those among the {n_listed} rows listed below."
    assert (said in page, "show those among" in whole) == (True, False)


def test_a_report_without_flags_or_clusters_has_no_section(detector):
    usual = plant(60, 3)
    usual = usual[~detector.assess(usual).is_anomaly]
    report = Report.of(detector, usual)
    assert report.data.clusters is None
    assert "#clusters" not in report._repr_html_()


def made(*found, n_alone=2, n_left_out=0):
    return FlaggedClusters(tuple(found), n_alone, n_left_out)


SIX = FlaggedCluster((7, 8, 9, 10, 11, 12), 8, "<b>20 portions</b>", (), ("portions", "order"))
LOW = SharedReason(Column("Torque", beside=("Type",), direction=-1))
THREE = FlaggedCluster((1, 2, 3), 2, "Type: M", (LOW,), ())
LIKE = FlaggedCluster((4, 5, 6), 5, "reset the password of the new colleague at once", (), ())


@pytest.mark.parametrize(
    ("own", "english", "japanese"),
    [
        (
            made(SIX, THREE),
            "9 flagged texts are alike in 2 clusters, 2 like no other two: 6 with “portions” and "
            "“order”; 3 × low “Torque” for its “Type”.",
            "要確認の文は、似ている9件が2組に分かれ、2件はほかと似ていません："
            "「portions」、「order」：6件；「Type」のわりに「Torque」が低い：3件。",
        ),
        (
            made(LIKE, n_alone=0),
            "All 3 flagged texts are alike: 3 like “reset the password of the new colleague…”.",
            "要確認の文3件は、すべて互いに似ています："
            "「reset the password of the new colleague…」など：3件。",
        ),
        (
            made(n_alone=8),
            "No three of the flagged texts are alike.",
            "要確認の文のうち、3件以上で似ているものはありません。",
        ),
        (made(n_alone=3), "", ""),
    ],
)
def test_a_sentence_says_how_many_clusters_there_are(own, english, japanese):
    assert cluster_phrases.sentence(own, Language("en")) == english
    assert cluster_phrases.sentence(own, Language("ja")) == japanese


def test_of_many_clusters_a_sentence_names_the_largest():
    said = cluster_phrases.sentence(made(SIX, *[THREE] * 5), Language("en"))
    assert said.endswith("; 3 smaller ones.")


def test_lines_of_a_terminal_hold_a_cluster_each():
    own, language = made(SIX, *[THREE] * 7, n_alone=2), Language("en")
    first, *clusters = cluster_phrases.lines(own, language)
    assert first == cluster_phrases.lead(own, language)
    assert clusters[0] == cluster_phrases.counted(SIX, language)
    assert (len(clusters), clusters[-1]) == (7, "2 smaller ones")
    assert cluster_phrases.lines(made(n_alone=8), language)[0].startswith("No three of the")
    assert cluster_phrases.lines(made(n_alone=3), language) == []


def test_texts_of_clusters_are_escaped_and_rows_that_were_not_compared_are_counted():
    data = sample(clusters=made(SIX, n_left_out=1200))
    page, markdown = render_html(data), render_markdown(data)
    assert "<b>20 portions</b>" not in page
    assert "&lt;b&gt;20 portions" in page
    assert "The 1,200 flagged texts with the lowest scores were not compared." in page
    assert "## Which flagged texts are alike" in markdown
    assert "\\<b\\>20 portions" in markdown


def test_commands_tell_which_flagged_rows_are_alike(tmp_path, detector, batch, run):
    rows, _ = batch
    rows.to_csv(tmp_path / "new.csv", index=False)
    detector.save(tmp_path / "detector")
    own = ["--detector", tmp_path / "detector", "--out", tmp_path / "r.json"]
    code, _, told = run("report", tmp_path / "new.csv", *own)
    lines = told.splitlines()
    first = next(i for i, line in enumerate(lines) if "alike in" in line)
    assert (code, lines[first + 1][:2]) == (0, "  ")
    own = ["--all-columns", "--share", "0.1", "--lang", "ja", "--out", tmp_path / "s.csv"]
    code, _, told = run("screen", tmp_path / "new.csv", *own)
    assert (code, "似てい" in told) == (0, True)


def test_rows_of_a_sample_that_is_cut_off_still_render():
    data = sample(rows=[row(7), row(8)], clusters=made(SIX))
    assert render_html(data).count('data-cluster="1"') == 3  # two rows, and the line of the cluster
