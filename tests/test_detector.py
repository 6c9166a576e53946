import copy
import functools
import gc
import math
import pickle
import shutil
import threading
import time
import unicodedata
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from some_by_default import some_by_default
from tiny_encoders import save_tiny_encoder
from tiny_models import CONFIGS, save_tiny
from unlabelled_heads import UNLABELLED
from work_orders import NEW, NORMAL, STRANGE

from polar_detect import assessment
from polar_detect.calibration import rate_at
from polar_detect.containers import UnfittedError
from polar_detect.detector import PolarDetector
from polar_detect.detectors import AutoHead, LightGBMHead
from polar_detect.errors import InputError, ModelError, NotFittedError, TrainingWarning
from polar_detect.executor.decoder import Executor
from polar_detect.metrics import auroc
from polar_detect.pipeline import assessing, fitting
from polar_detect.pipeline.engine import Engine
from polar_detect.pipeline.fitting import Fitting, Parted, Teaching
from polar_detect.pipeline.outliers import topic_clusters
from polar_detect.programs.minimal import find_minimal_programs
from polar_detect.progress import Tracker
from polar_detect.report.content.reasons import reasons_of
from polar_detect.signature import extraction
from polar_detect.signature.extraction import Extractor
from polar_detect.signature.labelled.likeness import KeptOut, Seen
from polar_detect.signature.normal.reference import Reference
from polar_detect.signature.reading import spill, tracer

EMPTY = ["", "é"]  # nothing at all, and nothing that the tiny tokenizer knows
METHODS = ("score_samples", "decision_function", "predict", "explain", "assess")


@pytest.fixture(scope="session", params=some_by_default(UNLABELLED, "auto", "lightgbm"))
def detector(request, fitted_on_tiny, boosted, tiny_pair):
    """Return a detector of each kind; tests must not change it."""
    known = {"auto": fitted_on_tiny, "lightgbm": boosted}
    # Of the first tokens only, as it takes its time over each.
    return known.get(request.param) or PolarDetector(request.param, **tiny_pair, max_tokens=12).fit(
        NORMAL
    )


@pytest.fixture(scope="session")
def assessed(detector):
    """Return what a detector says of NEW + STRANGE, which many tests ask for."""
    return detector.assess(NEW + STRANGE)


FEW = NORMAL[:40]  # as many as a fit needs


def fit_tiny(models, texts=NORMAL, labels=None, **settings):
    return PolarDetector(**models, **settings).fit(texts, labels)


def fit_fast(models):
    """Return a detector for tests that ask for no more than that it has scores of its own."""
    return fit_tiny(models, FEW, max_tokens=8)


def test_strangers_score_higher_than_new_normal_texts(detector, assessed):
    labels = np.repeat([False, True], [len(NEW), len(STRANGE)])
    scores = assessed.scores  # of which the next test says that they are those of `score_samples`
    assert auroc(labels, scores) > (0.7 if detector.detector == "isolation-forest" else 0.85)
    # Control: normal texts are not told apart from each other.
    assert auroc(np.arange(len(NEW)) % 2 == 0, scores[: len(NEW)]) < 0.95


def test_signs_are_those_of_scikit_learn(detector, assessed):
    texts = NEW + STRANGE
    np.testing.assert_allclose(detector.score_samples(texts), -assessed.scores, atol=1e-4)
    predictions = detector.predict(texts)
    assert set(predictions.tolist()) == {-1, 1}
    np.testing.assert_array_equal(predictions == -1, assessed.is_anomaly)
    np.testing.assert_array_equal(predictions == -1, assessed.p_values <= detector.alpha)


def test_programs_of_flagged_texts_only_change_nothing_else(detector, assessed):
    texts = NEW + STRANGE
    whole, fast = assessed, detector.assess(texts, programs_of="flagged")
    np.testing.assert_array_equal(fast.scores, whole.scores)
    np.testing.assert_array_equal(fast.p_values, whole.p_values)
    searched = [program is not None for program in fast.programs]
    if detector.detector == "auto":
        assert searched == whole.is_anomaly.tolist()
        assert 0 < sum(searched) < len(texts)
    else:  # they read the programs
        assert all(searched)


def test_the_decision_is_negative_exactly_where_a_text_is_flagged(detector, monkeypatch):
    texts, scores = [*NORMAL[:8], *NEW, *STRANGE], PolarDetector._scores
    known = functools.cache(lambda own: scores(detector, own))  # which no alpha changes
    monkeypatch.setattr(PolarDetector, "_scores", lambda _, own, *__: known(tuple(own)))
    for alpha in (0.05, 0.1, 0.3):
        calibrated = PolarDetector(**{**detector.get_params(), "alpha": alpha})
        calibrated.fitted_, calibrated.engine_ = detector.fitted_, detector.engine_
        flagged = calibrated.predict(texts) == -1
        np.testing.assert_array_equal(calibrated.decision_function(texts) < 0, flagged)
        assert flagged.any()  # control: both occur
        assert not flagged.all()


def test_what_nobody_sees_behind_a_text_does_not_change_its_score(fitted_on_tiny):
    def scores(behind):
        return fitted_on_tiny.score_samples([text + behind for text in (*NEW[:2], STRANGE[0])])

    plain = scores("")
    for unseen in (" ", " " * 20, "\t", "\r\n", "\u3000", "\xa0", "\u200b", "\ufeff", "\u200e\n"):
        np.testing.assert_array_equal(scores(unseen), plain, repr(unseen))
    assert (scores(".") != plain).all()  # control: it reads to the end


@pytest.mark.parametrize(
    ("text", "other"),
    [
        (
            "Dichtung geprüft, ガス漏れなし",
            unicodedata.normalize("NFD", "\ufeffDich\u00adtung \u200bgeprüft, ガス漏れなし"),
        ),
        *(
            ("oil leak\nat 12 bar", f"oil{space}leak\r\nat 12{space}bar")
            for space in ("\xa0", "\u2007", "\u202f")
        ),
        ("ポンプ ガス弁P2交換。", "ﾎﾟﾝﾌﾟ\u3000カﾞｽ弁Ｐ２交換｡"),
    ],
)
def test_a_text_scores_the_same_however_its_signs_spaces_and_line_ends_are_written(
    fitted_on_tiny, text, other
):
    np.testing.assert_array_equal(*(fitted_on_tiny.score_samples([own]) for own in (text, other)))
    plain, read = fitted_on_tiny.engine_.extractor.tracer.tokenize([text, other])
    assert plain != read  # control: a model would read them as two


def test_full_width_letters_are_strange_in_a_text_that_is_not_japanese(fitted_on_tiny):
    own, other = fitted_on_tiny.score_samples(["FREE oil", "ＦＲＥＥ oil"])
    assert own != other


def test_what_nobody_sees_behind_normal_texts_does_not_change_what_is_fitted(tiny_pair):
    texts = [f"{text} " if i % 3 else text for i, text in enumerate(FEW)]
    plain, ended = (fit_tiny(tiny_pair, own, max_tokens=8) for own in (FEW, texts))
    assert sorted(ended.fitted_.reference.texts) == sorted(FEW)
    np.testing.assert_array_equal(ended.score_samples(NEW[:3]), plain.score_samples(NEW[:3]))


