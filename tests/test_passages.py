"""Long texts that are read passage by passage: `fit --passages`, `PolarDetector(passages=True)`."""

import json
import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from work_orders import NORMAL

from polar_detect import PolarDetector, Report, screen
from polar_detect.artifact.contents import read_contents
from polar_detect.errors import InputError
from polar_detect.pipeline import fitting
from polar_detect.pipeline.fitting import Parted
from polar_detect.pipeline.passage_scale import PassageScale
from polar_detect.pipeline.standing import Standing
from polar_detect.report import rows
from polar_detect.report.content.facts import description
from polar_detect.serve.answers import Answers
from polar_detect.texts.passages import MOST, InPassages, passages_of

ODD = "ERR 0x17 heap overflow in unit zzz, flood-stage gone away, heap heap heap qqq"
ORDERS = sorted(set(NORMAL))


def long_texts(n, seed, fewest=2, most=6):
    chance = np.random.default_rng(seed)
    return ["\n\n".join(_paragraphs(chance, fewest, most)) for _ in range(n)]


def _paragraphs(chance, fewest, most):
    n = int(chance.integers(fewest, most))
    return [". ".join(chance.choice(ORDERS, 2)) + "." for _ in range(n)]


def with_odd(text, place=1):
    paragraphs = text.split("\n\n")
    return "\n\n".join([*paragraphs[:place], ODD, *paragraphs[place:]])


TRAIN, USUAL = long_texts(48, 0), long_texts(12, 1)
STRANGE = [with_odd(text) for text in long_texts(6, 2)]


@pytest.fixture(scope="module")
def reader(tiny_pair):
    return PolarDetector(passages=True, **tiny_pair).fit(TRAIN)


@pytest.fixture(scope="module")
def read(reader):
    return reader.assess([*USUAL, *STRANGE, ""], programs_of="none")


@pytest.mark.parametrize(
    "text",
    [
        "3. Pumps\n\n" + "Leak at the pump. " * 40,
        "ポンプから油漏れ。増し締めした。" * 30 + "「異常なし」と記録。",
        "x" * 1500,
        "word " * 700,
        "- one\n- two\n\n\n" * 40,
        "lone \ud800 half" * 100,
        "\ud800" * 500,
        "Утечка масла у насоса. " * 30,
    ],
)
def test_passages_hold_all_that_a_text_says_once_and_are_none_too_long(text):
    spans = passages_of(text)
    assert "".join("".join(text[a:b] for a, b in spans).split()) == "".join(text.split())
    assert all(stop <= start for (_, stop), (start, _) in pairwise(spans))
    sizes = [len(text[a:b].encode(errors="replace")) for a, b in spans]
    assert max(sizes) <= MOST
    assert np.mean(sizes) > 40
    assert all(text[a:b] == text[a:b].strip() for a, b in spans)


def test_they_end_where_paragraphs_do_and_a_heading_goes_with_what_follows():
    text = "4. Findings\n\nOil leak at the seal of pump 3, tightened twice.\n\nNo fault found."
    first, second = (text[a:b] for a, b in passages_of(text))
    assert first.startswith("4. Findings")
    assert first.endswith("twice.")
    assert second == "No fault found."


def test_a_long_paragraph_is_cut_behind_sentences():
    text = "The bearing of the fan was replaced and greased. " * 20
    assert all(text[a:b].endswith("greased.") for a, b in passages_of(text))


def test_a_short_rest_of_a_paragraph_goes_with_what_stands_before_it():
    sentence = "The bearing of the fan was replaced, greased and run in again."
    assert len(passages_of(" ".join([sentence] * 5))) == 1
    assert len(passages_of(" ".join([sentence] * 7))) == 2


def test_sentences_that_are_too_long_together_stay_apart():
    short, long = "Oil leaks at the seal of pump 3. " * 4, "word " * 70 + "end."
    first, second = (f"{short}{long}"[a:b] for a, b in passages_of(f"{short}{long}"))
    assert (first, second) == (short.strip(), long)


def test_nothing_but_blanks_has_no_passages():
    cut = InPassages.of([" \n\n ", "", "oil"])
    assert (cut.owners.tolist(), list(cut.passages), cut.n_texts) == ([2], ["oil"], 3)


def test_the_score_of_a_text_lies_between_the_mean_and_the_highest_of_its_passages():
    scores = np.random.default_rng(0).exponential(size=30)
    owners = np.repeat([0, 1, 2], 10)
    whole = PassageScale.fit(scores).whole(scores, owners, 3)
    by_text = scores.reshape(3, 10)
    assert (by_text.mean(1) < whole.scores).all()
    assert (whole.scores < by_text.max(1)).all()
    assert (whole.strangest - [0, 10, 20]).tolist() == by_text.argmax(1).tolist()


