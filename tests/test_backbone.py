import copy
import threading
from types import MethodType

import pytest
import tiny_models
import torch
from some_by_default import some_by_default
from tiny_models import hand_on, rearranged, save_tiny, tiny_model, tiny_tokenizer
from torch import nn
from transformers import (
    FalconH1Config,
    LlamaConfig,
    LlamaForCausalLM,
    MptConfig,
    OpenAIGPTConfig,
    PreTrainedTokenizerFast,
    RecurrentGemmaConfig,
)
from transformers.modeling_outputs import BaseModelOutputWithPast

from polar_detect.backbone.decoder import Backbone
from polar_detect.backbone.quick.parts import QuickAttention, QuickGate
from polar_detect.backbone.recording import Anatomy, record_calls
from polar_detect.errors import InputError, ModelError, PolarError
from polar_detect.executor.batches import batches
from polar_detect.numerics import products
from polar_detect.numerics.block_sizes import random_states
from polar_detect.numerics.products import LaidOutLinear, laid_out_copy
from polar_detect.program import Program

CONFIGS = {**tiny_models.CONFIGS, "gemma2": tiny_models.GEMMA2, **tiny_models.PER_ROW}
TEXT = "The pump leaks oil and the valve is stuck again."
N_TOKENS = 11  # more than the sliding window


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("tiny")
    return {name: save_tiny(config, root / name) for name, config in CONFIGS.items()}


# A plain one, one of odd attention and bounds, one of other parts, one that wants its own rows.
ARCHITECTURES = some_by_default(CONFIGS, "llama", "gemma2", "gpt2", "bloom")


@pytest.fixture(scope="module", params=ARCHITECTURES)
def architecture(request):
    return request.param


@pytest.fixture(scope="module")
def backbone(architecture, folders):
    return Backbone.load(folders[architecture], quick_dtype=torch.float32)


@pytest.fixture(scope="module")
def oracle(architecture):
    return tiny_model(CONFIGS[architecture])


@pytest.fixture(scope="module")
def llama(folders):
    return Backbone.load(folders["llama"], quick_dtype=torch.float32)


def random_ids(n_rows=2, n_tokens=N_TOKENS, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, tiny_models.VOCABULARY, (n_rows, n_tokens), generator=generator)


@torch.no_grad()
def run(backbone, layers, ids, *, precise=True):
    """Return the logits of a program on token ids."""
    hidden = backbone.embed(ids)
    for layer in layers:
        hidden = backbone.apply(layer, hidden, form="precise" if precise else "quick")
    return backbone.logits(hidden)


@torch.no_grad()
def logits_of(model, ids):
    return model(input_ids=ids, use_cache=False).logits


def gap(one, other):
    return (one - other).abs().max().item()


def random_layers(n_layers, seed):
    """Draw any sequence: skips, loops and layers in any order."""
    generator = torch.Generator().manual_seed(seed)
    length = int(torch.randint(1, n_layers + 4, (), generator=generator))
    return tuple(torch.randint(0, n_layers, (length,), generator=generator).tolist())


# The model itself is the oracle, on every architecture


def test_the_full_program_equals_the_model(backbone, oracle):
    ids = random_ids()
    assert gap(run(backbone, range(backbone.n_layers), ids), logits_of(oracle, ids)) < 1e-5


@pytest.mark.parametrize("seed", range(5))
def test_any_program_equals_the_model_with_its_blocks_rearranged(backbone, oracle, seed):
    ids = random_ids()
    layers = random_layers(backbone.n_layers, seed)
    result = run(backbone, layers, ids)
    assert gap(result, logits_of(rearranged(oracle, layers), ids)) < 1e-5
    # Control: it is the order of the layers that makes the result.
    assert gap(result, run(backbone, layers[:-1], ids)) > 0.1


@pytest.mark.parametrize("text", ["2 0-1 [3-4]x3", "4 3 2 1 0", "-"])
def test_reversed_looped_and_empty_programs_equal_rearranged_models(backbone, oracle, text):
    layers = Program.parse(text).layers
    ids = random_ids()
    expected = logits_of(rearranged(oracle, layers), ids)
    assert gap(run(backbone, layers, ids), expected) < 1e-5


