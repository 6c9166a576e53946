import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from some_by_default import some_by_default
from tiny_models import CONFIGS, GEMMA2, MAX_POSITIONS, tiny_model, tiny_tokenizer

from polar_detect.backbone.decoder import Backbone
from polar_detect.backbone.tokenizing import MAX_TOKENS
from polar_detect.errors import InputError
from polar_detect.executor.batches import batches
from polar_detect.executor.decoder import Executor
from polar_detect.executor.schedule import Job
from polar_detect.program import Program
from polar_detect.signature.reading.tracer import Tracer
from polar_detect.signature.reading.traces import Traces

TEXTS = [
    "The pump leaks oil.",
    "x",
    "The valve of the second press is stuck again and was replaced.",
    "Bearing hot; greased",
    "Oil!",
    "the pump is stuck",
]
FULL = Program.full(5)
CURVES = ("skip", "loop")
FIELDS = (
    *("n_tokens", "n_chars", "loss", "loss_spread", "loss_max", "surprise"),
    *("skip", "loop", "exit", "trajectory"),
)


def tiny_backbone(config):
    return Backbone(tiny_model(config), tiny_tokenizer(), quick_dtype=torch.float32)


@pytest.fixture(
    scope="module", params=some_by_default(["llama", "gemma3", "gpt2", "gemma2"], "llama")
)
def backbone(request):
    return tiny_backbone({**CONFIGS, "gemma2": GEMMA2}[request.param])


@pytest.fixture(scope="module")
def llama():
    return tiny_backbone(CONFIGS["llama"])


@torch.no_grad()
def forward(backbone, text, prefix=()):
    """Return the hidden states at each depth, logits and ids of the model's own forward."""
    (row,) = backbone.tokenize([text], 64)
    ids = torch.tensor([[backbone.start_token, *prefix, *row]])
    last = []
    hook = backbone.final_norm.register_forward_pre_hook(lambda _, args: last.append(args[0]))
    out = backbone.model(input_ids=ids, output_hidden_states=True, use_cache=False)
    hook.remove()
    return [*out.hidden_states[:-1], last[0]], out.logits[0], ids[0]


def token_losses(backbone, text, prefix=()):
    _, logits, ids = forward(backbone, text, prefix)
    losses = torch.nn.functional.cross_entropy(logits[:-1], ids[1:], reduction="none")
    return losses[len(prefix) :].numpy()


def losses_of(backbone, text, programs):
    (batch,) = batches(backbone.tokenize([text], 64), backbone)
    return Executor(backbone).losses(batch, [Job(0, p) for p in programs], precise=True)


# Losses


def test_loss_statistics_are_those_of_the_model_itself(backbone):
    traces = Tracer(backbone).trace(TEXTS)
    for i, text in enumerate(TEXTS):
        losses = token_losses(backbone, text)
        assert traces.n_tokens[i] == len(losses)
        assert traces.n_chars[i] == len(text)
        assert traces.loss[i] == pytest.approx(losses.mean(), abs=1e-5)
        assert traces.loss_spread[i] == pytest.approx(losses.std(), abs=1e-4)
        assert traces.loss_max[i] == pytest.approx(losses.max(), abs=1e-5)
        assert traces.loss[i] == pytest.approx(losses_of(backbone, text, [FULL])[0], abs=1e-5)
    assert np.ptp(traces.loss) > 0.01


def test_surprise_is_the_loss_above_expectation_in_standard_deviations(backbone):
    traces = Tracer(backbone).trace(TEXTS)
    for i, text in enumerate(TEXTS):
        _, logits, _ = forward(backbone, text)
        log_p = torch.log_softmax(logits[:-1].double(), -1)
        expected = -(log_p.exp() * log_p).sum(-1)
        variance = (log_p.exp() * log_p.square()).sum(-1) - expected.square()
        excess = token_losses(backbone, text).sum() - expected.sum()
        assert traces.surprise[i] == pytest.approx(
            (excess / variance.sum().sqrt()).item(), rel=1e-3
        )


# Curves


def test_exact_curves_are_the_losses_of_one_edit_programs(backbone):
    traces = Tracer(backbone, curves="exact").trace(TEXTS)
    skips = [FULL.skip(layer) for layer in range(5)]
    loops = [FULL.repeat(layer) for layer in range(5)]
    for i, text in enumerate(TEXTS):
        full, *edited = losses_of(backbone, text, [FULL, *skips, *loops])
        np.testing.assert_allclose(traces.skip[i], edited[:5] - full, atol=1e-5)
        np.testing.assert_allclose(traces.loop[i], edited[5:] - full, atol=1e-5)
    assert np.abs(traces.skip).mean() > 0.01


