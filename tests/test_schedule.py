from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from polar_detect.executor import schedule as schedules
from polar_detect.executor.schedule import Job, plan
from polar_detect.program import Program

programs = st.lists(st.integers(0, 4), max_size=8).map(tuple).map(Program)
jobs_of_few_texts = st.lists(st.builds(Job, st.integers(0, 3), programs), max_size=12)


def prefixes(jobs):
    """All distinct (text, layers) with at least one layer that the jobs pass through."""
    return {
        (job.text, job.program.layers[:n]) for job in jobs for n in range(1, len(job.program) + 1)
    }


def run_symbolically(schedule):
    """Run a schedule with (text, layers so far) for states; return slots and states made."""
    slots = [None] * schedule.n_slots
    for text, slot in schedule.roots:
        slots[slot] = (text, ())
    made = []
    for step in schedule.steps:
        read = [slots[slot] for slot in step.sources]
        written = [(text, (*layers, step.layer)) for text, layers in read]
        for slot, state in zip(step.targets, written, strict=True):
            slots[slot] = state
        made.extend(written)
    return slots, made


@given(jobs_of_few_texts)
def test_every_job_ends_in_the_state_that_its_own_program_makes(jobs):
    # A state overwritten before its last use would end in another program's state.
    schedule = plan(jobs)
    slots, _ = run_symbolically(schedule)
    ends = [slots[slot] for slot in schedule.ends]
    assert ends == [(job.text, job.program.layers) for job in jobs]


@given(jobs_of_few_texts)
def test_each_distinct_prefix_of_a_text_runs_exactly_once(jobs):
    _, made = run_symbolically(plan(jobs))
    assert Counter(made) == Counter(prefixes(jobs))


@given(jobs_of_few_texts)
def test_calls_count_the_distinct_prefixes_of_each_text(jobs):
    expected = Counter(text for text, _ in prefixes(jobs))
    assert Counter(dict(plan(jobs).calls)) == expected


@given(jobs_of_few_texts)
def test_slots_are_distinct_within_a_step_and_never_more_than_states(jobs):
    schedule = plan(jobs)
    n_texts = len({job.text for job in jobs})
    assert schedule.n_slots <= len(prefixes(jobs)) + n_texts
    for step in schedule.steps:
        assert len(step.sources) == len(step.targets) == len(set(step.targets))
        assert all(0 <= slot < schedule.n_slots for slot in (*step.sources, *step.targets))
        # Rows of a step may be read and written in any order.
        pairs = zip(step.sources, step.targets, strict=True)
        assert all(target == own or target not in step.sources for own, target in pairs)


@given(jobs_of_few_texts)
def test_the_smallest_layer_that_some_state_waits_for_runs_first_with_all_who_wait(jobs):
    schedule = plan(jobs)
    waiting = prefixes(jobs)
    reached = {(job.text, ()) for job in jobs}
    for step in schedule.steps:
        ready = {(text, layers) for text, layers in waiting if (text, layers[:-1]) in reached}
        smallest = min(layers[-1] for _, layers in ready)
        together = {state for state in ready if state[1][-1] == smallest}
        assert step.layer == smallest
        assert len(step.targets) == len(together)
        waiting -= together
        reached |= together
    assert not waiting


def test_one_edit_programs_share_their_prefixes():
    full = Program.full(10)
    jobs = [Job(0, full.skip(i)) for i in range(10)]
    alone = sum(len(job.program) for job in jobs)
    assert alone == 90
    assert plan(jobs).calls[0] == len(prefixes(jobs)) == 54


def test_a_single_program_needs_one_slot_however_long_it_is():
    assert plan([Job(0, Program.full(30).repeat(3, 4))]).n_slots == 1
    # Control: two programs that part need two.
    assert plan([Job(0, Program((0, 1))), Job(0, Program((0, 2)))]).n_slots == 2


def test_texts_never_share_states():
    schedule = plan([Job(text, Program.full(3)) for text in range(4)])
    assert len(schedule.steps) == 3
    assert all(len(step.targets) == 4 for step in schedule.steps)
    assert len(set(schedule.ends)) == 4


def test_a_repeated_job_shares_its_state():
    schedule = plan([Job(0, Program.full(3))] * 2)
    assert schedule.ends[0] == schedule.ends[1]
    assert schedule.calls == {0: 3}


def test_the_empty_program_ends_where_the_text_starts():
    schedule = plan([Job(7, Program(()))])
    assert schedule.steps == ()
    assert schedule.roots == ((7, schedule.ends[0]),)


def test_no_jobs_need_no_slots():
    schedule = plan([])
    assert (schedule.roots, schedule.steps, schedule.ends, schedule.n_slots) == ((), (), (), 0)
    assert schedules.held_together([], 1) == []


@given(jobs_of_few_texts, st.integers(1, 8))
def test_jobs_that_are_held_together_are_few_and_those_of_a_text_not_parted_by_others(jobs, most):
    n_numbers = schedules.MOST_NUMBERS // most
    groups = schedules.held_together(jobs, n_numbers)
    assert sorted(place for group in groups for place in group) == list(range(len(jobs)))
    assert all(len(group) <= most for group in groups)
    of_many = [group for group in groups if len({jobs[i].text for i in group}) > 1]
    assert all(len(group) <= max(1, most // 4) for group in of_many)
    for text in {job.text for job in jobs}:
        own = [[i for i in group if jobs[i].text == text] for group in groups]
        alone = [job for job in jobs if job.text == text]
        expected = [[alone[i] for i in g] for g in schedules.held_together(alone, n_numbers)]
        assert [[jobs[i] for i in places] for places in own if places] == expected