@pytest.mark.parametrize(
    ("own", "same", "other"),
    [
        (" ", " ", ""),  # blanks behind, as version 0.1 read them
        (" de\u0301faut", " de\u0301faut \n", " d\u00e9faut"),  # accents apart, and no such blanks
        (", d\u00e9faut 12\xa0bar", ", de\u0301faut 12\xa0bar \n", ", d\u00e9faut 12 bar"),
        (" ﾎﾟﾝﾌﾟ", "\xa0ﾎﾟﾝﾌﾟ", " ポンプ"),  # narrow kana, and blanks of one kind
    ],
)
def test_a_detector_that_was_fitted_on_what_nobody_sees_reads_so_much_of_it_in_new_texts(
    tiny_pair, monkeypatch, own, same, other
):
    # As was done before it was left out.
    monkeypatch.setattr("polar_detect.pipeline.training.as_seen", list)
    earlier = fit_tiny(tiny_pair, [f"{text}{own}" for text in FEW], max_tokens=64)
    assert earlier.fitted_.reference.texts[0].endswith(own)
    scores = earlier.score_samples([f"{NEW[0]}{behind}" for behind in (own, same, other)])
    assert scores[0] == scores[1] != scores[2]


def test_empty_texts_keep_their_row_are_nan_and_never_flagged(detector):
    texts = [EMPTY[0], NEW[0], EMPTY[1], STRANGE[0]]
    assessment = detector.assess(texts)
    is_empty = np.asarray([True, False, True, False])
    for values in (assessment.scores, assessment.p_values, detector.score_samples(texts)):
        np.testing.assert_array_equal(np.isnan(values), is_empty)
    np.testing.assert_array_equal(np.isnan(detector.decision_function(texts)), is_empty)
    np.testing.assert_array_equal(detector.predict(texts)[is_empty], [1, 1])
    assert not assessment.is_anomaly[is_empty].any()
    assert np.isnan(assessment.explanation.values[is_empty]).all()
    assert not np.isnan(assessment.explanation.values[~is_empty]).any()
    for i in np.flatnonzero(is_empty):
        program = assessment.programs[i]
        assert len(program.program) == detector.n_layers
        assert np.isnan(program.loss)


def test_empty_texts_alone_are_assessed(detector):
    assert np.isnan(detector.assess(EMPTY).scores).all()


def test_texts_of_white_space_are_empty(detector):
    assert np.isnan(detector.assess(["   ", "\n", "\t \u3000"]).scores).all()


def test_exact_copies_of_training_texts_are_not_flagged_more_than_held_out_ones(detector):
    training = detector.fitted_.reference.texts
    assert detector.assess(training).is_anomaly.mean() <= 0.2


def test_half_a_character_is_refused(detector):
    with pytest.raises(InputError, match="lone surrogate"):
        detector.assess(["pump \ud800 leaks"])


def test_neither_order_nor_duplicates_nor_company_change_scores(detector, assessed):
    texts, scores = [*NEW, *STRANGE], -assessed.scores
    tolerance = {"rtol": 0, "atol": 1e-3}
    np.testing.assert_allclose(detector.score_samples(texts[::-1])[::-1], scores, **tolerance)
    np.testing.assert_allclose(detector.score_samples(texts * 2), np.tile(scores, 2), **tolerance)
    alone = [detector.score_samples([text])[0] for text in texts[-2:]]
    np.testing.assert_allclose(alone, scores[-2:], **tolerance)
    twice = detector.assess([texts[0], texts[-1], texts[0]])
    np.testing.assert_allclose(-twice.scores, scores[[0, -1, 0]], **tolerance)
    assert twice.programs[0] == twice.programs[2]
    assert np.ptp(scores) > 0.1  # control: scores differ by more than the tolerance


def test_explanations_add_up_to_the_scores(detector, assessed):
    explanation = assessed.explanation
    totals = explanation.base_value + explanation.values.sum(1)
    np.testing.assert_allclose(totals, assessed.scores, rtol=0, atol=1e-4)
    layers, groups = explanation.by_layer().sum(1), sum(explanation.by_group().values())
    np.testing.assert_allclose(explanation.base_value + layers + groups, totals, atol=1e-9)
    np.testing.assert_allclose(detector.explain(NEW + STRANGE).values, explanation.values)


def test_programs_are_valid_and_neighbours_are_training_texts(detector, assessed):
    for minimal, neighbours in zip(assessed.programs, assessed.neighbours, strict=True):
        assert minimal.loss <= minimal.full_loss + detector.tolerance
        assert set(neighbours) <= set(detector.fitted_.reference.texts)
    known = detector.fitted_.reference.texts[3]
    assert detector.assess([known]).neighbours[0][0] == known


@pytest.mark.slow
def test_fitting_twice_with_a_seed_gives_the_same_scores(detector):
    again = PolarDetector(**detector.get_params()).fit(NORMAL)
    texts = NEW + STRANGE
    np.testing.assert_array_equal(again.score_samples(texts), detector.score_samples(texts))
    other = again.set_params(seed=1).fit(NORMAL)  # control
    assert (other.score_samples(texts) != detector.score_samples(texts)).any()


def test_an_assessment_is_a_table_with_the_index_of_what_was_assessed(fitted_on_tiny):
    texts = pd.Series([*STRANGE[:2], "", *NEW[:2]], index=[9, 7, 5, 3, 1])
    assessment = fitted_on_tiny.assess(texts, programs_of="flagged")
    frame = assessment.to_frame()
    assert frame.index.tolist() == [9, 7, 5, 3, 1]
    np.testing.assert_array_equal(frame["score"], assessment.scores)
    np.testing.assert_array_equal(frame["p_value"], assessment.p_values)
    assert frame["is_anomaly"].dtype == bool
    assert frame["is_anomaly"].tolist() == assessment.is_anomaly.tolist()
    assert frame["reasons"].tolist() == assessment.reasons()
    assert assessment.to_frame("ja")["reasons"].tolist() == assessment.reasons("ja")
    searched = [None if p is None else p.program for p in assessment.programs]
    assert {p is None for p in searched} == {True, False}
    for row, program in zip(frame.itertuples(), searched, strict=True):
        if program is None:
            assert pd.isna([row.program, row.program_length, row.n_skips, row.n_loops]).all()
        else:
            assert (row.program, row.program_length) == (str(program), len(program))
            assert (row.n_skips, row.n_loops) == (program.n_skips(5), program.n_loops)
    assert pd.isna(frame.loc[5, ["score", "p_value", "program"]]).all()
    assert frame.loc[5, "top_layers"] == "empty text"
    assert assessment.to_frame("ja").loc[5, "top_layers"] == "本文なし"
    assert texts.to_frame("text").join(frame)["score"].tolist()[3:] == frame["score"].tolist()[3:]
    assert fitted_on_tiny.assess(texts.tolist()).to_frame().index.tolist() == [0, 1, 2, 3, 4]


def test_an_assessment_names_words_that_no_normal_text_has(fitted_on_tiny, boosted):
    texts = [NEW[0], f"{NEW[0]} UNION SELECT", "", NORMAL[0]]
    found = fitted_on_tiny.assess(texts, programs_of="none")
    assert found.new_words[1] == ("UNION", "SELECT")
    assert (found.new_words[2], found.new_words[3]) == ((), ())
    assert found.reasons()[1].startswith("words that normal texts lack: “UNION” and “SELECT”; ")
    assert found.rows(np.asarray([1])).reasons() == found.reasons()[1:2]
    below = assessment.Assessment.below([found, found])
    assert below.reasons() == found.reasons() * 2
    # Control: where the held-out texts are not kept, nobody knows all words of the normal ones.
    assert boosted.assess(texts[1:2], programs_of="none").new_words == ()


