import threading
import time

import pytest
import torch

from polar_detect.numerics.lanes import in_calling_thread, lanes, n_lanes, overlap, spread


@pytest.fixture(params=[1, 2, 3])
def n_threads(request):
    """Give torch so many threads; other tests get back what they had."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@torch.no_grad()
def test_results_come_in_the_order_of_the_items_whatever_the_number_of_threads(n_threads):
    assert n_threads == torch.get_num_threads()
    assert spread(lambda i: i * i, range(20)) == [i * i for i in range(20)]
    assert spread(lambda i: i, []) == []


def test_each_of_those_that_overlap_can_count_on_one_lane(n_threads):
    assert n_lanes() == n_threads
    assert spread(lambda _: n_lanes(), [0]) == [n_threads]
    assert set(overlap(lambda _: n_lanes(), range(3))) == {1}


@torch.no_grad()
def test_every_operation_runs_on_one_thread_and_the_items_on_as_many_as_there_were(n_threads):
    meeting = threading.Barrier(n_threads)  # passes only where all lanes work at the same time

    def meet(_):
        meeting.wait(timeout=300)
        return torch.get_num_threads(), threading.get_ident()

    seen = spread(meet, range(2 * n_threads))
    assert {threads for threads, _ in seen} == {1}
    assert len({lane for _, lane in seen}) == n_threads


def test_the_number_of_threads_comes_back_after_errors_and_nesting(n_threads):
    def fail():
        with lanes():
            with lanes():
                assert torch.get_num_threads() == 1
            assert torch.get_num_threads() == 1
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert torch.get_num_threads() == n_threads


def test_gradients_are_recorded_in_the_calling_thread(n_threads):
    del n_threads
    weight = torch.ones(3, requires_grad=True)
    parts = spread(lambda i: (weight * i).sum(), range(4))
    (gradient,) = torch.autograd.grad(sum(parts), weight)
    assert gradient.tolist() == [6, 6, 6]


def test_overlapping_functions_share_the_lanes_and_keep_the_order(n_threads):
    def squares(n):
        assert torch.get_num_threads() == 1
        with torch.no_grad():
            return spread(lambda i: (i * i, threading.get_ident()), range(n))

    found = overlap(squares, range(2, 9))
    assert [[square for square, _ in row] for row in found] == [
        [i * i for i in range(n)] for n in range(2, 9)
    ]
    assert len({lane for row in found for _, lane in row}) <= n_threads
    assert torch.get_num_threads() == n_threads


def test_as_many_functions_overlap_as_there_are_threads(n_threads):
    meeting = threading.Barrier(n_threads)  # passes only where so many are under way
    overlap(lambda _: meeting.wait(timeout=300), range(2 * n_threads))


def test_overlapping_functions_have_the_callers_gradient_mode_and_hand_errors_on(n_threads):
    with torch.no_grad():
        assert overlap(lambda _: torch.is_grad_enabled(), range(3)) == [False] * 3
    assert overlap(lambda _: torch.is_grad_enabled(), range(3)) == [True] * 3
    with pytest.raises(ZeroDivisionError):
        overlap(lambda i: 1 // i, range(3))
    assert torch.get_num_threads() == n_threads


@pytest.mark.parametrize("n_threads", [2], indirect=True)
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_overlapping_functions_end_soon_once_one_of_them_has_failed(n_threads, error):
    del n_threads
    works, end = threading.Event(), time.monotonic() + 20

    def work(i):
        if not i:
            works.wait(timeout=300)
            raise error
        while time.monotonic() < end:
            spread(abs, [1])
            works.set()

    with pytest.raises(error):
        overlap(work, range(2))
    assert time.monotonic() < end
    assert overlap(lambda i: spread(abs, [i]), range(3)) == [[0], [1], [2]]  # and others begin


def test_what_is_left_to_the_calling_thread_is_called_there_while_it_waits(n_threads):
    called, goes_on = [], threading.Event()

    def call(i):
        called.append((i, threading.get_ident()))
        goes_on.set()

    def work(i):
        in_calling_thread(lambda: call(i))
        assert goes_on.wait(timeout=300)  # so it is not left until all have ended

    overlap(work, range(4))
    assert sorted(called) == [(i, threading.get_ident()) for i in range(4)]
    assert n_threads == torch.get_num_threads()


def test_an_error_of_what_is_left_to_the_calling_thread_ends_the_overlap(n_threads):
    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        overlap(lambda _: in_calling_thread(fail), range(3))
    assert n_threads == torch.get_num_threads()


def test_lanes_leave_the_modes_of_the_caller_and_give_them_back():
    with torch.autocast("cpu", torch.bfloat16), torch.inference_mode(), torch.device("meta"):
        with lanes():
            assert not torch.is_autocast_enabled("cpu")
            assert not torch.is_inference_mode_enabled()
            assert not torch.is_grad_enabled()
            assert torch.zeros(1).device.type == "cpu"
        assert torch.is_autocast_enabled("cpu")
        assert torch.is_inference_mode_enabled()
        assert torch.zeros(1).device.type == "meta"
    with lanes():
        assert torch.is_grad_enabled()  # control: nobody had turned them off
