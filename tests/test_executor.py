import weakref

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from some_by_default import some_by_default
from test_determinism import threads
from tiny_models import CONFIGS, MAX_POSITIONS, random_rows, rearranged, tiny_model, tiny_tokenizer

from polar_detect.backbone.decoder import Backbone
from polar_detect.backbone.packing import padded_lengths
from polar_detect.errors import ProgramError
from polar_detect.executor import decoder
from polar_detect.executor import schedule as schedules
from polar_detect.executor.batches import batches
from polar_detect.executor.decoder import Executor
from polar_detect.executor.schedule import Job
from polar_detect.numerics import block_sizes
from polar_detect.numerics.block_sizes import random_states
from polar_detect.program import Program
from polar_detect.programs.criteria import MarginExecutor

FULL = Program.full(5)
PROGRAMS = [
    FULL,
    FULL.skip(2),
    FULL.skip(2).skip(3),
    FULL.repeat(1, 2, 3),
    Program((4, 3, 2, 2, 0)),
    Program((3,)),
    Program(()),
]


@pytest.fixture(
    scope="module", params=some_by_default(["llama", "gemma3", "gpt2"], "llama", "gemma3")
)
def backbone(request):
    return Backbone(tiny_model(CONFIGS[request.param]), tiny_tokenizer(), quick_dtype=torch.float32)


@pytest.fixture(scope="module")
def llama():
    return Backbone(tiny_model(CONFIGS["llama"]), tiny_tokenizer(), quick_dtype=torch.float32)


@torch.no_grad()
def loss_by_hand(backbone, program, row, prefix=()):
    """Return the loss of a program on one text alone, by the model's own forward."""
    ids = torch.tensor([[backbone.start_token, *prefix, *row]])
    logits = rearranged(backbone.model, program.layers)(input_ids=ids, use_cache=False).logits[0]
    losses = torch.nn.functional.cross_entropy(logits[:-1], ids[0, 1:], reduction="none")
    return losses[len(prefix) :].mean().item()


def losses_of(backbone, rows, programs, *, prefixes=None, max_batch_tokens=4096):
    """Return (n_texts, n_programs) precise losses; NaN for texts without tokens."""
    executor = Executor(backbone)
    out = np.full((len(rows), len(programs)), np.nan)
    for batch in batches(rows, backbone, prefixes=prefixes, max_batch_tokens=max_batch_tokens):
        jobs = [Job(text, program) for text in range(len(batch)) for program in programs]
        losses = executor.losses(batch, jobs, precise=True)
        out[batch.index] = losses.reshape(len(batch), len(programs))
    return out


def only_batch(rows, backbone, **options):
    (batch,) = batches(rows, backbone, **options)
    return batch


# Batches


@given(st.integers(1, 2000))
def test_padding_is_little_and_never_negative(n_tokens):
    (padded,) = padded_lengths(np.asarray([n_tokens]))
    assert n_tokens <= padded < n_tokens + 32
    assert padded_lengths(np.asarray([padded])) == padded


@given(
    st.lists(st.integers(0, 40), max_size=12),
    st.integers(1, 200),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=50)
def test_batches_hold_every_text_with_tokens_once_and_score_exactly_its_tokens(
    llama, lengths, max_batch_tokens, reads_last, has_prefixes
):
    rows = random_rows(*lengths)
    prefixes = random_rows(*reversed(lengths), seed=1) if has_prefixes else None
    seen = []
    for batch in batches(
        rows,
        llama,
        prefixes=prefixes,
        reads_last=reads_last,
        max_batch_tokens=max_batch_tokens,
    ):
        n_tokens = batch.lengths if batch.lengths is not None else [batch.n_tokens] * len(batch)
        assert len(batch) == 1 or sum(n_tokens) <= max_batch_tokens
        for r, i in enumerate(batch.index):
            prefix = prefixes[i] if has_prefixes else []
            assert batch.targets[r][batch.is_target[r]].tolist() == rows[i]
            text = batch.input_ids[r][batch.is_text[r]].tolist()
            assert text in ([rows[i]] if reads_last else [rows[i], rows[i][:-1]])
            n_fed = len(prefix) + len(rows[i]) + reads_last
            fed = batch.input_ids[r, :n_fed].tolist()
            assert fed == [llama.start_token, *prefix, *rows[i]][:n_fed]
        seen.extend(batch.index.tolist())
    assert sorted(seen) == [i for i, row in enumerate(rows) if row]