def test_first_order_curves_are_gradient_times_change(backbone):
    traces = Tracer(backbone).trace(TEXTS)
    for i, text in enumerate(TEXTS):
        (row,) = backbone.tokenize([text], 64)
        ids = torch.tensor([[backbone.start_token, *row]])
        states = [backbone.embed(ids[:, :-1]).detach()]
        for layer in FULL:
            states.append(backbone.apply(layer, states[-1], form="precise"))
        for layer in FULL:
            after = states[layer + 1].clone().requires_grad_()
            end = after
            for later in range(layer + 1, 5):
                end = backbone.apply(later, end, form="precise")
            loss = torch.nn.functional.cross_entropy(backbone.logits(end[0]), ids[0, 1:])
            (gradient,) = torch.autograd.grad(loss, after)
            again = backbone.apply(layer, states[layer + 1], form="precise")
            skip = (gradient * (states[layer] - states[layer + 1])).sum().item()
            loop = (gradient * (again - states[layer + 1])).sum().item()
            assert traces.skip[i, layer] == pytest.approx(skip, abs=1e-4, rel=1e-3)
            assert traces.loop[i, layer] == pytest.approx(loop, abs=1e-4, rel=1e-3)


# Four kinds of text, cut after 6 tokens to keep exact curves cheap.
REAL_TEXTS = [
    "The hydraulic pump in hall 3 leaks oil again",
    "WINNER!! You have won a free ticket, call now",
    "instruction cache parity error corrected at 0x1f",
    "How do I transfer money to my savings account?",
]


@pytest.mark.slow
def test_first_order_curves_rank_the_late_layers_of_the_real_model_as_exact_ones_do(real):
    exact = Tracer(real, max_tokens=6, curves="exact").trace(REAL_TEXTS)
    first_order = Tracer(real, max_tokens=6).trace(REAL_TEXTS)
    for name in CURVES:
        late = [getattr(traces, name)[:, 12:] for traces in (exact, first_order)]
        own = np.mean([spearmanr(a, b).statistic for a, b in zip(*late, strict=True)])
        # Control: the estimates are of this text, not of layers in general.
        others = np.mean(
            [
                spearmanr(a, b).statistic
                for a, b in zip(late[0], np.roll(late[1], 1, 0), strict=True)
            ]
        )
        assert own > 0.5
        assert others < 0.35


# Exit curve and context


def test_the_exit_curve_of_a_small_vocabulary_ends_at_the_full_loss(backbone):
    traces = Tracer(backbone).trace(TEXTS)
    np.testing.assert_allclose(traces.exit[:, -1], traces.loss, atol=1e-5)
    np.testing.assert_allclose(
        Tracer(backbone).context_exit_losses(TEXTS, [()] * len(TEXTS)), traces.exit, atol=1e-5
    )


def test_exit_losses_are_the_losses_of_programs_that_stop_early(backbone):
    early = [Program(tuple(range(depth))) for depth in range(6)]
    result = Tracer(backbone).context_exit_losses(TEXTS, [()] * len(TEXTS))
    for row, text in zip(result, TEXTS, strict=True):
        np.testing.assert_allclose(row, losses_of(backbone, text, early), atol=1e-5)


def test_exit_losses_over_a_part_of_the_vocabulary_include_the_target(llama, monkeypatch):
    monkeypatch.setattr("polar_detect.backbone.read_out._COMMON", 80)
    monkeypatch.setattr("polar_detect.backbone.read_out._PIECE", 40)
    llama = Backbone(llama.model, llama.tokenizer, quick_dtype=torch.float32)
    text = "The pump leaks oil."
    _, logits, ids = forward(llama, text)
    targets = ids[1:].tolist()
    assert min(targets) < 80 < max(targets)
    kept = [sorted({*range(80), target}) for target in targets]
    losses = [
        (torch.logsumexp(row[k], -1) - row[t]).item()
        for row, k, t in zip(logits, kept, targets, strict=False)
    ]
    result = Tracer(llama).context_exit_losses([text], [()] * len([text]))[0, -1]
    assert result == pytest.approx(np.mean(losses), abs=1e-5)
    assert result < token_losses(llama, text).mean()