def test_padding_on_the_right_changes_nothing(backbone):
    ids = random_ids()
    padded = torch.cat([ids, random_ids(n_tokens=5, seed=1)], 1)
    layers = (0, 1, 1, 3, 2)
    result = run(backbone, layers, padded)
    assert gap(run(backbone, layers, ids), result[:, :N_TOKENS]) < 1e-5
    # Control: the same tokens in front do change it.
    in_front = torch.cat([random_ids(n_tokens=5, seed=1), ids], 1)
    assert gap(run(backbone, layers, ids), run(backbone, layers, in_front)[:, 5:]) > 0.01


def test_many_rows_equal_single_rows(backbone):
    ids = random_ids(n_rows=9)
    layers = (0, 2, 2, 4)
    together = run(backbone, layers, ids)
    alone = torch.cat([run(backbone, layers, row[None]) for row in ids])
    assert gap(together, alone) < 1e-5
    assert gap(together, alone.roll(1, 0)) > 0.1


def test_the_quick_form_is_near_the_precise_one_but_rounds(folders, request, backbone):
    name = request.node.callspec.params["architecture"]
    quick = Backbone.load(folders[name], quick_dtype=torch.bfloat16)
    ids, layers = random_ids(n_rows=4), (0, 1, 2, 2, 3, 4)
    expected = torch.log_softmax(run(backbone, layers, ids), -1)
    mean_gap = (torch.log_softmax(run(quick, layers, ids, precise=False), -1) - expected).abs()
    assert 0 < mean_gap.mean() < 0.1
    assert gap(torch.log_softmax(run(quick, layers, ids), -1), expected) < 1e-5


def test_token_losses_equal_cross_entropy(backbone):
    ids = random_ids(n_rows=3)
    hidden = backbone.embed(ids)[:, :-1].reshape(-1, 32)
    targets = ids[:, 1:].reshape(-1)
    expected = nn.functional.cross_entropy(backbone.logits(hidden), targets, reduction="none")
    torch.testing.assert_close(backbone.token_losses(hidden, targets, precise=True), expected)
    torch.testing.assert_close(backbone.token_losses(hidden, targets), expected)


def test_quick_token_losses_are_near_cross_entropy(folders, request, backbone):
    quick = Backbone.load(
        folders[request.node.callspec.params["architecture"]], quick_dtype=torch.bfloat16
    )
    hidden = torch.randn(500, 32, generator=torch.Generator().manual_seed(0))
    targets = random_ids(500, 1)[:, 0]
    exact = backbone.token_losses(hidden, targets)
    assert (quick.token_losses(hidden, targets) - exact).abs().mean() < 0.02
    torch.testing.assert_close(quick.token_losses(hidden, targets, precise=True), exact)


# What the breadth above relies on


@pytest.mark.parametrize("name", ["mistral", "qwen2", "gemma3", "gemma2"])
def test_the_texts_of_these_tests_are_longer_than_the_sliding_window(name):
    # Control: were all masks recorded as full ones, the tests above would notice.
    wide = copy.deepcopy(CONFIGS[name])
    wide.sliding_window = 64
    ids = random_ids()
    assert gap(logits_of(tiny_model(CONFIGS[name]), ids), logits_of(tiny_model(wide), ids)) > 0.01


@pytest.mark.parametrize("name", ["gemma3", "qwen2", "gemma2"])
def test_the_kind_of_attention_moves_with_its_layer(folders, name):
    backbone = Backbone.load(folders[name], quick_dtype=torch.float32)
    ids = random_ids()
    layers = (1, 0, 3, 2, 4)
    kinds_stay = rearranged(backbone.model, layers)
    kinds = backbone.model.config.layer_types
    for model in (kinds_stay, kinds_stay.get_decoder()):
        model.config.layer_types = kinds
    for block, kind in zip(kinds_stay.get_decoder().layers, kinds, strict=True):
        block.attention_type = kind  # which transformers 5.2 asks
    assert gap(run(backbone, layers, ids), logits_of(kinds_stay, ids)) > 0.01


def test_final_soft_capping_bounds_the_logits(folders):
    backbone = Backbone.load(folders["gemma2"], quick_dtype=torch.float32)
    logits = run(backbone, range(5), random_ids())
    assert 1.9 < logits.abs().max() <= 2.0