def test_the_rows_of_a_batch_are_the_batch_of_these_texts_only(llama):
    batch = only_batch(random_rows(5, 6, 7), llama)
    part = batch.rows([2, 0])
    assert part.index.tolist() == [batch.index[2], batch.index[0]]
    for name in ("input_ids", "targets", "is_target", "is_text", "embedded"):
        assert torch.equal(getattr(part, name), getattr(batch, name)[[2, 0]])


def test_no_texts_make_no_batches(llama):
    assert list(batches([], llama)) == []
    assert list(batches([[], []], llama)) == []


# Losses


def test_losses_equal_the_rearranged_model_on_each_text_alone(backbone):
    rows = random_rows(9, 1, 12, 6)
    result = losses_of(backbone, rows, PROGRAMS)
    expected = [[loss_by_hand(backbone, p, row) for p in PROGRAMS] for row in rows]
    np.testing.assert_allclose(result, expected, atol=1e-5)
    # Control: programs differ by far more than that.
    assert np.abs(np.diff(result, axis=1)).min(1).max() > 1e-3


def test_shared_prefixes_equal_independent_runs(backbone):
    rows = random_rows(10)
    alone = [losses_of(backbone, rows, [program])[0, 0] for program in PROGRAMS]
    np.testing.assert_allclose(losses_of(backbone, rows, PROGRAMS)[0], alone, atol=1e-5)


def test_more_states_than_one_block_holds_change_nothing(llama, monkeypatch):
    rows = random_rows(9, 10, 11)
    expected = losses_of(llama, rows, PROGRAMS)
    monkeypatch.setattr(block_sizes, "_BLOCK_TOKENS", (24,))
    np.testing.assert_allclose(losses_of(llama, rows, PROGRAMS), expected, atol=1e-5)


def test_jobs_in_any_order_get_their_own_losses(llama):
    rows = random_rows(9, 10)
    batch = only_batch(rows, llama)
    jobs = [Job(1, PROGRAMS[1]), Job(0, PROGRAMS[0]), Job(1, PROGRAMS[1]), Job(0, PROGRAMS[4])]
    expected = losses_of(llama, rows, PROGRAMS)
    np.testing.assert_allclose(
        Executor(llama).losses(batch, jobs, precise=True),
        [expected[1, 1], expected[0, 0], expected[1, 1], expected[0, 4]],
        atol=1e-5,
    )


def test_a_prefix_conditions_the_text_but_is_not_scored(backbone):
    rows = random_rows(9, 5, 7)
    prefixes = [*random_rows(6, 3, seed=1), []]
    result = losses_of(backbone, rows, PROGRAMS, prefixes=prefixes)
    expected = [
        [loss_by_hand(backbone, p, row, prefix) for p in PROGRAMS]
        for row, prefix in zip(rows, prefixes, strict=True)
    ]
    np.testing.assert_allclose(result, expected, atol=1e-5)
    without = losses_of(backbone, rows, PROGRAMS)
    np.testing.assert_allclose(result[2], without[2], atol=1e-5)  # an empty prefix is none
    assert np.abs(result[:2, 0] - without[:2, 0]).min() > 1e-3


def test_a_prefix_without_room_is_cut_from_its_left(llama):
    (row,) = random_rows(10)
    prefix = random_rows(MAX_POSITIONS + 20, seed=1)[0]
    room = MAX_POSITIONS - 1 - len(row)
    result = losses_of(llama, [row], PROGRAMS, prefixes=[prefix])
    expected = losses_of(llama, [row], PROGRAMS, prefixes=[prefix[-room:]])
    np.testing.assert_array_equal(result, expected)
    other = losses_of(llama, [row], PROGRAMS, prefixes=[prefix[-room + 1 :]])
    assert (result != other).any()  # control: no more than needed is cut
    (longest,) = random_rows(MAX_POSITIONS - 1, seed=2)
    alone = losses_of(llama, [longest], PROGRAMS)
    np.testing.assert_array_equal(losses_of(llama, [longest], PROGRAMS, prefixes=[prefix]), alone)


def test_quick_losses_are_near_precise_ones_but_rounded():
    backbone = Backbone(tiny_model(CONFIGS["llama"]), tiny_tokenizer(), quick_dtype=torch.bfloat16)
    batch = only_batch(random_rows(9, 10, 11, 12), backbone)
    jobs = [Job(text, program) for text in range(4) for program in PROGRAMS]
    gaps = np.abs(
        Executor(backbone).losses(batch, jobs)
        - Executor(backbone).losses(batch, jobs, precise=True)
    )
    assert 0 < gaps.mean() < 0.05