def test_what_an_assessment_says_stands_beside_rows_of_which_several_have_one_index(fitted_on_tiny):
    texts = pd.Series([*STRANGE[:1], *NEW[:1]], index=[0, 0], name="text")
    frame = fitted_on_tiny.assess(texts).to_frame()
    table = pd.concat([texts, frame], axis=1)
    assert table["text"].tolist() == texts.tolist()
    assert table["score"].tolist() == frame["score"].tolist()


def test_a_notebook_keeps_of_an_assessment_a_table_and_not_each_texts_neighbours(fitted_on_tiny):
    assessment = fitted_on_tiny.assess(pd.Series([NEW[0], "", STRANGE[0]], index=["a", "b", "c"]))
    assert repr(assessment) == "Assessment(3 texts, 1 flagged)"
    assert repr(assessment.explanation) == (
        f"Explanation(3 texts, {len(assessment.explanation.features)} features, 5 layers)"
    )
    assert assessment._repr_html_() == assessment.to_frame()._repr_html_()
    assert assessment.rows(np.arange(3)).to_frame().equals(assessment.to_frame())
    with pd.option_context("display.notebook_repr_html", False):
        assert assessment._repr_html_() is None


def test_rows_of_an_assessment_are_named_by_their_places_or_by_a_mask(fitted_on_tiny):
    assessment = fitted_on_tiny.assess(pd.Series([*NEW[:2], *STRANGE[:2]]))
    flagged = np.flatnonzero(assessment.is_anomaly)
    own = assessment.rows(flagged)
    assert 0 < len(own.scores) < 4
    for places in (assessment.is_anomaly, assessment.is_anomaly.tolist(), flagged.tolist()):
        found = assessment.rows(places)
        assert found.to_frame().equals(own.to_frame())
        assert found.neighbours == own.neighbours


@pytest.mark.parametrize("index", [None, "abc"])
def test_a_notebook_puts_into_words_only_the_rows_that_it_shows(fitted_on_tiny, monkeypatch, index):
    texts = pd.Series([NEW[0], "", STRANGE[0]], index=None if index is None else [*index])
    few = fitted_on_tiny.assess(texts if index else texts.tolist())
    many = few.rows(np.resize(np.arange(3), 1000))
    whole, n_told = many.to_frame()._repr_html_(), []

    def told(explanation, *arguments, **options):
        n_told.append(len(explanation.values))
        return reasons_of(explanation, *arguments, **options)

    monkeypatch.setattr(assessment, "reasons_of", told)
    assert many._repr_html_() == whole
    assert n_told == [pd.get_option("display.max_rows")]


def test_a_detector_can_be_fitted_anew_with_other_settings(fitted_on_tiny, tiny_pair):
    detector = fit_tiny(tiny_pair, FEW, max_tokens=5)
    short = detector.score_samples(NEW)
    detector.set_params(max_tokens=fitted_on_tiny.max_tokens)
    whole = detector.fit(NORMAL).score_samples(NEW)
    np.testing.assert_array_equal(whole, fitted_on_tiny.score_samples(NEW))
    assert (short != whole).any()


def test_labelled_anomalies_are_neither_reference_nor_calibration(tiny_pair, fitted_on_tiny):
    texts = [*STRANGE, *NORMAL]
    labels = np.repeat([True, False], [len(STRANGE), len(NORMAL)]).astype(int)
    fitted = fit_tiny(tiny_pair, texts, labels).fitted_
    plain = fitted_on_tiny.fitted_
    assert fitted.reference.texts == plain.reference.texts
    assert len(fitted.calibration_scores) == len(plain.calibration_scores)
    assert fitted.n_anomalous == len(STRANGE)
    assert fitted.fingerprint != plain.fingerprint
    # Control: labels teach the detector something.
    assert (fitted.calibration_scores != plain.calibration_scores).any()
    assert plain.reference.likeness is None


def test_labels_raise_what_is_like_them_above_what_is_strange_in_another_way(
    fitted_on_minilm, tiny_pair
):
    parts = ("Pump", "Valve", "Gearbox", "Conveyor", "Motor", "Fan", "Press", "Bearing")
    vibrating = [f"{part} vibrates, bolts loosened, line {i % 3}" for i, part in enumerate(parts)]
    stolen = [f"{part} was stolen at night, line {i % 3}" for i, part in enumerate(parts)]
    models = {name: getattr(fitted_on_minilm, name) for name in ("model", "encoder")}
    texts, labels = [*NORMAL, *vibrating[:4]], [0] * len(NORMAL) + [1] * 4
    taught = fit_tiny(models, texts, labels)

    def lead(detector):
        own, other = (-detector.score_samples(part[4:]) for part in (vibrating, stolen))
        return own.mean() / other.mean()

    assert lead(taught) > 1.5 * lead(fitted_on_minilm)
    assert (taught.explain(vibrating[4:]).by_group()["labelled"] > 0).all()
    few = fit_tiny(tiny_pair, texts[:-2], labels[:-2], max_tokens=8)  # two say nothing
    assert few.fitted_.reference.likeness is None
    assert "labelled" not in few.explain(vibrating[4:]).by_group()


@pytest.mark.slow
@pytest.mark.parametrize(
    "head",
    [AutoHead(), LightGBMHead()],
    ids=lambda head: head.name,
)
def test_texts_that_teach_what_anomalies_are_like_are_shown_without_themselves(
    fitted_on_tiny, head
):
    extractor = fitted_on_tiny.engine_.configured(max_tokens=8, head=head, has_texts=True).extractor
    fitting = Fitting(extractor, head, Tracker(None), fitted_on_tiny.fitted_.settings)
    readings, labelled = (fitting.read("texts", texts) for texts in (FEW, [*STRANGE, *NEW[:4]]))
    reference = fitting.reference(readings, labelled)
    programs = fitting.programs(FEW, readings)
    menu = programs.menu if head.needs_programs else None
    shown = Teaching(fitting, readings, reference, menu, labelled).signatures()
    normal, strangers = shown.normal, shown.strangers
    own, other = Seen.of(readings), Seen.of(labelled)
    kept_out = KeptOut.fit(own, other, None, seed=fitting.settings.seed)
    everyone = kept_out.of_normal(own, np.arange(len(own.texts))).values[:, 0]
    column = normal.names.index("labelled/likeness")
    last = shown.labelled.values[:, column]
    np.testing.assert_array_equal(normal.values[:, column], everyone)
    np.testing.assert_array_equal(last, kept_out.of_labelled(other).values[:, 0])
    np.testing.assert_array_equal(strangers.values[: len(own.texts), column], everyone)
    # Control: who sees itself is more like them.
    assert (reference.likeness.features(other).values[:, 0] > last + 0.01).all()
    plain = Teaching(fitting, readings, fitting.reference(readings), menu).signatures()
    assert (len(strangers), len(last)) == (len(plain.strangers), len(labelled))
    assert plain.labelled is None