@pytest.mark.parametrize(
    "config",
    [
        FalconH1Config(
            **tiny_models.SHAPE,
            lm_head_multiplier=0.3,
            mamba_d_ssm=32,
            mamba_n_heads=4,
            mamba_d_head=8,
            mamba_d_state=8,
            mamba_chunk_size=8,
        ),
        RecurrentGemmaConfig(
            **{**tiny_models.SHAPE, "num_hidden_layers": 3},
            head_dim=8,
            lru_width=32,
            logits_soft_cap=2.0,
        ),
    ],
    ids=lambda config: config.model_type,
)
def test_factors_and_bounds_of_logits_are_known_by_the_names_of_their_settings(config):
    model = tiny_model(config)
    backbone = Backbone(model, tiny_tokenizer(), quick_dtype=torch.float32)
    ids = random_ids()
    assert gap(run(backbone, range(backbone.n_layers), ids), logits_of(model, ids)) < 1e-5
    # Control: they are not the head's products as they stand.
    inner = model.get_decoder()(input_ids=ids, use_cache=False).last_hidden_state
    assert gap(model.lm_head(inner), logits_of(model, ids)) > 0.1


def test_blocks_may_return_a_list():
    config = OpenAIGPTConfig(
        vocab_size=tiny_models.VOCABULARY, n_positions=32, n_embd=32, n_layer=3, n_head=4
    )
    model = tiny_model(config)
    backbone = Backbone(model, tiny_tokenizer(), quick_dtype=torch.float32)
    ids = random_ids()
    assert gap(run(backbone, (0, 2, 2), ids), logits_of(rearranged(model, (0, 2, 2)), ids)) < 1e-5


def test_losses_are_differentiable_in_the_hidden_states(llama):
    hidden = torch.randn(7, 32, requires_grad=True)
    targets = random_ids(1, 7)[0]
    (gradient,) = torch.autograd.grad(llama.token_losses(hidden, targets).sum(), hidden)
    logits = llama.logits(hidden)
    expected = nn.functional.cross_entropy(logits, targets, reduction="sum")
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, hidden)[0])


def test_losses_of_more_tokens_than_one_chunk_are_the_same(llama):
    hidden = torch.randn(600, 32)
    targets = random_ids(1, 600)[0]
    pieces = [llama.token_losses(hidden[i : i + 1], targets[i : i + 1]) for i in range(600)]
    torch.testing.assert_close(llama.token_losses(hidden, targets), torch.cat(pieces))
    assert llama.token_losses(hidden[:0], targets[:0]).shape == (0,)


def test_the_first_layers_multiply_in_float32_in_their_quick_form_too(folders):
    backbone = Backbone.load(folders["llama"], quick_dtype=torch.bfloat16)
    hidden = random_states(8, 9, 32)
    gaps = []
    for layer in range(5):
        quick, precise = (backbone.apply(layer, hidden, form=own) for own in ("quick", "precise"))
        gaps.append(((quick - precise).norm() / (precise - hidden).norm()).item())
    assert gaps[0] < 1e-5
    assert min(gaps[1:]) > 1e-4


def test_the_default_quick_form_is_low_precision_only_where_the_processor_has_it(
    folders, monkeypatch
):
    monkeypatch.setattr("polar_detect.backbone.decoder.best_dtype", lambda _: torch.float32)
    assert Backbone.load(folders["llama"]).quick_dtype == torch.float32
    monkeypatch.setattr("polar_detect.backbone.decoder.best_dtype", lambda _: torch.bfloat16)
    assert Backbone.load(folders["llama"]).quick_dtype == torch.bfloat16


def test_precise_layers_multiply_by_laid_out_weights_and_the_model_as_it_did(folders):
    backbone = Backbone.load(folders["llama"], quick_dtype=torch.float32)

    def kinds(block):
        return {type(part) for part in block.modules() if isinstance(part, nn.Linear)}

    precise = LaidOutLinear if products._can_pack() else nn.Linear
    assert [kinds(block) for block in backbone._forms.precise] == [{precise}] * backbone.n_layers
    assert [kinds(block) for block in backbone.blocks] == [{nn.Linear}] * backbone.n_layers
    hidden = random_states(4, 9, 32)
    call = backbone._replay.calls(9)[1]
    torch.testing.assert_close(backbone.apply(1, hidden), call.of(backbone.blocks[1], hidden))