@pytest.mark.parametrize("method", ["losses", "screened"])
def test_final_states_are_gone_before_the_next_ones_are_made(llama, monkeypatch, method):
    executor, batch = Executor(llama), only_batch(random_rows(9), llama)
    monkeypatch.setattr(schedules, "MOST_NUMBERS", 2 * batch.embedded[0].numel())
    run, made = executor._run, []

    def watched(*args, **options):
        assert [own() for own in made] == [None] * len(made)
        states = run(*args, **options)
        made.append(weakref.ref(states))
        return states

    monkeypatch.setattr(executor, "_run", watched)
    jobs = [Job(0, program) for program in PROGRAMS]
    ceilings = (np.full(len(jobs), np.inf, np.float32),) if method == "screened" else ()
    getattr(executor, method)(batch, jobs, *ceilings)
    assert len(made) == 4


@pytest.mark.parametrize("quick_dtype", [torch.float32, torch.bfloat16])
def test_only_what_is_low_over_the_common_words_is_read_out_whole(quick_dtype, monkeypatch):
    monkeypatch.setattr("polar_detect.backbone.read_out._COMMON", 80)
    monkeypatch.setattr("polar_detect.backbone.read_out._PIECE", 40)
    backbone = Backbone(tiny_model(CONFIGS["llama"]), tiny_tokenizer(), quick_dtype=quick_dtype)
    executor, other = Executor(backbone), Executor(backbone)
    batch, again = (only_batch(random_rows(5, 9, 13), backbone) for _ in range(2))
    jobs = [Job(text, program) for text in range(3) for program in PROGRAMS]
    expected = executor.losses(batch, jobs)
    everything = other.screened(again, jobs, np.full(len(jobs), np.inf, np.float32))
    np.testing.assert_array_equal(everything.losses, expected)
    assert other.spent == executor.spent
    assert (everything.common < expected - 0.1).all()  # control: there are rare words
    ceilings = np.resize([np.inf, -np.inf, *everything.common[2:5]], len(jobs)).astype(np.float32)
    found = Executor(backbone).screened(batch, jobs, ceilings)
    np.testing.assert_array_equal(found.common, everything.common)
    is_low = everything.common <= ceilings
    np.testing.assert_array_equal(found.losses, np.where(is_low, expected, np.nan))
    assert 0 < is_low.sum() < len(jobs)


def test_a_model_whose_words_are_all_common_does_not_screen(llama, monkeypatch):
    assert not Executor(llama).screens
    monkeypatch.setattr("polar_detect.backbone.read_out._COMMON", 80)
    assert Executor(llama).screens
    assert not MarginExecutor(Executor(llama), 1.0).screens


def test_no_jobs_have_no_losses(llama):
    executor = Executor(llama)
    losses = executor.losses(only_batch(random_rows(4), llama), [])
    assert (losses.shape, losses.dtype) == ((0,), np.float32)
    assert not executor.spent


def test_a_job_with_a_layer_that_the_model_lacks_is_refused(llama):
    batch = only_batch(random_rows(4), llama)
    with pytest.raises(ProgramError, match=r"Got layer 5 in program '0-5'.* layers 0 to 4"):
        Executor(llama).losses(batch, [Job(0, FULL), Job(0, Program.full(6))])


def test_so_many_states_are_held_together_as_memory_allows(llama, monkeypatch):
    rows = random_rows(9, 10, 11)
    batch, whole = only_batch(rows, llama), Executor(llama)
    jobs = [Job(text, program) for text in range(3) for program in PROGRAMS]
    expected = whole.losses(batch, jobs[::-1])
    n_slots = []

    def run(executor, batch, starts, schedule, *, precise, own=Executor._run):
        n_slots.append(schedule.n_slots)
        return own(executor, batch, starts, schedule, precise=precise)

    monkeypatch.setattr(Executor, "_run", run)
    monkeypatch.setattr(schedules, "MOST_NUMBERS", 9 * batch.embedded[0].numel())
    some = Executor(llama)
    losses = some.losses(only_batch(rows, llama), jobs[::-1])
    np.testing.assert_array_equal(losses, expected)
    assert some.spent == whole.spent
    assert len(n_slots) == 3
    assert max(n_slots) <= 9