def test_longer_texts_score_no_higher_by_chance():
    chance = np.random.default_rng(0)
    scale = PassageScale.fit(chance.exponential(size=4000))
    found = {}
    for n in (4, 40):
        owners = np.repeat(np.arange(400), n)
        found[n] = scale.whole(chance.exponential(size=400 * n), owners, 400).scores
    highest = {n: np.quantile(scores, 0.95) for n, scores in found.items()}
    assert highest[40] < highest[4]


def test_texts_are_read_whole_by_default(fitted_on_tiny):
    assert fitted_on_tiny.assess(STRANGE[:1], programs_of="none").passages == ()
    assert fitted_on_tiny.fitted_.n_whole == 0


def test_one_strange_passage_shows_and_is_named(read):
    usual, strange = read.scores[:12], read.scores[12:18]
    assert strange.min() > np.median(usual)
    assert all(ODD in own.shown for own in read.passages[12:18])
    assert all(own.shown in text for own, text in zip(read.passages, USUAL, strict=False))
    frame = read.to_frame()
    assert ODD.split()[-1] in frame["passage"][12]
    assert frame["passage"][12].startswith(f"2 of {len(read.passages[12])}: ERR")
    assert "番目" in read.to_frame("ja")["passage"][12]
    assert "“heap”" in frame["reasons"][12]


def test_a_text_of_nothing_has_no_score(read):
    assert np.isnan(read.scores[18])
    assert read.to_frame()["passage"][18] == ""


def test_parts_of_the_score_add_up_to_it(read):
    own = read.explanation
    np.testing.assert_allclose(own.base_value + own.values[:18].sum(1), read.scores[:18])
    assert own.names[-1] == "passages/others"
    assert (own.values[:18, -1] <= 0).all()
    assert own.data[:18, -1].tolist() == [len(passages) for passages in read.passages[:18]]


def test_all_ways_of_asking_agree(reader, read):
    texts = [*USUAL, *STRANGE]
    np.testing.assert_array_equal(-reader.score_samples(texts), read.scores[:18])
    np.testing.assert_array_equal(reader.predict(texts) == -1, read.is_anomaly[:18])
    np.testing.assert_array_equal(reader.explain(texts).values, read.explanation.values[:18])
    alone = reader.assess(STRANGE[:1], programs_of="none")
    np.testing.assert_array_equal(alone.scores, read.scores[12:13])
    assert alone.to_frame()["passage"][0] == read.to_frame()["passage"][12]


def test_some_of_the_texts_keep_their_passages(read):
    chosen = read.rows(np.asarray([12, 3]))
    assert [own.shown for own in chosen.passages] == [read.passages[i].shown for i in (12, 3)]


def test_clusters_share_the_words_of_passages(read):
    strange = read.rows(np.arange(12, 18))
    (whole,), (shown,) = strange.clusters(STRANGE).found, strange.clusters([ODD] * 6).found
    assert whole.words == shown.words
    assert "overflow" in whole.words


def test_reports_hold_batches_and_clusters_by_their_strangest_passages(reader):
    data = Report.of(reader, [*USUAL, *STRANGE]).data
    assert data.drift.features
    assert [own.text for own in data.clusters.found] == [ODD]


def test_the_service_says_which_passage_it_explains(reader):
    assert Answers(reader).explain([STRANGE[0]])[0].passage == ODD


def test_what_a_detector_is_says_that_it_reads_passages(reader, fitted_on_tiny):
    labels = [label for label, _ in description(reader, "en")]
    assert "Read in" in labels
    assert "Text length" not in labels
    assert "Text length" in [label for label, _ in description(fitted_on_tiny, "en")]


def test_new_words_are_those_of_the_strangest_passage(reader):
    text = f"{STRANGE[0]}\n\n{'. '.join(ORDERS[:3])} with an extraordinarily-long-word."
    (reasons,) = reader.assess([text], programs_of="none").reasons()
    assert "“overflow”" in reasons
    assert "extraordinarily" not in reasons


def test_held_out_are_whole_texts(reader):
    fitted = reader.fitted_
    assert len(fitted.calibration_scores) == 19
    assert fitted.statistics.n_texts == 19
    assert fitted.n_whole == 29
    assert len(fitted.reference) > 48
    assert "29 normal texts" in str(reader.fitted_)


def test_programs_are_those_of_the_strangest_passages(reader):
    texts = [USUAL[0], STRANGE[0]]
    every = reader.assess(texts, programs_of="all")
    flagged = reader.assess(texts, programs_of="flagged")
    assert every.is_anomaly.tolist() == [False, True]
    assert flagged.programs[0] is None
    assert flagged.programs[1].program == every.programs[1].program
    np.testing.assert_array_equal(every.scores, flagged.scores)