def test_a_new_length_runs_no_block_and_leaves_them_as_they_were(folders):
    backbone = Backbone.load(folders["gpt2"], quick_dtype=torch.float32)
    runs = []
    backbone.blocks[1].mlp.register_forward_hook(lambda *_: runs.append(1))
    backbone.embed(random_ids(2, 17))
    assert not runs
    assert not any("forward" in vars(block) for block in backbone.blocks)
    backbone.model(random_ids(2, 17))
    assert runs


def test_a_block_that_another_thread_calls_while_arguments_are_recorded_really_runs(llama):
    block, hidden = llama.blocks[2], torch.randn(1, 5, 32)
    (call,) = record_calls(Anatomy([block], [None], nn.Identity()), lambda: block(hidden, 1, a=2))
    assert (call.args, call.kwargs) == ((1,), {"a": 2})
    llama.embed(random_ids(1, 5))  # now the arguments for five tokens are known
    expected = llama.apply(2, hidden, form="precise")
    found = []

    def forward():
        other = threading.Thread(
            target=lambda: found.append(llama.apply(2, hidden, form="precise"))
        )
        other.start()
        other.join()
        block(hidden)

    record_calls(Anatomy([block], [None], nn.Identity()), forward)
    assert torch.equal(found[0], expected)


# Text to tokens


def test_a_text_becomes_its_tokens_without_a_start_token(llama):
    (ids,) = llama.tokenize([TEXT], 90)
    assert llama.tokenizer.decode(ids) == TEXT
    assert llama.start_token not in ids
    assert llama.start_token == llama.tokenizer.bos_token_id


def test_special_tokens_spelled_out_in_a_text_are_plain_characters(llama):
    text = "a </s> <s> b"
    (ids,) = llama.tokenize([text], 90)
    assert not {0, 1} & set(ids)
    assert llama.tokenizer.decode(ids) == text
    # Control: the tokenizer itself would read them as special.
    assert {0, 1} <= set(llama.tokenizer([text])["input_ids"][0])


def test_texts_are_cut_after_max_tokens(llama):
    (whole,) = llama.tokenize([TEXT], 90)
    assert llama.tokenize([TEXT, "", "a"], 4) == [whole[:4], [], llama.tokenize(["a"], 4)[0]]


def test_a_text_of_a_million_characters_costs_no_more_than_its_first_tokens(llama):
    long = TEXT * 25_000
    assert len(long) > 1e6
    (ids,) = llama.tokenize([long], 90)
    assert ids == llama.tokenize([TEXT * 20], 90)[0]


def test_no_texts_have_no_tokens(llama):
    assert llama.tokenize([], 8) == []


def test_a_tokenizer_with_more_words_than_the_weights_is_refused_where_it_uses_them():
    tokenizer = tiny_models.tiny_tokenizer()
    tokenizer.add_tokens(["pump"])
    backbone = Backbone(tiny_models.tiny_model(tiny_models.CONFIGS["llama"]), tokenizer)
    with pytest.raises(InputError, match="Got token 128 from the tokenizer; expected one below"):
        backbone.tokenize(["oil", "the pump leaks"], 8)
    assert backbone.tokenize(["the valve leaks"], 8)


@pytest.mark.parametrize("max_tokens", [0, -1, tiny_models.MAX_POSITIONS])
def test_token_limits_that_the_model_cannot_take_are_refused(llama, max_tokens):
    assert llama.tokenize(["a"], tiny_models.MAX_POSITIONS - 1)
    with pytest.raises(InputError, match=f"Got max_tokens {max_tokens}; expected 1 to 95"):
        llama.tokenize(["a"], max_tokens)


def test_a_model_has_the_positions_that_its_biases_reach():
    shape = {"vocab_size": tiny_models.VOCABULARY, "d_model": 32, "n_heads": 4, "n_layers": 2}
    model = tiny_model(MptConfig(**shape, max_seq_len=12))
    backbone = Backbone(model, tiny_tokenizer(), quick_dtype=torch.float32)
    with pytest.raises(InputError, match="Got max_tokens 12; expected 1 to 11"):
        backbone.tokenize([TEXT], 12)
    row = backbone.tokenize([TEXT], 11)[0]
    (batch,) = batches([row], backbone, reads_last=True)  # whose padding ends there too
    assert batch.n_tokens == 12
    logits = run(backbone, range(2), batch.input_ids)
    assert gap(logits, logits_of(model, batch.input_ids)) < 1e-4


def without_special_tokens():
    return PreTrainedTokenizerFast(tokenizer_object=tiny_tokenizer().backend_tokenizer)