@pytest.mark.slow
def test_what_is_learned_meets_held_out_texts_as_new_texts_do(fitted_on_minilm):
    """But for the text itself, wherever it occurs, or for all of its cluster."""
    train, held_out = [*NORMAL[:50], NORMAL[0]], [*NORMAL[48:], NORMAL[1]]
    extractor = fitted_on_minilm.engine_.extractor
    fitting = Fitting(extractor, AutoHead(), Tracker(None), fitted_on_minilm.fitted_.settings)
    readings, others = (fitting.read("texts", texts) for texts in (train, held_out))
    narrow = fitting.reference(readings)
    wide = narrow.widened(others)
    every, everyone = np.arange(len(wide)), np.asarray(wide.texts)
    clusters = topic_clusters(wide.embeddings, seed=fitting.settings.seed)
    shown = Teaching(fitting, readings, wide, None).signatures()
    found = (shown.normal, shown.strangers)
    for table, groups in zip(found, (everyone, clusters), strict=True):
        assert len(table) == len(train)
        for i in (0, 1, 2, 49, 50):
            banned = (groups == groups[i])[None]
            assert banned[0, i]
            expected = extractor.signatures(readings.rows(every[i : i + 1]), wide, banned=banned)
            for name, value in zip(expected.names, expected.values[0], strict=True):
                if "change" not in name:  # which is fitted on the training texts
                    assert table.values[i, table.names.index(name)] == value, name
    alone = Teaching(fitting, readings, narrow, None).signatures().normal
    column = alone.names.index("neighbours/similarity_mean")
    assert (found[0].values[:, column] >= alone.values[:, column]).all()
    assert (found[0].values[:, column] > alone.values[:, column]).mean() > 0.3  # control
    assert found[1].values[:, column].mean() < found[0].values[:, column].mean()


@pytest.mark.parametrize(("n_others", "contamination"), [(3, 0.0), (8, 0.1), (5, 0.0), (0, 0.0)])
def test_a_text_that_is_nearly_all_of_the_normal_ones_meets_itself_as_new_ones_of_it_do(
    fitted_on_tiny, n_others, contamination
):
    extractor = fitted_on_tiny.engine_.extractor
    settings = replace(fitted_on_tiny.fitted_.settings, contamination=contamination)
    fitting = Fitting(extractor, AutoHead(), Tracker(None), settings)
    readings = fitting.read("texts", [*[NORMAL[0]] * 40, *NORMAL[8 : 8 + n_others]])
    reference = fitting.reference(readings)
    shown = Teaching(fitting, readings, reference, None).signatures()
    similarity = [
        table.values[:, table.names.index("neighbours/similarity_mean")]
        for table in (shown.normal, shown.strangers)
    ]
    new = extractor.signatures(readings, reference)
    as_new = new.values[:, new.names.index("neighbours/similarity_mean")]
    is_few = n_others != 5  # five can be asked
    assert (similarity[0][:40] == as_new[:40]).all() == is_few
    # None was held against what it must not meet, which counts as its opposite.
    shortest = (reference.embeddings @ reference.embeddings.T).min()
    assert min(similarity[0]) >= shortest - 1e-3
    if n_others:
        assert min(similarity[1]) >= shortest - 1e-3
    assert len(similarity[1]) == (n_others if n_others not in {0, 5} else len(readings))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_copies", "n_others", "n_taught"), [(60, 30, 10), (10, 30, 10), (11, 30, 10), (60, 19, 60)]
)
def test_a_text_that_is_most_of_the_normal_ones_teaches_as_a_quarter_of_them(
    fitted_on_tiny, n_copies, n_others, n_taught
):
    fitting = Fitting(
        fitted_on_tiny.engine_.extractor,
        AutoHead(),
        Tracker(None),
        fitted_on_tiny.fitted_.settings,
    )
    others = [f"{NORMAL[i % len(NORMAL)]} {i}" for i in range(n_others)]
    readings = fitting.read("texts", [*others[:15], *[STRANGE[0]] * n_copies, *others[15:]])
    reference = fitting.reference(readings)
    shown = Teaching(fitting, readings, reference, None).signatures()
    tables = (shown.normal, shown.strangers)
    loss = tables[0].names.index("loss/mean")
    for table in tables:
        assert len(table) == n_others + n_taught
        assert (table.values[:, loss] == readings.traces.loss[15]).sum() == n_taught
    # What texts are held against stays as it was.
    assert len(reference) == len(readings)
    np.testing.assert_array_equal(tables[0].values[:15, loss], readings.traces.loss[:15])


def test_a_fit_learns_beside_the_held_out_texts(fitted_on_tiny):
    fitted = fitted_on_tiny.fitted_
    head, reference = fitted.head._fitted, fitted.reference
    n, own = reference.n_fitted, np.asarray(reference.texts)
    cosines = reference.embeddings[:n] @ reference.embeddings.T
    cosines[own[:n, None] == own] = -1
    nearest = np.sort(cosines, axis=1)[:, -5:].mean(1)
    place = [f.name for f in head.features].index("neighbours/similarity_mean")
    assert head.scale.centre[place] == pytest.approx(np.median(nearest), abs=1e-5)


def test_training_and_held_out_texts_share_out_the_normal_ones(fitted_on_tiny):
    fitted = fitted_on_tiny.fitted_
    assert sorted(fitted.reference.texts) == sorted(NORMAL)
    assert fitted.reference.n_joined == len(fitted.calibration_scores) >= 19
    parts = Parted.at_random(NORMAL, seed=0)
    train, held_out = parts.train, parts.held_out
    assert fitted.reference.texts == (*train, *held_out)
    assert fitted.reference.n_fitted == len(train)


@pytest.fixture(scope="module")
def of_training_texts(fitted_on_tiny):
    """Return a reference of the training texts that no held-out ones have joined."""
    readings = fitted_on_tiny.engine_.extractor.read(Parted.at_random(NORMAL, seed=0).train)
    changes = fitted_on_tiny.fitted_.reference.changes
    return replace(Reference.fit(readings, has_geometries=False), changes=changes)


@pytest.mark.parametrize("place", [0, 7, 18])
def test_held_out_texts_are_neighbours_of_each_other_and_not_of_themselves(
    fitted_on_tiny, of_training_texts, place
):
    fitted, extractor = fitted_on_tiny.fitted_, fitted_on_tiny.engine_.extractor
    held_out = Parted.at_random(NORMAL, seed=0).held_out
    others = [*held_out[:place], *held_out[place + 1 :]]
    alone = of_training_texts.widened(extractor.read(others))
    own = extractor.read([held_out[place]])
    table = extractor.signatures(own, alone).chosen(fitted.statistics.features)
    (score,) = fitted.head.scores(table)
    assert score == pytest.approx(fitted.calibration_scores[place], rel=1e-4)
    # Control: with itself in view it is more usual.
    (seen,) = -fitted_on_tiny.score_samples([held_out[place]])
    assert seen < score - 0.01


def test_the_wider_scale_asks_a_share_of_the_texts_that_joining_ones_do_not_change(fitted_on_tiny):
    extractor = fitted_on_tiny.engine_.extractor
    texts = [f"{text} in bay {place}" for place in range(3) for text in NORMAL]
    reference = Reference.fit(extractor.read(texts[:150]), has_geometries=False)
    assert reference.n_indexed == 150
    wide = reference.widened(extractor.read(texts[150:]))
    own = extractor.read(STRANGE)
    for against in (reference, wide):
        table = extractor.signatures(own, against)
        columns = dict(zip(table.names, table.values.T, strict=True))
        cosines = own.embeddings @ against.embeddings.T
        assert cosines.shape == (len(STRANGE), len(against))
        local = cosines - against.crowding / 2
        for part, n, every in (
            ("first", 1, cosines),
            ("mean", 5, cosines),
            ("far", 6, cosines),
            ("local", 5, local),
        ):
            ranked = np.sort(every, axis=1)[:, ::-1]
            own_column = columns[f"neighbours/similarity_{part}"]
            np.testing.assert_allclose(own_column, ranked[:, :n].mean(1), atol=1e-5)