def test_few_final_states_are_copied_at_a_time_to_be_read_out(llama, monkeypatch):
    batch, executor = only_batch(random_rows(9, 10, 11), llama), Executor(llama)
    jobs = [Job(text, program) for text in range(3) for program in PROGRAMS]
    expected = executor.losses(batch, jobs)
    n_states = []

    def mean_losses(self, batch, texts, states, *, precise=False, own=Executor.mean_losses):
        n_states.append(len(states))
        return own(self, batch, texts, states, precise=precise)

    monkeypatch.setattr(Executor, "mean_losses", mean_losses)
    monkeypatch.setattr(decoder, "_READ_TOKENS", 4 * batch.n_tokens)
    np.testing.assert_array_equal(executor.losses(batch, jobs), expected)
    assert sum(n_states) == len(jobs)
    assert max(n_states) == 4


# What is spent


def test_layer_calls_are_counted_by_text_with_shared_prefixes_once(llama):
    executor = Executor(llama)
    rows = [[], *random_rows(9, 10)]  # the text without tokens moves the others' places
    batch = only_batch(rows, llama)
    executor.losses(batch, [Job(0, FULL), Job(0, FULL.skip(4)), Job(1, Program((4, 4)))])
    assert llama.n_precise == 1
    assert executor.spent == {1: 5, 2: 2}
    executor.losses(batch, [Job(0, FULL.skip(0))])
    assert executor.spent == {1: 9, 2: 2}
    # What multiplies in float32 in either form runs once for all that is asked of a batch.
    executor.losses(batch, [Job(0, FULL), Job(1, FULL), Job(1, FULL.skip(1))], precise=True)
    assert executor.spent == {1: 13, 2: 10}


@pytest.mark.parametrize("precise", [False, True])
def test_what_ran_once_for_a_batch_changes_no_loss(llama, precise):
    executor, batch = Executor(llama), only_batch(random_rows(9, 10), llama)
    programs = [FULL, FULL.skip(0), FULL.skip(2), Program((0, 0, 3)), Program((1,)), Program(())]
    jobs = [Job(text, program) for program in programs for text in range(2)]
    together = executor.losses(batch, jobs, precise=precise)
    again = executor.losses(batch, jobs, precise=precise)
    apart = [
        executor.losses(only_batch(random_rows(9, 10), llama), [job], precise=precise)[0]
        for job in jobs
    ]
    np.testing.assert_array_equal(together, again)
    np.testing.assert_array_equal(together, apart)
    assert len(set(together.tolist())) == len(jobs)  # control


def test_a_slope_counts_as_three_calls_and_that_of_a_first_call_as_one(llama, monkeypatch):
    n_rows = []
    monkeypatch.setattr(type(llama), "apply", counting(n_rows, type(llama).apply))
    monkeypatch.setattr(type(llama), "pull_back", counting(n_rows, type(llama).pull_back, 2))
    executor = Executor(llama)
    programs = [FULL, Program((0, 1)), Program((3, 4)), Program((2,)), Program(())]
    executor.slopes(only_batch(random_rows(*[9] * 5), llama), programs)
    assert executor.spent == {0: 13, 1: 4, 2: 4, 3: 1, 4: 0}
    assert sum(n_rows) == executor.spent.total()  # what really ran


def counting(n_rows, call, n_calls=1):
    def counted(backbone, layer, hidden, *others, **options):
        n_rows.append(n_calls * len(hidden))
        return call(backbone, layer, hidden, *others, **options)

    return counted


# Slopes


def independent_slopes(backbone, program, row):
    """Gradient · (before − after), each gradient from its own forward of one text alone."""
    ids = torch.tensor([[backbone.start_token, *row]])
    targets = ids[0, 1:]
    states = [backbone.embed(ids[:, :-1])]
    for layer in program:
        states.append(backbone.apply(layer, states[-1], form="precise").detach())
    slopes = []
    for call in range(len(program)):
        after = states[call + 1].clone().requires_grad_()
        end = after
        for layer in program.layers[call + 1 :]:
            end = backbone.apply(layer, end, form="precise")
        loss = torch.nn.functional.cross_entropy(backbone.logits(end[0]), targets)
        (gradient,) = torch.autograd.grad(loss, after)
        slopes.append((gradient * (states[call] - after.detach())).sum().item())
    return slopes