def test_context_stands_in_front_each_with_a_newline_and_is_not_scored(backbone):
    contexts = [["Oil pump", "stuck"], [], ["the valve"], ["a", "b"], ["x" * 60], ["again"]]
    result = Tracer(backbone).context_exit_losses(TEXTS, contexts, context_tokens=5)
    (newline,) = backbone.tokenize(["\n"], 4)
    for row, text, context in zip(result, TEXTS, contexts, strict=True):
        prefix = [t for ids in backbone.tokenize(context, 5) for t in (*ids, *newline)]
        expected = token_losses(backbone, text, prefix).mean()
        assert row[-1] == pytest.approx(expected, abs=1e-5)
    without = Tracer(backbone).context_exit_losses(TEXTS, [()] * len(TEXTS))
    np.testing.assert_allclose(result[1], without[1], atol=1e-5)
    assert np.abs(result[[0, 2, 3], -1] - without[[0, 2, 3], -1]).min() > 1e-3


def test_a_text_seen_before_is_cheaper_to_the_real_model_than_behind_another_text(real):
    tracer = Tracer(real, max_tokens=16)
    alone = tracer.context_exit_losses(REAL_TEXTS, [()] * len(REAL_TEXTS))[:, -1]
    repeated = tracer.context_exit_losses(REAL_TEXTS, [[text] for text in REAL_TEXTS])[:, -1]
    others = [[text] for text in np.roll(REAL_TEXTS, 1)]
    behind_another = tracer.context_exit_losses(REAL_TEXTS, others)[:, -1]
    assert (repeated < alone - 1).all()
    assert (repeated < behind_another - 1).all()


def test_the_bias_of_a_head_is_part_of_the_exit_losses():
    model = tiny_model(CONFIGS["llama"])
    model.lm_head.bias = torch.nn.Parameter(torch.randn(128))
    backbone = Backbone(model, tiny_tokenizer(), quick_dtype=torch.float32)
    traces = Tracer(backbone).trace(TEXTS)
    np.testing.assert_allclose(traces.exit[:, -1], traces.loss, atol=1e-5)


# Trajectories


def test_trajectories_are_the_models_hidden_states_averaged_over_the_text(backbone):
    traces = Tracer(backbone).trace(TEXTS)
    for i, text in enumerate(TEXTS):
        states, _, _ = forward(backbone, text)
        expected = torch.stack([state[0, 1:].mean(0) for state in states])
        np.testing.assert_allclose(traces.trajectory[i], expected, atol=1e-5, rtol=1e-5)
    with_start = torch.stack([state[0].mean(0) for state in states]).numpy()
    assert np.abs(traces.trajectory[-1] - with_start).max() > 1e-3


# Company, emptiness, tables