def test_crowding_is_fitted_once_and_joining_texts_are_held_against_the_same(fitted_on_tiny):
    extractor = fitted_on_tiny.engine_.extractor
    train, joining = [*NORMAL[:50], *NORMAL[:3]], [*NORMAL[50:60], NORMAL[0]]
    reference = Reference.fit(extractor.read(train), has_geometries=False)
    wide = reference.widened(extractor.read(joining))
    np.testing.assert_array_equal(wide.crowding[:53], reference.crowding)
    cosines = wide.embeddings @ wide.embeddings[:50].T
    for text, own, found in zip(wide.texts, cosines, wide.crowding, strict=True):
        others = [cosine for other, cosine in zip(train[:50], own, strict=True) if other != text]
        assert found == pytest.approx(np.mean(sorted(others)[-5:]), abs=1e-5)
    saved = replace(wide, crowding=None)  # by a version that did not know it
    tables = [extractor.signatures(extractor.read(STRANGE), r) for r in (saved, wide)]
    assert set(tables[1].names) - set(tables[0].names) == {"neighbours/similarity_local"}


def test_texts_that_are_banned_or_passed_over_are_like_nothing(fitted_on_tiny):
    extractor = fitted_on_tiny.engine_.extractor
    readings = extractor.read([f"{text} in bay {place}" for place in range(2) for text in NORMAL])
    reference = replace(Reference.fit(readings, has_geometries=False), contamination=0.02)
    n_skipped = math.ceil(0.02 * len(reference))
    own = readings.rows(np.arange(4))
    banned = np.zeros((4, len(reference)), bool)
    banned[np.arange(4), np.arange(4)] = True
    table = extractor.signatures(own, reference, banned=banned)
    columns = dict(zip(table.names, table.values.T, strict=True))
    cosines = reference.embeddings[:4] @ reference.embeddings.T
    assert (cosines.argmax(1) == np.arange(4)).all()
    allowed = np.where(banned, -1, cosines)
    for part, every in (("mean", allowed), ("local", allowed - reference.crowding / 2)):
        ranked = np.sort(every, axis=1)[:, ::-1]
        expected = ranked[:, n_skipped : n_skipped + 5].mean(1)
        np.testing.assert_allclose(columns[f"neighbours/similarity_{part}"], expected, atol=1e-5)


def test_a_detector_that_is_not_monotone_keeps_held_out_texts_apart(detector):
    if detector.fitted_.head.is_monotone:
        assert detector.detector == "auto"
    else:
        train = Parted.at_random(NORMAL, seed=0).train
        assert detector.fitted_.reference.texts == tuple(train)


def test_empty_texts_take_no_place_among_training_texts_or_held_out_ones(tiny_pair, fitted_on_tiny):
    fitted, plain = fit_tiny(tiny_pair, [*EMPTY * 100, *NORMAL, *EMPTY, "  "]), fitted_on_tiny
    assert fitted.fitted_.reference.texts == plain.fitted_.reference.texts
    np.testing.assert_array_equal(
        fitted.fitted_.calibration_scores, plain.fitted_.calibration_scores
    )


@pytest.mark.slow
def test_labelled_anomalies_without_tokens_are_no_labels(tiny_pair, fitted_on_tiny):
    labelled = fit_tiny(tiny_pair, [*NORMAL, *EMPTY], [0] * len(NORMAL) + [1, 1])
    assert labelled.fitted_.n_anomalous == 0
    # Over all that a fit is given: then it cannot fit another detector.
    assert labelled.fitted_.fingerprint == fitted_on_tiny.fitted_.fingerprint
    np.testing.assert_array_equal(labelled.score_samples(NEW), fitted_on_tiny.score_samples(NEW))


def test_an_alpha_that_no_text_can_reach_is_told_of(tiny_pair):
    with pytest.warns(UserWarning, match=r"Got alpha 0.03; expected at least 0.05, the smallest p"):
        fit_tiny(tiny_pair, FEW, alpha=0.03, max_tokens=8)
    fit_tiny(tiny_pair, FEW, alpha=0.05, max_tokens=8)  # control: warnings are errors


def unchanged(detector):
    """Return a detector of the same fit that a test may change."""
    return copy.copy(detector)


@pytest.fixture(scope="module")
def assessed_on_tiny(fitted_on_tiny):
    return fitted_on_tiny.assess(NEW[:4] + STRANGE)


@pytest.mark.parametrize(
    "changes",
    [
        {"max_tokens": 3},
        {"contamination": 0.2},
        {"store_texts": False},
        {"tolerance": 5.0},
        {"seed": 3, "detector": "lightgbm", "model": "smollm2"},
    ],
)
def test_settings_take_effect_at_the_next_fit(fitted_on_tiny, assessed_on_tiny, tmp_path, changes):
    detector, texts, known = unchanged(fitted_on_tiny), NEW[:4] + STRANGE, assessed_on_tiny
    detector.set_params(**changes, alpha=0.2)
    detector.save(tmp_path / "out")
    loaded = PolarDetector.load(tmp_path / "out")
    for other in (detector, loaded):
        assessment = other.assess(texts)
        np.testing.assert_array_equal(assessment.scores, known.scores)
        np.testing.assert_array_equal(assessment.is_anomaly, known.p_values <= 0.2)
        assert [p.program for p in assessment.programs] == [p.program for p in known.programs]
        assert assessment.neighbours == known.neighbours
    assert loaded.get_params() == fitted_on_tiny.get_params() | {"alpha": 0.2}


@pytest.mark.slow
def test_settings_of_numpy_and_paths_are_saved(tiny_pair, tmp_path):
    models = {name: Path(folder) for name, folder in tiny_pair.items()}
    detector = PolarDetector(
        **models, seed=np.int64(1), alpha=np.float32(0.1), store_texts=np.bool_(False)
    ).fit(FEW)
    detector.save(tmp_path / "out")
    loaded = PolarDetector.load(tmp_path / "out")
    np.testing.assert_array_equal(loaded.score_samples(NEW), detector.score_samples(NEW))
    assert (loaded.seed, loaded.store_texts) == (1, False)


def test_a_model_given_by_a_relative_path_is_found_from_everywhere(
    tiny_folder, tiny_pair, tmp_path, monkeypatch
):
    monkeypatch.chdir(tiny_folder.parent)
    detector = fit_fast(tiny_pair | {"model": tiny_folder.name})
    detector.save(tmp_path / "out")
    pickled = pickle.dumps(detector)
    monkeypatch.chdir(tmp_path)
    for found in (PolarDetector.load("out"), pickle.loads(pickled)):
        np.testing.assert_array_equal(found.score_samples(NEW), detector.score_samples(NEW))


@pytest.mark.slow
def test_a_refit_uses_the_weights_that_are_there_now(tiny_folder, minilm, tmp_path):  # noqa: ARG001
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    detector = fit_fast({"model": str(folder)})
    engine, scores = detector.engine_, detector.score_samples(NEW)
    assert parts_of(detector.fit(FEW).engine_) == parts_of(engine)  # control: the same models
    save_tiny(CONFIGS["llama"], folder, seed=1)
    assert not np.array_equal(detector.fit(FEW).score_samples(NEW), scores)
    assert detector.engine_.model.sha256 != engine.model.sha256
    assert parts_of(detector.engine_)[0] is not parts_of(engine)[0]
    assert parts_of(detector.engine_)[1] is parts_of(engine)[1]  # the encoder is the same
    kept = parts_of(detector.engine_)[0]
    assert parts_of(detector.fit(FEW).engine_)[0] is kept
    settings = folder / "tokenizer_config.json"
    settings.write_text(settings.read_text() + "\n")
    assert parts_of(detector.fit(FEW).engine_)[0] is not kept
    encoder = save_tiny_encoder("bert", tmp_path / "encoder")
    detector.set_params(encoder=str(encoder)).fit(FEW)
    assert detector.engine_.encoder_model.folder == encoder