SLOPED = [FULL, FULL.skip(1), FULL.repeat(2, 2), Program((3, 0, 0, 4)), Program(())]


def test_slopes_equal_gradients_taken_one_call_at_a_time(backbone):
    rows = random_rows(9, 10, 11, 12, 10)
    slopes = Executor(backbone).slopes(only_batch(rows, backbone), SLOPED)
    for program, row, loss, skips in zip(SLOPED, rows, slopes.losses, slopes.skips, strict=True):
        expected = independent_slopes(backbone, program, row)
        np.testing.assert_allclose(skips, expected, atol=1e-4, rtol=1e-4)
        assert loss == pytest.approx(loss_by_hand(backbone, program, row), abs=1e-5)
        assert len(skips) == len(program)
    assert np.abs(slopes.skips[0]).min() > 1e-3


@torch.no_grad()
def test_slopes_are_the_change_of_the_loss_per_share_of_a_call_left_out(llama):
    (row,) = random_rows(9)
    batch = only_batch([row], llama)
    slopes = Executor(llama).slopes(batch, [FULL])

    def loss_with_share_left_out(call, share):
        hidden = llama.embed(batch.input_ids)
        for layer in FULL:
            after = llama.apply(layer, hidden, form="precise")
            hidden = after + share * (hidden - after) if layer == call else after
        return Executor(llama).mean_losses(batch, torch.tensor([0]), hidden).item()

    share = 1e-2
    measured = [
        (loss_with_share_left_out(i, share) - loss_with_share_left_out(i, -share)) / (2 * share)
        for i in range(5)
    ]
    np.testing.assert_allclose(slopes.skips[0], measured, rtol=0.02, atol=2e-3)


def test_what_is_read_back_is_the_loss_and_its_gradient(backbone):
    batch = only_batch(random_rows(9, 10, 12), backbone)
    states = random_states(*batch.embedded.shape)
    losses, gradient = Executor(backbone).read_back(batch, states)
    given = states.clone().requires_grad_()
    every = torch.arange(len(batch))
    expected = Executor(backbone).mean_losses(batch, every, given, precise=True)
    (slope,) = torch.autograd.grad(expected.sum(), given)
    torch.testing.assert_close(losses, expected.detach(), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(gradient, slope, atol=1e-6, rtol=1e-4)
    assert not gradient[~batch.is_target].any()
    assert gradient[batch.is_target].any(1).all()
    assert not losses.requires_grad


def test_what_is_read_back_is_the_same_in_any_company_and_number_of_threads(real):
    batch = only_batch([[7, 8, 9], [12, 11, 10], [400, 500, 600]], real)
    states = random_states(*batch.embedded.shape)
    losses, gradient = Executor(real).read_back(batch, states)
    with threads(1):
        alone = [Executor(real).read_back(batch.rows([i]), states[i : i + 1]) for i in range(3)]
    assert torch.equal(losses, torch.cat([own for own, _ in alone]))
    assert torch.equal(gradient, torch.cat([own for _, own in alone]))


def test_slopes_do_not_depend_on_the_company(backbone):
    rows = random_rows(9, 10, 11, 12, 10)
    together = Executor(backbone).slopes(only_batch(rows, backbone), SLOPED)
    for i, (row, program) in enumerate(zip(rows, SLOPED, strict=True)):
        alone = Executor(backbone).slopes(only_batch([row], backbone), [program])
        np.testing.assert_allclose(together.skips[i], alone.skips[0], atol=1e-4)
        np.testing.assert_allclose(together.losses[i], alone.losses[0], atol=1e-5)


def test_the_empty_program_has_a_loss_and_no_slopes(llama):
    (row,) = random_rows(9)
    slopes = Executor(llama).slopes(only_batch([row], llama), [Program(())])
    assert slopes.losses[0] == pytest.approx(loss_by_hand(llama, Program(()), row), abs=1e-5)
    assert slopes.skips[0].shape == (0,)


def test_slopes_leave_no_gradients_behind_and_no_trace_of_themselves(llama):
    batch = only_batch(random_rows(9), llama)
    before = Executor(llama).losses(batch, [Job(0, FULL)], precise=True)
    Executor(llama).slopes(batch, [FULL])
    assert all(parameter.grad is None for parameter in llama.model.parameters())
    assert Executor(llama).losses(batch, [Job(0, FULL)], precise=True) == before