def test_end_of_text_is_the_start_token_of_models_trained_without_one():
    tokenizer = without_special_tokens()
    tokenizer.eos_token = "</s>"
    model = tiny_model(CONFIGS["llama"])
    assert Backbone(model, tokenizer, quick_dtype=torch.float32).start_token == 1


def test_a_start_token_that_the_weights_do_not_have_is_refused():
    tokenizer = tiny_tokenizer()
    backbone = Backbone(tiny_model(CONFIGS["llama"]), tokenizer)
    assert backbone.start_token == 0  # control
    tokenizer.add_special_tokens({"bos_token": "<start>"})
    with pytest.raises(InputError, match="Got token 128 from the tokenizer; expected one below"):
        list(batches([[3, 4]], backbone))


def test_a_tokenizer_without_any_start_token_is_refused():
    backbone = Backbone(tiny_model(CONFIGS["llama"]), without_special_tokens())
    with pytest.raises(ModelError, match="tokenizer without BOS, EOS and padding token"):
        _ = backbone.start_token


# What cannot be replayed is refused


def with_forward_between_blocks(change):
    """Return a tiny Llama whose own forward changes the states between two blocks."""
    model = tiny_model(CONFIGS["llama"])
    plain = type(model.model).forward

    def forward(self, *args, **kwargs):
        hook = self.layers[2].register_forward_pre_hook(lambda _, inputs: (change(inputs[0]),))
        try:
            return plain(self, *args, **kwargs)
        finally:
            hook.remove()

    model.model.forward = MethodType(forward, model.model)
    return model


def test_a_model_that_adds_something_between_its_blocks_is_refused():
    changed = with_forward_between_blocks(lambda hidden: hidden + 1)
    with pytest.raises(ModelError, match=r"layers cannot be called alone .*logits differ by"):
        Backbone(changed, tiny_tokenizer())
    # Control: the same construction without a change is accepted.
    same = with_forward_between_blocks(lambda hidden: hidden)
    assert Backbone(same, tiny_tokenizer()).n_layers == 5


@pytest.mark.parametrize(
    ("name", "own"),
    [("gemma3", {"use_bidirectional_attention": True}), ("llama", {"is_causal": False})],
)
def test_a_model_that_sees_the_tokens_behind_is_refused_though_its_name_says_decoder(name, own):
    config = copy.deepcopy(CONFIGS[name])
    assert Backbone(tiny_model(config), tiny_tokenizer()).n_layers == 5  # control
    for key, value in own.items():
        setattr(config, key, value)
    with pytest.raises(ModelError, match="that reads a token by those behind it too; expected a c"):
        Backbone(tiny_model(config), tiny_tokenizer())


def with_memory(make):
    model = tiny_model(CONFIGS["llama"])
    hand_on(model.model, make)
    return model


@pytest.mark.parametrize("make", [torch.tanh, lambda states: states.mean(1, keepdim=True)])
def test_a_model_whose_blocks_hand_on_more_than_states_is_refused(make):
    with pytest.raises(ModelError, match="layers cannot be called alone"):
        Backbone(with_memory(make), tiny_tokenizer())


def test_blocks_may_hand_on_what_does_not_depend_on_the_text():
    model = with_memory(lambda _: torch.ones(32))
    backbone = Backbone(model, tiny_tokenizer(), quick_dtype=torch.float32)
    ids = random_ids()
    assert gap(run(backbone, range(5), ids), logits_of(model, ids)) < 1e-5


def with_something_beside(blocks, make):
    """Return a tiny Llama of such blocks, which get what `make` makes of its embeddings too."""
    model = tiny_model(CONFIGS["llama"])

    def forward(self, input_ids, **_):
        hidden = self.embed_tokens(input_ids)
        beside = make(hidden)
        for layer in self.layers:
            hidden = layer(hidden, beside)
        return BaseModelOutputWithPast(last_hidden_state=self.norm(hidden))

    model.model.layers = nn.ModuleList(blocks)
    model.model.forward = MethodType(forward, model.model)
    return model


class _LeavesBehind(nn.Module):
    """A block that leaves its states in what it is given, as those of Gemma 4 that share keys."""

    def __init__(self, *, looks):
        super().__init__()
        self.linear, self.looks = nn.Linear(32, 32), looks

    def forward(self, hidden_states, place):
        if self.looks:
            hidden_states = hidden_states + place["states"].tanh()
        place["states"] = hidden_states
        return hidden_states + self.linear(hidden_states)