def parts_of(engine):
    extractor = engine.extractor
    return extractor.tracer.backbone, extractor.encoder.model, extractor.encoder.tokenizer


@pytest.mark.slow
def test_detectors_of_a_process_share_their_models_for_as_long_as_one_holds_them(
    tiny_folder,
    minilm,  # noqa: ARG001
    tmp_path,
):
    models = {"model": str(shutil.copytree(tiny_folder, tmp_path / "model"))}
    detector, other = fit_fast(models), fit_tiny(models, FEW, max_tokens=5, detector="lightgbm")
    assert parts_of(detector.engine_) == parts_of(other.engine_)
    detector.save(tmp_path / "detector")
    loaded = PolarDetector.load(tmp_path / "detector")
    pickled = pickle.loads(pickle.dumps(detector))
    for own in (loaded, pickled):
        np.testing.assert_array_equal(own.score_samples(NEW), detector.score_samples(NEW))
        assert parts_of(own.engine_) == parts_of(detector.engine_)
        assert own.max_tokens == detector.max_tokens != other.max_tokens
    first = parts_of(detector.engine_)[0]
    held = weakref.ref(first)
    del detector, other, own, first
    gc.collect()
    assert held() is not None  # by those that were loaded
    del loaded, pickled
    gc.collect()
    assert held() is None
    again = PolarDetector.load(tmp_path / "detector")
    assert np.isfinite(again.score_samples(NEW)).all()


def test_threads_that_ask_for_the_same_models_at_once_get_the_same(tiny_folder, minilm, tmp_path):  # noqa: ARG001
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    with ThreadPoolExecutor(4) as pool:
        engines = list(pool.map(Engine.load, [str(folder)] * 4))
    assert len({parts_of(engine) for engine in engines}) == 1


def test_copies_score_identically(detector):
    scores = detector.score_samples(NEW)
    pickled = pickle.dumps(detector)
    assert len(pickled) < 10_000_000  # no models
    for found in (pickle.loads(pickled), pickle.loads(pickle.dumps(pickle.loads(pickled)))):
        np.testing.assert_array_equal(found.score_samples(NEW), scores)
    engine = pickle.loads(pickled).engine_
    assert "extractor" not in vars(engine)  # until it is asked for
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        _ = engine.other
    deep = copy.deepcopy(detector)
    assert deep.engine_ is detector.engine_
    np.testing.assert_array_equal(deep.score_samples(NEW), scores)


def test_a_copy_is_shown_without_loading_its_models(fitted_on_tiny):
    own = pickle.loads(pickle.dumps(fitted_on_tiny))
    assert "PolarDetector" in own._repr_html_()  # newer scikit-learn shows what was fitted
    assert repr(own.engine_).startswith("Engine(model=LocalModel(")
    assert pickle.loads(pickle.dumps(own)).n_layers == fitted_on_tiny.n_layers
    assert "extractor" not in vars(own.engine_)
    own.score_samples(NEW[:1])  # control
    assert "extractor" in vars(own.engine_)


def test_a_pickled_detector_refuses_other_weights(tiny_folder, tiny_pair, tmp_path):
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    pickled = pickle.dumps(fit_fast(tiny_pair | {"model": str(folder)}))
    pickle.loads(pickled).predict(NEW[:1])  # control
    save_tiny(CONFIGS["llama"], folder, seed=1)
    with pytest.raises(ModelError, match=r"Got model '.*' with SHA-256 .*; expected .*fitted with"):
        pickle.loads(pickled).predict(NEW[:1])
    pickle.loads(pickled).fit(FEW).predict(NEW[:1])  # what it was fitted with is of no interest


@pytest.mark.slow
def test_threads_with_one_detector_take_turns(fitted_on_tiny, monkeypatch):
    scores = fitted_on_tiny.score_samples(NEW)
    extractor, n_inside = type(fitted_on_tiny.engine_.extractor), []
    own, busy = extractor.read, threading.Semaphore(1)

    def read(*given):
        is_alone = busy.acquire(blocking=False)
        n_inside.append(is_alone)
        time.sleep(0.05)
        found = own(*given)
        if is_alone:
            busy.release()
        return found

    monkeypatch.setattr(extractor, "read", read)
    found = []
    calls = (
        lambda: found.append(fitted_on_tiny.score_samples(NEW)),
        lambda: found.append(-fitted_on_tiny.assess(NEW).scores),
        lambda: PolarDetector(**fitted_on_tiny.get_params()).fit(FEW),  # with the same models
    )
    threads = [threading.Thread(target=call) for call in calls]
    for step in (threading.Thread.start, threading.Thread.join):
        for thread in threads:
            step(thread)
    assert all(n_inside)
    for each in found:
        np.testing.assert_array_equal(each, scores)


def test_scoring_starts_no_threads_that_a_forked_process_would_wait_for(
    fitted_on_tiny, monkeypatch
):
    seen, own, n_threads = [], tracer.batches, torch.get_num_threads()

    def batches(*given, **named):
        seen.append(torch.get_num_threads())
        return own(*given, **named)

    monkeypatch.setattr(tracer, "batches", batches)
    torch.set_num_threads(2)
    try:
        fitted_on_tiny.score_samples(NEW)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(n_threads)
    assert set(seen) == {1}


@pytest.mark.slow
def test_an_underflow_is_no_error_whatever_numpy_is_set_to(tiny_pair, fitted_on_tiny):
    with np.errstate(all="raise"):
        detector = fit_tiny(tiny_pair)
        scores = detector.assess(NEW).scores
    np.testing.assert_array_equal(scores, fitted_on_tiny.assess(NEW).scores)


def test_programs_of_other_texts_are_refused(fitted_on_tiny):
    with pytest.raises(
        InputError, match="Got programs_of 'foo'; expected all, flagged, none, searched"
    ):
        fitted_on_tiny.assess(NEW, programs_of="foo")


def test_an_assessment_says_where_programs_are_missing(fitted_on_tiny):
    assessment = fitted_on_tiny.assess(NEW + STRANGE, programs_of="flagged")
    with pytest.raises(InputError, match="programs of some texts; expected those of all"):
        _ = assessment.all_programs


def test_assessments_are_compared_by_identity(fitted_on_tiny):
    one, other = (fitted_on_tiny.assess(NEW[:2]) for _ in range(2))
    assert one == one  # noqa: PLR0124
    assert one != other
    assert len({one, other}) == 2


@pytest.mark.parametrize("n_different", [1, 2])
def test_training_texts_that_hardly_differ_give_scores_that_can_be_told_apart(
    n_different, tiny_pair
):
    with pytest.warns(TrainingWarning) if n_different == 1 else nullcontext():
        detector = fit_tiny(tiny_pair, NORMAL[:n_different] * 50)
    usual, *strange = -detector.score_samples([NORMAL[0], *STRANGE])
    assert usual < min(strange)
    assert max(strange) < 1e4
    assert len(set(strange)) == len(STRANGE)


@pytest.mark.parametrize("labelled", [[], ["cat", "dog"], ["cat"] * 9])
def test_a_classifier_without_labels_that_teach_is_refused_before_a_model_is_read(labelled):
    detector = PolarDetector("classifier", model="nowhere", encoder="nowhere")
    labels = np.arange(len(NORMAL) + len(labelled)) >= len(NORMAL)
    with pytest.raises(InputError, match=f"Got {len(labelled)} labelled anomalies; expected three"):
        detector.fit([*NORMAL, *labelled], labels)