def test_a_saved_detector_scores_alike_and_says_what_it_keeps(reader, read, tmp_path):
    reader.save(tmp_path / "detector")
    again = PolarDetector.load(tmp_path / "detector")
    found = again.assess([*USUAL, *STRANGE], programs_of="none")
    np.testing.assert_array_equal(found.scores, read.scores[:18])
    np.testing.assert_array_equal(found.p_values, read.p_values[:18])
    assert again.passages is True
    contents = read_contents(tmp_path / "detector")
    assert dict(contents.facts)["Read in passages"] == "29 texts"
    assert sorted(contents.held_out) == sorted(TRAIN)
    assert contents.texts == ()


@pytest.mark.slow
def test_a_reviewed_text_is_learned(reader):
    new = [with_odd(text, 0) for text in long_texts(8, 5)]
    learned = reader.updated(new, [False] * 8)
    verdicts = learned.review_.normal
    assert (verdicts.n, verdicts.n_flagged_before) == (8, 8)
    assert verdicts.n_flagged is not None
    assert learned.fitted_.n_whole == 37
    assert learned.score_samples(STRANGE).mean() > reader.score_samples(STRANGE).mean()


def test_passages_of_reviewed_texts_are_there_however_many_others_are(reader, monkeypatch):
    monkeypatch.setattr(fitting, "_MOST_PASSAGES", 30)
    is_reviewed = np.arange(48) >= 45
    parts = Parted.at_random(TRAIN, seed=0, is_reviewed=is_reviewed)
    own = parts.in_passages(reader.engine_.extractor.tracer, seed=0)
    reviewed = InPassages.of(TRAIN[45:])
    assert own.n_reviewed == len(reviewed.passages)
    assert own.train[30:] == [*reviewed.passages]
    assert own.whole.reviewed.tolist() == reviewed.owners.tolist()


def test_a_text_of_no_group_is_of_none_that_is_a_number(reader):
    groups = np.where(np.arange(48) % 2, "", np.arange(48) % 10)
    parts = Parted.at_random(TRAIN, seed=0, standing=Standing.given(groups, 48))
    own = parts.in_passages(reader.engine_.extractor.tracer, seed=0)
    assert len(np.unique(own.standing.lots["texts"])) == 24 + 5


@pytest.mark.slow
def test_of_labelled_texts_teaches_the_strangest_passage(tiny_pair):
    bad = [with_odd(text) for text in long_texts(4, 6)]
    labels, kinds = [False] * 48 + [True] * 4, [""] * 48 + ["overflow"] * 4
    detector = PolarDetector(passages=True, **tiny_pair).fit([*TRAIN, *bad], labels, kinds=kinds)
    assert detector.fitted_.n_anomalous == 4
    assert detector.fitted_.known.labelled.texts == (ODD,)
    found = detector.assess(STRANGE, programs_of="none")
    assert found.like_known == ("overflow",) * 6
    learned = detector.updated(STRANGE[:1], [True], kinds=["overflow"])
    assert learned.review_.anomalous.n_flagged is None


@pytest.mark.slow
def test_texts_of_a_group_are_not_held_against_each_other(tiny_pair):
    groups = np.repeat([f"customer {i}" for i in range(16)], 3)
    dated = [f"2026-12-02 10:30:00 {text}" for text in TRAIN]
    detector = PolarDetector(passages=True, **tiny_pair).fit(dated, groups=groups)
    assert detector.fitted_.given.normal == dated  # as they are, whatever models read of them
    assert detector.fitted_.company.by == "groups"
    assert not np.isnan(detector.score_samples(USUAL)).any()


def test_what_does_not_go_together_is_refused(tiny_pair):
    with pytest.raises(InputError, match="Got groups 'time' for texts that are read in passages"):
        PolarDetector(passages=True, **tiny_pair).fit(TRAIN, groups="time")
    frame = pd.DataFrame({"text": TRAIN, "size": range(48)})
    with pytest.raises(InputError, match="Got rows or the detector"):
        PolarDetector(passages=True, **tiny_pair).fit(frame)
    with pytest.raises(InputError, match="passages 'yes'; expected True or False"):
        PolarDetector(passages="yes", **tiny_pair).fit(TRAIN)


@pytest.mark.slow
def test_texts_need_not_be_kept(tiny_pair, tmp_path):
    detector = PolarDetector(passages=True, store_texts=False, **tiny_pair).fit(TRAIN)
    detector.save(tmp_path / "detector")
    again = PolarDetector.load(tmp_path / "detector")
    np.testing.assert_array_equal(again.score_samples(STRANGE), detector.score_samples(STRANGE))
    assert again.assess(STRANGE[:1], programs_of="none").passages[0].shown == ODD


