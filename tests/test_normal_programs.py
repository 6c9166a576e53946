"""Programs of normal texts wait until they are asked for, and are then those of a fit at once."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
from work_orders import NEW, NORMAL, STRANGE

from polar_detect.detector import PolarDetector
from polar_detect.errors import InputError
from polar_detect.progress import Tracker
from polar_detect.signature.extraction import Extractor
from polar_detect.signature.normal_programs import NormalPrograms, ProgramPlan


@pytest.fixture
def searches(monkeypatch):
    """Return a list that grows by the texts of every search for a menu."""
    found = []
    own = Extractor.menu

    def menu(self, texts, **settings):
        found.append(list(texts))
        return own(self, texts, **settings)

    monkeypatch.setattr(Extractor, "menu", menu)
    return found


@pytest.fixture(scope="module")
def unasked(tiny_pair):
    """Return a detector that nothing is ever asked of; tests ask its copies."""
    detector = PolarDetector(**tiny_pair)
    detector.fit(NORMAL)
    assert isinstance(detector.fitted_.programs, ProgramPlan)
    return detector


@pytest.fixture
def fresh(unasked):
    """Return a detector that nothing was asked of since it was fitted."""
    assert isinstance(unasked.fitted_.programs, ProgramPlan)  # no test has asked the one of all
    detector = copy.copy(unasked)
    detector.fitted_ = replace(unasked.fitted_)
    return detector


def same(one: NormalPrograms, other: NormalPrograms) -> bool:
    np.testing.assert_array_equal(one.menu.harms, other.menu.harms)
    np.testing.assert_array_equal(one.typical_calls, other.typical_calls)
    assert one.typical_length == other.typical_length
    return one.menu.programs == other.menu.programs


def test_scores_flags_and_reasons_need_no_programs(fresh, searches):
    texts = NEW + STRANGE
    fresh.score_samples(texts)
    fresh.predict(texts)
    fresh.decision_function(texts)
    explanation = fresh.explain(texts)
    assert isinstance(fresh.fitted_.programs, ProgramPlan)
    assert searches == []
    assessment = fresh.assess(texts)  # control
    assert len(searches) == 1
    np.testing.assert_array_equal(explanation.values, assessment.explanation.values)


@pytest.mark.parametrize(
    "ask",
    [
        lambda detector, _: detector.assess(NEW),
        lambda detector, _: detector.assess(STRANGE, programs_of="flagged"),
        lambda detector, folder: detector.save(folder / "detector"),
        lambda detector, _: detector.normal_programs(),
    ],
    ids=["assess", "flagged", "save", "programs"],
)
def test_they_are_searched_once_when_they_are_asked_for(fresh, searches, tmp_path, ask):
    ask(fresh, tmp_path)
    ask(fresh, tmp_path)
    assert isinstance(fresh.fitted_.programs, NormalPrograms)
    (texts,) = searches
    assert set(texts) < set(NORMAL)


def test_a_search_for_each_text_needs_no_menu(fresh, searches):
    assert all(fresh.assess(NEW, programs_of="searched").programs)
    assert searches == []


def test_where_nothing_is_flagged_none_is_searched(fresh, searches):
    is_usual = fresh.predict(NORMAL) == 1
    usual = [text for text, keep in zip(NORMAL, is_usual, strict=True) if keep][:5]
    assert fresh.assess(usual, programs_of="flagged").programs == (None,) * 5
    assert searches == []


def test_wrong_input_is_refused_before_the_search(fresh, searches):
    with pytest.raises(InputError, match="Got"):
        fresh.assess([1, 2])
    assert searches == []


def test_texts_without_tokens_alone_wait_for_no_search(fresh, searches):
    empty = ["", " \n", "é"]  # nothing, and nothing that the tiny tokenizer knows
    waited_for_none = fresh.assess(empty)
    assert searches == []
    searched = fresh.assess([*empty, NEW[0]])  # control
    assert len(searches) == 1
    for own, other in zip(waited_for_none.programs, searched.programs[:3], strict=True):
        assert own.program == other.program
        assert np.isnan([own.loss, own.full_loss, other.loss, other.full_loss]).all()
        assert own.is_valid is other.is_valid is False


def test_they_are_the_same_whenever_and_wherever_they_are_searched(
    fresh, fitted_on_tiny, textless, tmp_path
):
    """Also in a copy by pickle, in a fit that keeps no texts, and with other settings since."""
    expected = fitted_on_tiny.normal_programs()
    copied = pickle.loads(pickle.dumps(fresh))
    fresh.set_params(tolerance=0.5, seed=3)
    assert same(fresh.normal_programs(), expected)
    assert same(copied.normal_programs(), expected)
    fresh.save(tmp_path / "detector")
    loaded = PolarDetector.load(tmp_path / "detector")
    assert same(loaded.normal_programs(), expected)
    assert same(textless.fitted_.programs, expected)


@pytest.mark.parametrize("settings", [{"store_texts": False}, {"detector": "isolation-forest"}])
@pytest.mark.slow
def test_a_fit_that_keeps_no_texts_or_reads_programs_searches_at_once(
    tiny_pair, searches, settings
):
    detector = PolarDetector(**tiny_pair, max_tokens=8, **settings).fit(NORMAL[:40])
    assert isinstance(detector.fitted_.programs, NormalPrograms)
    assert len(searches) == 1


def test_the_search_tells_how_far_it_is(fresh):
    told = []
    fresh.assess(NEW, progress=lambda *said: told.append(said))
    stages = list(dict.fromkeys(stage for stage, _, _ in told))
    assert stages == ["search programs for the menu", "programs of held-out texts", "score"]
    for stage in stages:
        assert [done == total for name, done, total in told if name == stage][-1]


@pytest.mark.parametrize(("n_train", "n_searched"), [(30, 8), (450, 18), (2000, 24)])
def test_one_training_text_of_25_is_searched_and_the_seed_says_which(fresh, n_train, n_searched):
    readings = fresh.engine_.extractor.read(NEW)
    texts = [f"text {i}" for i in range(n_train)]
    plans = [ProgramPlan.of(texts * 2, readings, tolerance=0.1, seed=seed) for seed in (0, 0, 1)]
    assert [len(set(plan.searched)) for plan in plans] == [n_searched] * 3
    assert plans[0].searched == plans[1].searched != plans[2].searched


def test_typical_programs_are_those_of_held_out_texts(fresh):
    plan = fresh.fitted_.programs
    held_out = set(fresh.fitted_.reference.texts[-fresh.fitted_.reference.n_joined :])
    assert set(plan.held_out) <= held_out
    assert not held_out & set(plan.searched)
    found = fresh.normal_programs()
    programs = fresh.assess(plan.held_out).programs
    counts = np.asarray([p.program.counts(fresh.n_layers) for p in programs])
    np.testing.assert_array_equal(found.typical_calls, counts.mean(0))
    assert found.typical_length == counts.sum(1).mean()
    shorter = replace(plan, held_out=plan.held_out[:1], full=plan.full[:1])
    first = shorter.searched_by(fresh.engine_.extractor, Tracker(None))
    np.testing.assert_array_equal(first.typical_calls, counts[0])
