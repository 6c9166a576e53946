"""Decoders with more around their blocks than a look-up, a norm and a head.

The oracle is plain transformers: the model's own forward with its list of blocks rearranged.
"""

from types import MethodType

import pytest
import torch
from some_by_default import some_by_default
from test_determinism import threads
from tiny_models import (
    CONFIGS,
    MAX_POSITIONS,
    SURROUNDED,
    random_rows,
    rearranged,
    save_tiny,
    tiny_model,
    tiny_tokenizer,
)
from torch import nn
from transformers.modeling_outputs import BaseModelOutputWithPast
from work_orders import NORMAL

from polar_detect import PolarDetector
from polar_detect.backbone.decoder import Backbone
from polar_detect.errors import InputError, ModelError
from polar_detect.executor.batches import batches
from polar_detect.executor.decoder import Executor
from polar_detect.executor.schedule import Job
from polar_detect.numerics.block_sizes import random_states
from polar_detect.program import Program
from polar_detect.signature.reading.tracer import Tracer

FULL = Program.full(5)
PROGRAMS = [FULL, FULL.skip(0), FULL.skip(4), FULL.repeat(1, 2, 3), Program((4, 3, 2, 2, 0))]
TEXTS = ["the pump leaks oil and the valve is stuck", "a", "the valve is stuck again"]


@pytest.fixture(
    scope="module", params=some_by_default(SURROUNDED, "opt-350m", "modernbert-decoder")
)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("surrounded")
    return {name: save_tiny(config, root / name) for name, config in SURROUNDED.items()}


@pytest.fixture(scope="module")
def backbone(kind, folders):
    return Backbone.load(folders[kind], quick_dtype=torch.float32)


@pytest.fixture(scope="module")
def quick(kind, folders):
    return Backbone.load(folders[kind], quick_dtype=torch.bfloat16)


@pytest.fixture(scope="module")
def oracle(kind):
    return tiny_model(SURROUNDED[kind])


@torch.no_grad()
def loss_by_hand(model, program, row):
    """Return the loss of a program on one text alone, by the model's own forward."""
    ids = torch.tensor([[0, *row]])
    logits = rearranged(model, program.layers)(input_ids=ids, use_cache=False).logits[0]
    return nn.functional.cross_entropy(logits[:-1], ids[0, 1:]).item()


def losses_of(backbone, rows, programs, **options):
    """Return the losses of programs by text, a list for each."""
    found = [None] * len(rows)
    for batch in batches(rows, backbone):
        jobs = [Job(text, program) for text in range(len(batch)) for program in programs]
        losses = Executor(backbone).losses(batch, jobs, **options)
        for place, own in zip(batch.index, losses.reshape(len(batch), -1), strict=True):
            found[place] = own.tolist()
    return found


def test_losses_of_programs_are_those_of_the_rearranged_model(backbone, oracle):
    rows = random_rows(1, 12)
    usual, precise = (losses_of(backbone, rows, PROGRAMS, precise=own) for own in (False, True))
    for i, row in enumerate(rows):
        expected = [loss_by_hand(oracle, program, row) for program in PROGRAMS]
        assert usual[i] == pytest.approx(expected, abs=1e-5)
        assert precise[i] == pytest.approx(expected, abs=1e-5)
        assert min(abs(expected[0] - other) for other in expected[1:]) > 1e-4  # control


def test_exact_curves_are_those_of_the_rearranged_model(backbone, oracle):
    traces = Tracer(backbone, curves="exact").trace(TEXTS)
    for i, row in enumerate(backbone.tokenize(TEXTS, 40)):
        full = loss_by_hand(oracle, FULL, row)
        skips = [loss_by_hand(oracle, FULL.skip(layer), row) - full for layer in range(5)]
        loops = [loss_by_hand(oracle, FULL.repeat(layer, 1, 2), row) - full for layer in range(5)]
        assert traces.loss[i] == pytest.approx(full, abs=1e-5)
        assert traces.skip[i] == pytest.approx(skips, abs=1e-5)
        assert traces.loop[i] == pytest.approx(loops, abs=1e-5)
        assert traces.exit[i, -1] == pytest.approx(full, abs=1e-5)


def test_gradients_by_last_states_are_those_of_the_whole_way_to_the_logits(backbone):
    states, targets = random_states(70, 32), torch.arange(70)
    losses, gradients = backbone.read_back(states, targets)
    given = states.clone().requires_grad_()
    expected = nn.functional.cross_entropy(backbone.logits(given), targets, reduction="none")
    torch.testing.assert_close(losses, expected.detach())
    torch.testing.assert_close(gradients, torch.autograd.grad(expected.sum(), given)[0])
    moments, same = backbone.token_moments_back(states, targets)
    torch.testing.assert_close(moments.losses, losses)
    torch.testing.assert_close(same, gradients)


def test_quick_losses_are_near_and_have_the_same_bits_in_any_company(quick, oracle):
    rows = random_rows(*[9] * 40, 3)
    together = losses_of(quick, rows, PROGRAMS)
    with threads(2):
        alone = [losses_of(quick, [row], PROGRAMS)[0] for row in rows[-4:]]
    assert together[-4:] == alone
    expected = loss_by_hand(oracle, FULL, rows[0])
    assert together[0][0] == pytest.approx(expected, abs=0.05)


def test_traces_keep_states_of_the_size_that_layers_have(backbone):
    traces = Tracer(backbone).trace(TEXTS)
    assert traces.trajectory.shape == (3, 6, 32)
    n_depths, _, hidden = traces.tokens.texts[0].states.shape
    assert (n_depths, hidden) == (len(Tracer(backbone).token_depths), 32)