@pytest.mark.slow
def test_one_of_many_texts_is_screened(tiny_pair):
    found = screen(
        [*TRAIN, *USUAL[:3], STRANGE[0]], PolarDetector(passages=True, **tiny_pair), share=0.02
    )
    assert np.argmax(found.scores) == 51
    assert found.passages[51].shown == ODD


@pytest.mark.slow
def test_they_are_compared_with_others(tiny_models, tmp_path, run):
    texts = [*TRAIN, *USUAL, *long_texts(20, 7), *map(with_odd, long_texts(30, 8))]
    frame = pd.DataFrame({"Text": texts, "label": [0] * 80 + [1] * 30})
    frame.to_json(tmp_path / "all.jsonl", orient="records", lines=True)
    code, printed, _ = run(
        *("compare", tmp_path / "all.jsonl", "--label-column", "label", "--passages"),
        *("--resamples", 100, "--max-tokens", 12, *tiny_models),
    )
    assert code == 0
    assert "polar-detect reads them in passages" in " ".join(printed.split())
    frame["x"] = 1.0
    frame.to_json(tmp_path / "all.jsonl", orient="records", lines=True)
    code, _, said = run("compare", tmp_path / "all.jsonl", "--target", "x", "--passages")
    assert code == 2
    assert "give --passages with --label-column" in " ".join(said.replace("│", " ").split())


@pytest.mark.slow
def test_screening_says_and_writes_passages(tiny_models, tmp_path, run):
    texts = pd.DataFrame({"Text": [*TRAIN, *USUAL[:3], STRANGE[0]]})
    texts.to_json(tmp_path / "all.jsonl", orient="records", lines=True)
    out, page = tmp_path / "screened.csv", tmp_path / "page.html"
    _, printed, said = run(
        *("screen", tmp_path / "all.jsonl", "--passages", "--out", out, "--report", page),
        *("--max-tokens", 40, *tiny_models),
    )
    assert re.search(r"\d of 1\d\d passages are longer than the 40", " ".join(said.split()))
    assert "ERR 0x17 heap" in printed
    assert "--passages" in said  # of the fit that comes next
    assert pd.read_csv(out)["passage"][51].startswith("2 of ")
    assert "Passage 2 of" in page.read_text(encoding="utf-8")


def test_commands_read_them(tiny_models, tmp_path, run):
    for name, texts in (("normal", TRAIN), ("new", [*USUAL[:2], STRANGE[0]])):
        pd.DataFrame({"Text": texts}).to_json(
            tmp_path / f"{name}.jsonl", orient="records", lines=True
        )
    detector = str(tmp_path / "detector")
    *_, said = run("fit", tmp_path / "normal.jsonl", "--passages", "--out", detector, *tiny_models)
    assert "Fitted on: 29 normal texts, 19 more held out" in said
    kept = re.search(r"the 48 normal texts .*, (\d+) of their passages", " ".join(said.split()))
    assert f"Read in: passages, {kept[1]} of them to hold new ones against" in said
    out = tmp_path / "scored.csv"
    run("score", str(tmp_path / "new.jsonl"), "--detector", detector, "--out", str(out))
    scored = pd.read_csv(out)
    assert scored["passage"][2].startswith("2 of ")
    page = tmp_path / "report.json"
    run("report", str(tmp_path / "new.jsonl"), "--detector", detector, "--out", str(page))
    row = json.loads(page.read_text(encoding="utf-8"))["rows"][0]
    assert row["text"] == ODD
    assert [own["number"] for own in row["passages"] if own["is_strangest"]] == [2]
    assert row["n_passages"] == len(row["passages"])
    html = Report.of(PolarDetector.load(detector), STRANGE[:1])._repr_html_()
    assert "Passage 2 of" in html


def test_reports_say_which_passage_they_show_and_that_there_are_more(reader, monkeypatch, tmp_path):
    monkeypatch.setattr(rows, "_MOST_PASSAGES", 3)
    report = Report.of(reader, [STRANGE[0], ODD])
    html = report._repr_html_()
    report.save(tmp_path / "report.md")
    n = len(passages_of(STRANGE[0]))
    assert n > 3
    for said in (html, (tmp_path / "report.md").read_text(encoding="utf-8")):
        assert f"Passage 2 of {n}, the strangest:" in said
        assert "Passage 1 of 1" not in said
    assert f"The 3 strangest of the {n} passages, with scores" in html
    said = Report.of(reader, STRANGE[:1], tongue="ja")._repr_html_()
    assert f"{n}箇所中の2番目（最も変わった箇所）：" in said
