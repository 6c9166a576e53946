"""What a long run tells of how far it is, and the bars that show it."""

import threading

import pytest
import torch
from work_orders import NEW, NORMAL

from polar_detect import PolarDetector, Report, SignatureTransformer, screen
from polar_detect.errors import InputError
from polar_detect.progress import Tracker, told


@pytest.fixture(scope="module")
def seen(tiny_pair):
    """Return what was told of a fit, an assessment and a report: by whom, and in which order."""
    seen, threads_before = [], torch.get_num_threads()

    def progress(stage, done, total):
        seen.append((threading.get_ident(), stage, done, total))

    torch.set_num_threads(2)  # or no texts are searched by other threads
    try:
        detector = PolarDetector(**tiny_pair).fit(NORMAL, progress=progress)
        detector.assess(NEW, programs_of="searched", progress=progress)
        Report.of(detector, NEW, progress=progress)
    finally:
        torch.set_num_threads(threads_before)
    return seen


def steps(seen, name):
    return [done for *_, stage, done, _ in seen if stage == name]


def test_a_caller_is_told_in_its_own_thread(seen):
    assert {thread for thread, *_ in seen} == {threading.get_ident()}


@pytest.mark.parametrize(
    "stage", ["search programs for the menu", "programs of held-out texts", "score"]
)
def test_a_search_for_programs_tells_of_each_text_that_it_is_through_with(seen, stage):
    own = steps(seen, stage)
    assert own[0] == 0
    assert len(set(own)) > 5


def test_a_report_is_a_stage_too(seen):
    assert steps(seen, "report") == [0, len(NEW)]


def test_parts_of_texts_are_told_as_whole_ones_and_all_are_done_in_the_end():
    found = []
    tracker = Tracker(lambda *own: found.append(own))
    with tracker.stage("score", 7).part(7) as part:
        for _ in range(8):
            part.advance_by(0.7)(1)
        part.advance(100)
    assert found == [("score", n, 7) for n in range(6)] + [("score", 7, 7)]


def test_a_part_that_follows_a_run_goes_on_by_the_shares_of_its_stages():
    found = []
    tracker = Tracker(lambda _, done, __: found.append(done))
    with tracker.stage("screen", 10).part(10) as part:
        tell = part.following({"read": 0.3, "score": 0.5})
        for stage, done in (("read", 0), ("read", 2), ("other", 2), ("score", 1), ("score", 2)):
            tell(stage, done, 2)
        assert found == [0, 3, 5, 8]
    assert found[-1] == 10


@pytest.mark.slow
def test_each_fold_of_a_screening_tells_of_its_fit(tiny_pair):
    own = []
    screen(
        NORMAL[:60],
        PolarDetector(**tiny_pair, max_tokens=8),
        progress=lambda stage, done, _: stage == "screen" and own.append(done),
    )
    assert own == sorted(own)
    assert len(own) > 15  # five folds
    assert own[-1] == len(set(NORMAL[:60]))


def test_a_transformer_tells_how_far_it_is(tiny_pair):
    seen = []
    transformer = SignatureTransformer(**tiny_pair, programs=True, max_tokens=8)

    def tell(*own):
        seen.append(own)

    transformer.fit_transform(NORMAL[:12], progress=tell)
    stages = ["read texts", "search programs for the menu", "normal texts", "minimal programs"]
    assert list(dict.fromkeys(stage for stage, *_ in seen)) == stages
    seen.clear()
    transformer.transform(NEW, progress=tell)
    assert list(dict.fromkeys(stage for stage, *_ in seen)) == [stages[0], stages[-1]]
    assert seen[-1] == ("minimal programs", len(NEW), len(NEW))
    seen.clear()
    transformer.fit(NORMAL[:12], progress=tell)
    assert seen[0] == ("read texts", 0, 12)


def test_true_shows_a_bar_for_each_stage(fitted_on_tiny, capsys):
    fitted_on_tiny.assess(NEW, progress=True)
    out, shown = capsys.readouterr()
    assert out == ""
    assert f"score: 100%|██████████| {len(NEW)}/{len(NEW)} [" in shown
    for silent in (None, False):
        fitted_on_tiny.assess(NEW, progress=silent)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("method", ["score_samples", "decision_function", "predict", "explain"])
def test_whatever_takes_its_time_shows_bars(fitted_on_tiny, method, capsys):
    getattr(fitted_on_tiny, method)(NEW, progress=True)
    assert "score: 100%" in capsys.readouterr().err


def test_a_bar_ends_where_its_run_fails_and_none_is_drawn_for_nothing(capsys):
    with pytest.raises(ZeroDivisionError), told(True) as tell:  # noqa: PT012 - both in the block
        tracker = Tracker(tell)
        tracker.stage("read texts", 0)
        tracker.stage("screen", 4).advance(1)
        raise ZeroDivisionError
    shown = capsys.readouterr().err
    assert "hold against the others:  25%" in shown
    assert shown.endswith("\n")
    assert "read texts" not in shown


def test_a_stage_that_goes_on_after_its_end_gets_another_bar(capsys):
    with told(True) as tell:
        tracker = Tracker(tell)
        for _ in range(2):
            tracker.stage("minimal programs", 3).advance(3)
    shown = capsys.readouterr().err
    assert "| 3/3 [" in shown
    assert "| 6/6 [" in shown


@pytest.mark.parametrize("progress", ["yes", 1, []])
def test_what_can_show_no_progress_is_refused(fitted_on_tiny, progress):
    with pytest.raises(InputError, match=r"Got progress .*; expected True for bars, or a function"):
        fitted_on_tiny.assess(NEW, progress=progress)


def test_bars_are_left_out_where_there_is_nowhere_to_show_them(monkeypatch):
    monkeypatch.setattr("sys.stderr", None)  # as in a window of its own, without a console
    with told(True) as tell:
        assert tell is None