def test_forty_normal_texts_are_enough_and_one_less_is_not(tiny_pair):
    assert np.isfinite(fit_fast(tiny_pair).score_samples(NEW)).all()
    with pytest.raises(InputError, match="Got 39 normal texts that are not empty; expected at le"):
        fit_tiny(tiny_pair, [*NORMAL[:39], "", "   "])
    labels = np.arange(60) >= 39
    with pytest.raises(InputError, match="Got 39 normal texts"):
        fit_tiny(tiny_pair, NORMAL, labels)
    with pytest.raises(InputError, match="Got 1 normal text that is not empty; expected at least"):
        fit_tiny(tiny_pair, NORMAL[:1])


@pytest.mark.slow
def test_a_few_strangers_among_the_normal_texts_need_not_hide_their_like(tiny_pair, tmp_path):
    spam = [f"Win a free cruise now, text {word} to 80062" for word in ("GO", "SUN", "SEA", "YES")]
    new = "Win a free cruise now, text FUN to 80062"
    scores, ranks = {}, {}
    for contamination in (0, 0.1):
        detector = PolarDetector(**tiny_pair, contamination=contamination, max_tokens=12)
        detector.fit([*NORMAL, *spam])
        own = -detector.score_samples([new, *NEW])
        scores[contamination], ranks[contamination] = own, (own[1:] >= own[0]).sum()
        detector.save(tmp_path / "detector")
        loaded = PolarDetector.load(tmp_path / "detector")
        np.testing.assert_array_equal(-loaded.score_samples([new, *NEW]), own)
        assert detector.assess([new]).neighbours[0][0] in spam  # what is shown is what is nearest
    assert ranks[0.1] == 0
    assert scores[0.1][0] - scores[0.1][1:].max() > 2 * (scores[0][0] - scores[0][1:].max())


@pytest.mark.slow
@pytest.mark.parametrize("kind", some_by_default(UNLABELLED, "auto"))
def test_what_cannot_pass_over_strangers_among_the_normal_texts_does_not_count(
    kind, tiny_pair, tmp_path
):
    groups = {}
    for contamination in (0, 0.1):
        detector = PolarDetector(kind, **tiny_pair, contamination=contamination, max_tokens=12)
        scores = detector.fit(FEW).score_samples(NEW)
        detector.save(tmp_path / "detector")
        assert PolarDetector.load(tmp_path / "detector").score_samples(NEW).tobytes() == (
            scores.tobytes()
        )
        features = detector.explain(NEW).features
        groups[contamination] = {f.group for f in features if not f.is_of_encoder("change")}
        has_changes = any(f.is_of_encoder("change") for f in features)
        assert has_changes == ("change" in groups[contamination])
    assert groups[0] - groups[0.1] == {"change"}


def test_topic_is_seen_where_neither_the_encoder_is_trusted_nor_changes_count(
    monkeypatch, tiny_pair
):
    monkeypatch.setattr("polar_detect.detectors.views.trust_in_encoder", lambda _: 0.0)
    for contamination in (0, 0.1):
        detector = PolarDetector(**tiny_pair, contamination=contamination, max_tokens=12).fit(FEW)
        views = detector.fitted_.head._fitted
        assert views.views[: views.n_topic].any(1).all()


@pytest.mark.parametrize("contamination", [-0.1, 0.5, 1, float("nan")])
def test_a_contamination_that_cannot_be_is_refused(contamination):
    with pytest.raises(InputError, match="expected the share of normal texts that may be anom"):
        PolarDetector(contamination=contamination).fit(NORMAL)


def test_contamination_needs_the_texts():
    with pytest.raises(InputError, match=r"Got contamination 0\.1 and no texts to be kept; exp"):
        PolarDetector(contamination=0.1, store_texts=False).fit(NORMAL)


def test_progress_counts_every_stage_to_its_end(fitted_on_tiny):
    seen = {}
    fitted_on_tiny.assess(
        NEW, progress=lambda stage, done, total: seen.setdefault(stage, []).append((done, total))
    )
    assert seen
    for steps in seen.values():
        assert steps[-1][0] == steps[-1][1] == len(NEW)
        assert [done for done, _ in steps] == sorted(done for done, _ in steps)


@pytest.mark.parametrize("method", METHODS)
def test_one_string_is_refused(fitted_on_tiny, method):
    with pytest.raises(InputError, match="Got one string; expected a sequence of texts"):
        getattr(fitted_on_tiny, method)("Pump leaks oil")


def test_fit_refuses_one_string():
    with pytest.raises(InputError, match="Got one string; expected a sequence of texts"):
        PolarDetector().fit("Pump leaks oil")


@pytest.mark.parametrize("value", [None, 3, float("nan"), b"oil"])
def test_what_is_not_text_is_refused_with_its_position(fitted_on_tiny, value):
    with pytest.raises(InputError, match=f"Got {type(value).__name__} at position 1; expected"):
        fitted_on_tiny.predict(["oil", value])


def test_no_texts_are_refused(fitted_on_tiny):
    with pytest.raises(InputError, match="Got no texts; expected at least one"):
        fitted_on_tiny.predict([])


def test_labels_of_another_length_are_refused():
    with pytest.raises(InputError, match="Got 2 labels for 60 texts; expected one each"):
        PolarDetector().fit(NORMAL, [True, False])


def test_an_unknown_detector_is_refused():
    with pytest.raises(InputError, match="Got detector 'forest'; expected one of auto"):
        PolarDetector("forest").fit(NORMAL)


def test_an_encoder_is_refused_as_language_model(minilm):
    with pytest.raises(ModelError, match="which is an encoder; expected a causal language model"):
        PolarDetector(model=minilm.name).fit(NORMAL)


def test_a_fit_on_normal_texts_that_are_all_the_same_warns(tiny_pair):
    detector = PolarDetector(**tiny_pair)
    same, labels = [*["Oil changed."] * 40, *STRANGE[:2]], [0] * 40 + [1] * 2
    expected = "all 40 normal texts say the same, so that any other will look strange; add others"
    with pytest.warns(TrainingWarning, match=expected):
        detector.fit(same, labels)
    detector.fit([*same, "Oil topped up."], [*labels, 0])  # control: a warning would be an error


def test_a_fit_on_texts_that_are_each_there_twice_warns(tiny_pair):
    detector = PolarDetector(**tiny_pair)
    pasted = [f"Checked part {i}." for i in range(20)] * 2
    with pytest.warns(TrainingWarning, match="each normal text is there 2 times, beside which"):
        detector.fit([*pasted, STRANGE[0]], [0] * 40 + [1])


@pytest.mark.parametrize("method", METHODS)
def test_a_detector_that_is_not_fitted_says_so(method):
    assert issubclass(UnfittedError, NotFittedError)
    with pytest.raises(UnfittedError, match="not fitted; expected a fitted one; call fit"):
        getattr(PolarDetector(), method)(NEW)


def test_an_unfitted_detector_is_not_saved(tmp_path):
    with pytest.raises(UnfittedError, match="not fitted; expected a fitted one; call fit"):
        PolarDetector().save(tmp_path / "detector")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_another_architecture_works_the_same_way(tiny_pair, tmp_path):
    folder = save_tiny(CONFIGS["gpt2"], tmp_path / "gpt2")
    detector = fit_tiny(tiny_pair | {"model": str(folder)}, FEW)
    assert auroc(np.repeat([0, 1], [7, 4]), -detector.score_samples(NEW[:7] + STRANGE)) > 0.85