@pytest.mark.parametrize("curves", ["first-order", "exact"])
def test_traces_do_not_depend_on_company_or_order(backbone, curves):
    tracer = Tracer(backbone, curves=curves)
    alone = Traces.below([tracer.trace([text]) for text in TEXTS])
    order = [3, 1, 1, 5, 0, 4, 2]
    shuffled = tracer.trace([TEXTS[i] for i in order])
    for name in FIELDS:
        expected = getattr(alone.rows(order), name)
        np.testing.assert_allclose(getattr(shuffled, name), expected, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("curves", ["first-order", "exact"])
def test_texts_without_tokens_have_no_losses_and_keep_their_place(llama, curves):
    traces = Tracer(llama, curves=curves).trace(["", TEXTS[0], ""])
    assert traces.n_tokens.tolist() == [0, traces.n_tokens[1], 0]
    for name in FIELDS[2:]:
        values = getattr(traces, name)
        assert np.isnan(values[[0, 2]]).all()
        assert np.isfinite(values[1]).all()
    exits = Tracer(llama).context_exit_losses(["", TEXTS[0]], [["a"], ["a"]])
    assert np.isnan(exits[0]).all()
    assert np.isfinite(exits[1]).all()


@pytest.mark.parametrize("texts", [[], [""]])
def test_no_texts_or_only_empty_ones_can_be_traced(llama, texts):
    traces = Tracer(llama).trace(texts)
    assert len(traces) == len(texts)
    assert traces.skip.shape == (len(texts), 5)
    assert traces.exit.shape == (len(texts), 6)
    assert traces.trajectory.shape == (len(texts), 6, 32)
    assert len(traces.table()) == len(texts)


def test_texts_are_cut_after_max_tokens(llama):
    cut = Tracer(llama, max_tokens=4).trace([TEXTS[2]])
    (row,) = llama.tokenize([TEXTS[2]], 4)
    expected = Tracer(llama).trace([llama.tokenizer.decode(row)])
    assert cut.n_tokens[0] == 4
    np.testing.assert_allclose(cut.skip, expected.skip, atol=1e-5)
    assert Tracer(llama).trace([TEXTS[2]]).n_tokens[0] > 4


def test_the_default_reads_what_a_short_model_has_room_for_and_no_wish_is_cut(llama):
    room = MAX_POSITIONS - 1
    assert Tracer(llama).max_tokens == room < MAX_TOKENS
    assert Tracer(llama).trace(["the pump leaks oil " * 40]).n_tokens[0] == room
    with pytest.raises(InputError, match=f"Got max_tokens {MAX_TOKENS + 1}; expected 1 to {room}"):
        Tracer(llama, max_tokens=MAX_TOKENS + 1).trace(TEXTS)


def test_texts_that_are_read_in_part_are_counted(llama):
    lengths = [len(row) for row in llama.tokenize(TEXTS, 90)]
    for n in (1, 5, max(lengths) - 1, max(lengths)):
        expected = sum(length > n for length in lengths)
        assert Tracer(llama, max_tokens=n).count_cut([*TEXTS, ""]) == expected
    assert Tracer(llama).count_cut(["the pump leaks oil " * 40, *TEXTS]) == 1


def test_a_long_text_keeps_tokens_that_are_spread_evenly_over_it(llama, monkeypatch):
    tracer = Tracer(llama)
    whole = tracer.trace(TEXTS)
    np.testing.assert_array_equal(whole.kept_loss, whole.loss)
    monkeypatch.setattr("polar_detect.signature.reading.token_states._MAX_KEPT", 8)
    monkeypatch.setattr("polar_detect.signature.reading.token_states._KEPT_OF_LONGER", 5)
    thinned = tracer.trace(TEXTS)
    lengths = whole.tokens.lengths.tolist()
    assert thinned.tokens.lengths.tolist() == [n if n <= 8 else 5 for n in lengths]
    long = int(whole.n_tokens.argmax())
    n_tokens = int(whole.n_tokens[long])
    assert n_tokens > 10
    own, all_of_it = thinned.tokens.texts[long], whole.tokens.texts[long]
    places = [round(i * (n_tokens - 1) / 4) for i in range(5)]
    for kept, known in (
        (own.states, all_of_it.states[:, places]),
        (own.targets, all_of_it.targets[places]),
        (own.losses, all_of_it.losses[places]),
    ):
        np.testing.assert_array_equal(kept, known)
    # Memory is held against the loss of the same tokens; all else is of the whole text.
    assert thinned.kept_loss[long] == pytest.approx(own.losses.mean(), rel=1e-6)
    assert thinned.kept_loss[long] != pytest.approx(thinned.loss[long], rel=1e-3)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(thinned, name), getattr(whole, name))


def test_a_table_names_every_value_with_its_layer(llama):
    traces = Tracer(llama).trace(TEXTS)
    table = traces.table()
    values = dict(zip(table.names, table.values.T, strict=True))
    assert len(values) == len(table.features) == 6 + 3 * 5
    np.testing.assert_array_equal(values["loss/mean"], traces.loss)
    np.testing.assert_array_equal(values["length/tokens"], traces.n_tokens)
    for layer in range(5):
        np.testing.assert_array_equal(values[f"skip/L{layer}"], traces.skip[:, layer])
        np.testing.assert_array_equal(values[f"loop/L{layer}"], traces.loop[:, layer])
        change = traces.exit[:, layer] - traces.exit[:, -1]
        np.testing.assert_array_equal(values[f"exit/L{layer}"], change)
    assert all(feature.layer is not None for feature in table.features[6:])


def test_traces_of_parts_below_each_other_are_traces_of_all(llama):
    traces = Tracer(llama).trace(TEXTS)
    again = Traces.below([traces.rows(slice(0, 2)), traces.rows([2, 3, 4, 5])])
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(again, name), getattr(traces, name))
