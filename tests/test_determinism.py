"""The same text has the same results to the last bit, in any company, for any thread count."""

import contextlib
from dataclasses import fields

import numpy as np
import pytest
import torch
from some_by_default import some_by_default
from tiny_models import CONFIGS, tiny_model, tiny_tokenizer
from work_orders import NORMAL

from polar_detect.backbone.decoder import Backbone
from polar_detect.executor.batches import batches
from polar_detect.executor.decoder import Executor
from polar_detect.executor.schedule import Job
from polar_detect.program import Program
from polar_detect.programs.menu import Menu
from polar_detect.programs.minimal import find_minimal_programs
from polar_detect.search import guided
from polar_detect.signature.normal.neighbours import nearest
from polar_detect.signature.reading.tracer import Tracer

TEXTS = [
    "the pump leaks",
    "set an alarm for 6 am tomorrow",
    "how do i say good morning in french",
    "what is the balance on my checking account, and is there a fee if it falls below fifty?",
    "x",
    "valve replaced, pressure test passed, released for service by the shift lead at noon",
]
COMPANY = [f"{text} {i}" for i in range(5) for text in NORMAL[:6]]
PROGRAMS = ["0-29", "0-11 15-29", "0-9 [10-12]x2 13-29", "0-3 20-29"]


@contextlib.contextmanager
def threads(n):
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def default_of(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


# What a notebook may have set when it calls.
MODES = {
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "inference": torch.inference_mode,
    "float64": lambda: default_of(torch.float64),
    "device": lambda: torch.device("meta"),  # of which no tensor has a value
}


def tiny(name):
    return Backbone(tiny_model(CONFIGS[name]), tiny_tokenizer(), quick_dtype=torch.bfloat16)


def losses_of(backbone, texts, programs, *, max_batch_tokens=4096, precise=False):
    rows = backbone.tokenize(texts, 40)
    found = np.full((len(rows), len(programs)), np.nan, np.float32)
    for batch in batches(rows, backbone, max_batch_tokens=max_batch_tokens):
        jobs = [Job(row, program) for row in range(len(batch)) for program in programs]
        losses = Executor(backbone).losses(batch, jobs, precise=precise)
        found[batch.index] = losses.reshape(len(batch), -1)
    return found


def check_losses(backbone, programs, *, precise, company=COMPANY, n_threads=(1, 2, 3)):
    alone = np.concatenate(
        [losses_of(backbone, [text], programs, precise=precise) for text in TEXTS]
    )
    assert np.isfinite(alone).all()
    order = np.random.default_rng(0).permutation(len(TEXTS))
    mixed = [*company, *(TEXTS[i] for i in order), *company[:7]]
    for n, max_batch_tokens in zip(n_threads, (4096, 300, 4096), strict=False):
        with threads(n):
            found = losses_of(
                backbone, mixed, programs, max_batch_tokens=max_batch_tokens, precise=precise
            )
        np.testing.assert_array_equal(found[len(company) :][: len(TEXTS)], alone[order])
    assert len(np.unique(alone)) == alone.size  # nothing is equal because all is


@pytest.mark.parametrize("precise", [False, True])
@pytest.mark.parametrize("name", some_by_default(["llama", "gemma3", "gpt2", "qwen2-moe"], "llama"))
def test_losses_of_any_architecture_are_the_same_bits_in_any_company(name, precise):
    full = Program.full(5)
    # Texts enter a mixture of experts one by one, which takes its time over each.
    company = COMPANY[:8] if name == "qwen2-moe" else COMPANY
    programs = [full, full.skip(2), full.repeat(1, 2)]
    check_losses(tiny(name), programs, precise=precise, company=company)


@pytest.mark.slow
@pytest.mark.parametrize("precise", [False, True])
def test_losses_of_the_real_model_are_the_same_bits_in_any_company(real, precise):
    programs = [Program.parse(text) for text in PROGRAMS[2 if precise else 0 :]]
    check_losses(real, programs, precise=precise, company=COMPANY[:4], n_threads=(1, 2))


def arrays_of(traces, row):
    whole, tokens = traces.rows([row]), traces.tokens.texts[row]
    arrays = [getattr(whole, field.name) for field in fields(whole) if field.name != "tokens"]
    return [*arrays, tokens.states, tokens.losses]


@pytest.mark.parametrize("curves", some_by_default(["none", "first-order", "exact"], "first-order"))
def test_traces_are_the_same_bits_in_any_company(curves):
    tracer = Tracer(tiny("llama"), curves=curves)
    alone = [arrays_of(tracer.trace([text]), 0) for text in TEXTS]
    for n_threads in (1, 2):
        with threads(n_threads):
            together = tracer.trace([*COMPANY, *TEXTS])
        for row, expected in enumerate(alone, len(COMPANY)):
            for found, own in zip(arrays_of(together, row), expected, strict=True):
                np.testing.assert_array_equal(found, own)


@pytest.mark.slow
@pytest.mark.parametrize("curves", ["none", "first-order"])
def test_traces_of_the_real_model_are_the_same_bits_in_any_company(real, curves):
    tracer = Tracer(real, curves=curves)
    together = tracer.trace([*COMPANY[:9], *TEXTS])
    for row, text in enumerate(TEXTS[:4]):
        with threads(1 + row % 2):
            own = arrays_of(tracer.trace([text]), 0)
        for found, expected in zip(arrays_of(together, 9 + row), own, strict=True):
            np.testing.assert_array_equal(found, expected)


def essence(minimal):
    return minimal.program, minimal.loss, minimal.full_loss, minimal.layer_calls, minimal.curve


@pytest.mark.slow
def test_minimal_programs_of_the_real_model_are_the_same_in_any_company(real):
    rows = real.tokenize(TEXTS[:2], 8)
    company = real.tokenize(COMPANY[:2], 8)
    executor = Executor(real)
    together = find_minimal_programs(executor, [*company, *rows, *rows[::-1]])
    menu = Menu(tuple(Program.parse(text) for text in PROGRAMS))
    from_menu = menu.minimal_programs(executor, [*company, *rows], tolerance=0.5)
    fitted = Menu.fit(executor, company, tolerance=0.3)
    from_fitted = fitted.minimal_programs(executor, [*company, *rows], tolerance=0.3)
    for i, row in enumerate(rows):
        with threads(1 + i % 2):
            (alone,) = find_minimal_programs(executor, [row])
            (chosen,) = menu.minimal_programs(executor, [row], tolerance=0.5)
            (served,) = fitted.minimal_programs(executor, [row], tolerance=0.3)
        assert essence(together[2 + i]) == essence(together[-1 - i]) == essence(alone)
        assert essence(from_menu[2 + i]) == essence(chosen)
        assert essence(from_fitted[2 + i]) == essence(served)
    assert len({minimal.program for minimal in together}) > 1


def everything(assessment, row):
    program, shown = assessment.programs[row], assessment.explanation
    return [
        assessment.scores[row], assessment.p_values[row], shown.data[row], shown.values[row],
        np.asarray(program.program.layers), np.float64([program.loss, program.full_loss]),
        np.asarray(assessment.neighbours[row]),
    ]  # fmt: skip


def test_assessments_are_the_same_bits_in_any_order_chunk_company_and_for_any_threads(
    fitted_on_minilm, monkeypatch
):
    mixed = [*COMPANY, *TEXTS, TEXTS[1]]
    together = fitted_on_minilm.assess(mixed)
    alone = [everything(fitted_on_minilm.assess([text]), 0) for text in TEXTS]
    order = np.random.default_rng(1).permutation(len(mixed))
    monkeypatch.setattr("polar_detect.pipeline.assessing.ASSESS_CHUNK", 5)
    with threads(2):
        shuffled = fitted_on_minilm.assess([mixed[i] for i in order])
    place = {old: new for new, old in enumerate(order.tolist())}
    for row, expected in enumerate([*alone, alone[1]], len(COMPANY)):
        for assessment, at in ((together, row), (shuffled, place[row])):
            for found, own in zip(everything(assessment, at), expected, strict=True):
                np.testing.assert_array_equal(found, own)
    np.testing.assert_array_equal(-fitted_on_minilm.score_samples(TEXTS[2:3]), alone[2][0])


def results_of(backbone):
    rows = backbone.tokenize(TEXTS[:1], 40)
    programs = find_minimal_programs(Executor(backbone), rows, search=guided)
    traces = Tracer(backbone, curves="first-order").trace(TEXTS[:1])
    losses = losses_of(backbone, TEXTS[:1], [Program((0, 1, 1, 3))], precise=True)
    return [*map(essence, programs)], [losses, *arrays_of(traces, 0)]


@pytest.fixture(scope="module")
def in_no_mode(tiny_folder):
    """Return a backbone and what it makes of a text."""
    backbone = Backbone.load(tiny_folder, quick_dtype=torch.bfloat16)
    return backbone, results_of(backbone)


@pytest.mark.parametrize("mode", some_by_default(MODES, "autocast"))
def test_programs_and_traces_are_the_same_bits_in_any_mode_of_torch(mode, in_no_mode, tiny_folder):
    before, (programs, arrays) = in_no_mode
    with MODES[mode]():
        within = Backbone.load(tiny_folder, quick_dtype=torch.bfloat16)
        found = results_of(before)
    for own_programs, own_arrays in (found, results_of(within)):
        assert own_programs == programs
        for own, expected in zip(own_arrays, arrays, strict=True):
            np.testing.assert_array_equal(own, expected)


@pytest.mark.parametrize("mode", some_by_default(MODES, "autocast"))
def test_assessments_are_the_same_bits_in_any_mode_of_torch(mode, fitted_on_tiny):
    expected = everything(fitted_on_tiny.assess(TEXTS[:1]), 0)
    with MODES[mode]():
        found = everything(fitted_on_tiny.assess(TEXTS[:1]), 0)
    for own, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(own, other)


def test_neighbours_are_the_same_bits_in_any_company():
    rng = np.random.default_rng(0)
    points = rng.standard_normal((90, 384), np.float32)
    queries = rng.standard_normal((70, 384), np.float32)
    together = nearest(queries, points, k=5)
    for row in (0, 33, 69):
        alone = nearest(queries[row : row + 1], points, k=5)
        np.testing.assert_array_equal(alone.similarity[0], together.similarity[row])
        np.testing.assert_array_equal(alone.index[0], together.index[row])