@pytest.mark.parametrize(
    ("n_normal", "n_held_out"),
    [(6, 2), (40, 19), (100, 19), (150, 39), (300, 79), (396, 99), (400, 100), (2000, 200)],
)
def test_a_quarter_is_held_out_at_most_a_hundred_or_a_tenth(n_normal, n_held_out):
    texts = [f"text {i}" for i in range(n_normal)]
    parts = Parted.at_random(texts, seed=0)
    train, held_out = parts.train, parts.held_out
    assert len(held_out) == n_held_out
    assert n_normal == 6 or rate_at(0.05, n_held_out) > 0.0495  # of the .05 that is asked for
    assert sorted([*train, *held_out]) == sorted(texts)


def test_programs_start_from_the_loss_that_reading_found_and_do_not_run_the_full_one(
    detector, assessed
):
    texts = NEW + STRANGE
    extractor, menu = detector.engine_.extractor, detector.normal_programs().menu
    rows = extractor.tracer.tokenize(texts)
    executor, tolerance = extractor.tracer.executor, detector.tolerance
    anew = menu.minimal_programs(executor, rows, tolerance=tolerance)
    # The first layers run anyhow, for the programs that are tried.
    n_saved = {detector.n_layers, detector.n_layers - executor.backbone.n_precise}
    for found, other in zip(assessed.programs, anew, strict=True):
        assert found.program == other.program
        assert found.full_loss == pytest.approx(other.full_loss, abs=0.01)
        assert other.layer_calls - found.layer_calls in n_saved


def test_searched_programs_are_each_texts_own_and_change_nothing_else(detector, assessed):
    texts = [*NEW, *STRANGE, ""]
    searched = detector.assess(texts, programs_of="searched")
    np.testing.assert_array_equal(searched.scores, [*assessed.scores, np.nan])
    np.testing.assert_array_equal(searched.p_values, [*assessed.p_values, np.nan])
    rows = detector.engine_.extractor.tracer.tokenize(texts)
    executor = Executor(detector.engine_.extractor.tracer.backbone)
    anew = find_minimal_programs(executor, rows, tolerance=detector.tolerance)
    assert searched.programs[:-1] == tuple(anew[:-1])  # their losses too: all are verified
    for program in searched.programs[:-1]:
        assert program.loss <= program.full_loss + detector.tolerance
    menu = detector.normal_programs().menu.programs
    assert any(found.program not in menu for found in searched.programs)


def test_searched_programs_are_those_of_search_where_the_quick_form_errs(
    fitted_on_tiny, monkeypatch
):
    measure = Executor.final_losses

    def rough(self, batch, texts, states, places, *, precise=False):
        losses = measure(self, batch, texts, states, places, precise=precise)
        error = torch.sin(1000 * states[places].sum((1, 2)))
        return losses if precise else losses + error

    monkeypatch.setattr(Executor, "final_losses", rough)
    rows = fitted_on_tiny.engine_.extractor.tracer.tokenize(NEW)
    executor = Executor(fitted_on_tiny.engine_.extractor.tracer.backbone)

    def searched(verification):
        return find_minimal_programs(
            executor, rows, tolerance=fitted_on_tiny.tolerance, verification=verification
        )

    found = list(fitted_on_tiny.assess(NEW, programs_of="searched").programs)
    assert found == searched("curve")  # as `polar-detect search` asks
    assert found != searched("minimal")  # control


# Memory


def test_a_fit_has_one_share_of_memory_for_states_and_leaves_no_points_laid_out(
    tiny_pair, monkeypatch
):
    made = []

    class Watched(spill.Spill):
        def __init__(self):
            made.append(self)
            super().__init__()

    for module in (fitting, extraction):
        monkeypatch.setattr(module, "Spill", Watched)
    fresh = fit_fast(tiny_pair)
    assert len(made) == 1
    reference = fresh.fitted_.reference
    for index in (reference.tokens, reference.encoder_tokens):
        assert "_weights" not in vars(index)
    fresh.score_samples(NEW[:1])
    assert "_weights" in vars(reference.tokens)  # control


def test_long_texts_are_read_few_at_a_time_to_the_same_scores(fitted_on_tiny, monkeypatch):
    texts = [*NEW[:6], " ".join(NEW[:8])]
    expected, read = fitted_on_tiny.score_samples(texts), []

    def watched(self, own, read_as=Extractor.read):
        read.append([len(text) for text in own])
        return read_as(self, own)

    monkeypatch.setattr(Extractor, "read", watched)
    monkeypatch.setattr(assessing, "_CHUNK_TOKENS", 25)  # of four letters each
    np.testing.assert_array_equal(fitted_on_tiny.score_samples(texts), expected)
    assert [n for own in read for n in own] == sorted(map(len, texts))
    assert all(len(own) == 1 or sum(own) <= 100 for own in read)
    assert len(read[0]) > 1
    read.clear()
    monkeypatch.setattr(assessing, "_CHUNK_TOKENS", fitted_on_tiny.max_tokens + 64)
    fitted_on_tiny.score_samples([*NEW[:6], "pump " * 1000])  # models read no more of a text
    assert len(read) == 1


def test_japanese_texts_and_numbers_are_read_fewer_at_a_time_than_as_long_english_texts(
    fitted_on_tiny, monkeypatch
):
    read = []

    def watched(self, own, read_as=Extractor.read):
        read.append(len(own))
        return read_as(self, own)

    monkeypatch.setattr(Extractor, "read", watched)
    monkeypatch.setattr(assessing, "_CHUNK_TOKENS", 50)
    cases = (("pump leaked ", 8), ("油圧ポンプから油漏れ。", 2), ("x: 1.25; y: 98.", 4))
    for text, expected in cases:
        read.clear()
        fitted_on_tiny.score_samples([f"{text}{i}" for i in range(8)])
        assert max(read) == expected


def test_all_texts_in_their_order_are_no_copy(fitted_on_tiny):
    readings = fitted_on_tiny.engine_.extractor.read(NEW[:3])
    assert readings.rows(np.arange(3)) is readings
    assert readings.rows(np.arange(2)).texts == tuple(NEW[:2])
    assert readings.rows(np.asarray([0, 2, 1])).texts == (NEW[0], NEW[2], NEW[1])


def test_a_detector_that_joblib_maps_from_a_file_scores_the_same_without_a_warning(
    fitted_on_tiny, tmp_path
):
    joblib.dump(fitted_on_tiny, tmp_path / "detector.joblib")
    mapped = joblib.load(tmp_path / "detector.joblib", mmap_mode="r")
    assert not mapped.fitted_.reference.tokens.points.flags.writeable
    expected = fitted_on_tiny.score_samples(STRANGE)
    np.testing.assert_array_equal(mapped.score_samples(STRANGE), expected)
    assert mapped.assess(STRANGE).neighbours == fitted_on_tiny.assess(STRANGE).neighbours


def test_only_detectors_that_read_programs_want_their_whole_curves(
    boosted, fitted_on_tiny, monkeypatch
):
    own, asked = Extractor.minimal_programs, []

    def minimal_programs(self, *args, wants_curves=False, **options):
        asked.append(wants_curves)
        return own(self, *args, wants_curves=wants_curves, **options)

    monkeypatch.setattr(Extractor, "minimal_programs", minimal_programs)
    boosted.assess(NEW[:2])
    fitted_on_tiny.assess(NEW[:2])
    assert asked == [True, False]