def test_a_model_is_asked_for_no_positions_that_it_has_not(kind, backbone):
    most = MAX_POSITIONS - (2 if kind == "roberta" else 0)  # it counts from behind the padding's
    assert backbone.max_positions == most
    (row,) = random_rows(most - 1)
    (losses,) = losses_of(backbone, [row], [FULL])
    assert losses[0] == pytest.approx(loss_by_hand(backbone.model, FULL, row), abs=1e-5)
    with pytest.raises(InputError, match=f"Got max_tokens {most}; expected 1 to {most - 1}"):
        backbone.tokenize(["a"], most)


@pytest.mark.parametrize("name", ["opt-350m", "electra"])
def test_what_is_multiplied_before_the_blocks_has_the_same_bits_in_any_company(name, folders):
    backbone = Backbone.load(folders[name])
    ids = torch.tensor(random_rows(*[5] * 40))
    together = backbone.embed(ids)
    for n_rows in (1, 3, 7, 13):
        assert torch.equal(backbone.embed(ids[-n_rows:]), together[-n_rows:])


@pytest.mark.slow
def test_a_detector_reads_with_a_model_that_has_projections_at_either_end(folders):
    detector = PolarDetector(model=str(folders["opt-350m"]), max_tokens=16).fit(NORMAL[:40])
    scores = detector.score_samples([NORMAL[0], "))) 7731 ??"])
    assert scores[0] > scores[1]


# What leads from the last block to the head


class _Head(nn.Module):
    """Logits of what is behind another layer, which no list of modules shows."""

    def __init__(self, *, looks):
        super().__init__()
        self.looks, self.dense = looks, nn.Linear(32, 32)
        self.words = nn.Linear(32, 128, bias=False)

    def forward(self, states):
        return self.words(self.looks(self.dense(states)))


def with_head(head):
    """Return a tiny Llama with a head inside which another one has a row for each word."""
    model = tiny_model(CONFIGS["llama"])
    model.lm_head = head
    model.get_output_embeddings = lambda: model.lm_head.words
    return model


def test_functions_between_the_last_block_and_the_head_are_kept():
    model = with_head(_Head(looks=torch.tanh))
    backbone = Backbone(model, tiny_tokenizer(), quick_dtype=torch.float32)
    (row,) = random_rows(9)
    for program in PROGRAMS:
        ((loss,),) = losses_of(backbone, [row], [program])
        assert loss == pytest.approx(loss_by_hand(model, program, row), abs=1e-5)
    assert isinstance(model.lm_head.words, nn.Linear)  # a copy was taken apart


def test_a_head_that_looks_at_other_tokens_is_refused():
    model = with_head(_Head(looks=lambda states: states.cumsum(1)))
    with pytest.raises(ModelError, match="replayed logits differ by"):
        Backbone(model, tiny_tokenizer())


def of_linear_blocks(finish, *, begin=torch.clone):
    """Return a tiny Llama of linear blocks, with something of `finish`'s behind the last one."""
    model = tiny_model(CONFIGS["llama"])

    def forward(self, input_ids, **_):
        hidden = begin(self.embed_tokens(input_ids))
        for layer in self.layers:
            hidden = layer(hidden)
        return BaseModelOutputWithPast(last_hidden_state=finish(self, hidden))

    model.model.layers = nn.ModuleList([nn.Linear(32, 32) for _ in range(5)])
    model.model.side = nn.Linear(32, 32)
    model.model.forward = MethodType(forward, model.model)
    return model


@pytest.mark.parametrize("leads_on", [True, False])
def test_of_two_modules_that_get_the_last_states_the_one_that_leads_to_the_head_counts(leads_on):
    def finish(model, hidden):
        aside = model.side(hidden)
        return model.norm(aside if leads_on else hidden)

    model = of_linear_blocks(finish)
    backbone = Backbone(model, tiny_tokenizer(), quick_dtype=torch.float32)
    (row,) = random_rows(9)
    for program in PROGRAMS:
        ((loss,),) = losses_of(backbone, [row], [program])
        assert loss == pytest.approx(loss_by_hand(model, program, row), abs=1e-5)


def test_a_model_whose_blocks_get_more_states_than_there_are_tokens_is_refused():
    def with_prompt(hidden):
        return torch.cat([hidden[:, :1] * 0 + 1, hidden], 1)

    model = of_linear_blocks(lambda model, hidden: model.norm(hidden[:, 1:]), begin=with_prompt)
    message = r"states of \(2, 5\) tokens have the shape \(2, 6, 32\)\); expected a decoder"
    with pytest.raises(ModelError, match=message):
        Backbone(model, tiny_tokenizer())
    plain = of_linear_blocks(lambda model, hidden: model.norm(hidden))
    assert Backbone(plain, tiny_tokenizer()).n_layers == 5  # control


class _Waits(nn.Linear):
    """A block that the model's own forward has to make ready."""

    is_ready = False

    def forward(self, states):
        if not self.is_ready:
            raise RuntimeError("not ready")
        return super().forward(states)


def test_blocks_that_the_first_run_of_the_model_changes_are_called_as_they_are_behind_it():
    # BigBird's blocks get another attention when the model first reads a short text.
    model = of_linear_blocks(lambda model, hidden: model.norm(hidden))
    model.model.layers = nn.ModuleList([_Waits(32, 32) for _ in range(5)])

    def make_ready(*_):
        for block in model.model.layers:
            block.is_ready = True

    model.model.register_forward_pre_hook(make_ready)
    backbone = Backbone(model, tiny_tokenizer(), quick_dtype=torch.float32)
    assert backbone.apply(0, random_states(1, 3, 32)).isfinite().all()