def test_a_model_whose_layers_read_what_others_left_behind_is_refused():
    def model(looks):
        return with_something_beside([_LeavesBehind(looks=x) for x in looks], lambda _: {})

    assert Backbone(model([False] * 5), tiny_tokenizer()).n_layers == 5  # control
    with pytest.raises(ModelError, match=r"\(layer 3 reads what another one has left behind\)"):
        Backbone(model([False, False, False, True, False]), tiny_tokenizer())


class _IsGiven(nn.Module):
    """A block that is given something beside its states, which hardly counts."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(32, 32)

    def forward(self, hidden_states, beside):
        return hidden_states + self.linear(hidden_states) + 1e-6 * beside


def test_a_model_whose_layers_are_given_its_embeddings_is_refused_however_little_they_count():
    def model(make):
        return with_something_beside([_IsGiven() for _ in range(5)], make)

    assert Backbone(model(lambda _: torch.ones(1, 1, 32)), tiny_tokenizer()).n_layers == 5
    with pytest.raises(ModelError, match="layer 0 is given more of a text than its states"):
        Backbone(model(lambda hidden: hidden), tiny_tokenizer())


def test_a_model_that_loops_by_itself_is_refused():
    model = tiny_model(CONFIGS["llama"])
    plain = model.model.layers[2].forward
    model.model.layers[2].forward = lambda states, **given: plain(
        model.model.layers[1](states, **given), **given
    )
    with pytest.raises(ModelError, match=r"\(it makes 6 calls of its 5 layers\)"):
        Backbone(model, tiny_tokenizer())


class _TakesSingleRows(nn.Module):
    """A block that cannot be called on several rows at once."""

    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, hidden_states, *args, **kwargs):
        if hidden_states.shape[0] != 1:
            raise RuntimeError("this block takes single rows only")
        return self.block(hidden_states, *args, **kwargs)


class _RunsOnce(nn.Module):
    """A block that fails when it is called again."""

    def __init__(self, block):
        super().__init__()
        self.block, self.has_run = block, False

    def forward(self, hidden_states, *args, **kwargs):
        if self.has_run:
            raise RuntimeError("this block has run")
        self.has_run = True
        return self.block(hidden_states, *args, **kwargs)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (_TakesSingleRows, "two texts at once fail: this block takes single rows only"),
        (_RunsOnce, "replaying it fails: this block has run"),
    ],
)
def test_a_model_with_a_block_that_fails_on_two_texts_or_alone_is_refused(kind, said):
    model = tiny_model(CONFIGS["llama"])
    model.model.layers[1] = kind(model.model.layers[1])
    with pytest.raises(ModelError, match=said):
        Backbone(model, tiny_tokenizer())


def test_a_model_without_a_list_of_blocks_is_refused():
    model = tiny_model(CONFIGS["llama"])
    model.config.num_hidden_layers = 7
    with pytest.raises(ModelError, match="LlamaForCausalLM without a list of 7 blocks"):
        Backbone(model, tiny_tokenizer())


def test_a_folder_that_holds_no_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"that transformers cannot load .* check the folder"):
        Backbone.load(tmp_path)
    assert issubclass(ModelError, PolarError)


def test_the_model_is_frozen_and_in_inference_mode():
    config = LlamaConfig(**{**tiny_models.CONFIGS["llama"].to_dict(), "attention_dropout": 0.5})
    backbone = Backbone(LlamaForCausalLM(config).train(), tiny_tokenizer())
    assert not backbone.model.training
    assert not any(parameter.requires_grad for parameter in backbone.model.parameters())


# The real model


def real_ids(backbone):
    (ids,) = backbone.tokenize(["The pump in hall 3 leaks oil; valve replaced."], 16)
    return torch.tensor([[backbone.start_token, *ids]])


def test_the_full_program_equals_the_real_model(real):
    ids = real_ids(real)
    logits = run(real, range(real.n_layers), ids)
    torch.testing.assert_close(logits, logits_of(real.model, ids), atol=1e-4, rtol=1e-5)
    assert real.n_layers == 30


@pytest.mark.parametrize(
    "text",
    some_by_default(
        ["0-11 15-29", "0-9 [10-12]x2 13-29", "0-3 7 5 6 8 [20]x3 25-29"],
        "0-3 7 5 6 8 [20]x3 25-29",
    ),
)
def test_programs_equal_the_real_model_with_its_blocks_rearranged(real, text):
    ids = real_ids(real)
    layers = Program.parse(text).layers
    blocks = real.model.model.layers
    # As many rows of laid-out weights as a block has: looped layers amplify the last bits.
    real.model.model.layers = nn.ModuleList([laid_out_copy(blocks[layer]) for layer in layers])
    real.model.config.num_hidden_layers = len(layers)
    try:
        expected = logits_of(real.model, ids.repeat(4, 1))[:1]
    finally:
        real.model.model.layers = blocks
        real.model.config.num_hidden_layers = len(blocks)
    result = run(real, layers, ids)
    torch.testing.assert_close(result, expected, atol=1e-4, rtol=1e-5)
    assert gap(result, logits_of(real.model, ids)) > 0.1


def test_the_quick_form_of_the_real_model_moves_the_loss_by_little(real):
    ids = real_ids(real)
    targets = ids[0, 1:]
    losses = []
    for precise in (False, True):
        hidden = real.embed(ids)
        for layer in range(real.n_layers):
            hidden = real.apply(layer, hidden, form="precise" if precise else "quick")
        losses.append(real.token_losses(hidden[0, :-1], targets, precise=precise).mean().item())
    assert losses[0] == pytest.approx(losses[1], abs=0.03)


def test_a_gradient_is_pulled_back_through_one_layer(backbone):
    hidden, gradient = torch.randn(2, 3, 9, 32, generator=torch.Generator().manual_seed(0))
    for layer in range(backbone.n_layers):
        given = hidden.clone().requires_grad_()
        after = torch.cat([backbone.apply(layer, row[None]) for row in given])
        (expected,) = torch.autograd.grad(after, given, gradient)
        found = backbone.pull_back(layer, hidden, gradient)
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)
        assert not torch.equal(found, gradient)  # control: a layer does something
        assert not found.requires_grad


def test_the_first_layers_multiply_in_a_low_precision_for_estimates_only(folders):
    quick, precise = (
        Backbone.load(folders["llama"], quick_dtype=dtype)
        for dtype in (torch.bfloat16, torch.float32)
    )
    hidden = random_states(3, 9, 32)
    for layer in range(quick.n_layers):
        rough = quick.apply(layer, hidden, form="rough")
        usual, exact = (b.apply(layer, hidden) for b in (quick, precise))
        is_near = (usual - exact).norm() < 1e-5 * (exact - hidden).norm()
        assert is_near == (layer == 0)  # the first of five
        assert torch.equal(usual, rough) == (layer > 0)
        assert 0 < (rough - exact).norm() < 0.03 * (exact - hidden).norm()
        same = precise.apply(layer, hidden, form="rough")
        torch.testing.assert_close(same, exact, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_a_quick_form_in_float32_does_what_blocks_do_and_shares_what_they_laid_out(folders):
    backbone = Backbone.load(folders["llama"], quick_dtype=torch.float32)
    hidden = random_states(8, 9, 32)  # 72 rows
    for layer in range(backbone.n_layers):
        found, expected = (backbone.apply(layer, hidden, form=own) for own in ("quick", "precise"))
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
        form, own = backbone._forms.quick[layer]._block, backbone._forms.precise[layer]
        assert isinstance(form.mlp, QuickGate)
        assert isinstance(form.self_attn, QuickAttention)
        if isinstance(own.mlp.down_proj, LaidOutLinear):  # where the processor has a use for it
            assert form.mlp.down.matrix is own.mlp.down_proj.matrix
    # Their products are others: how many rows change no bit is found out for each.
    assert {form.is_quick for _, _, form in backbone._mover._row_counts._found} == {False, True}


def test_a_quick_gradient_is_near_the_precise_one(folders):
    quick, precise = (
        Backbone.load(folders["llama"], quick_dtype=dtype)
        for dtype in (torch.bfloat16, torch.float32)
    )
    hidden, gradient = torch.randn(2, 3, 9, 32, generator=torch.Generator().manual_seed(0))
    found, expected = (b.pull_back(3, hidden, gradient) for b in (quick, precise))
    assert 0 < (found - expected).norm() < 0.03 * (expected - gradient).norm()
