import pytest
import torch
from some_by_default import some_by_default
from tiny_encoders import (
    ENCODERS,
    random_encoder,
    rearranged_encoder,
    save_tiny_encoder,
    tiny_encoder,
)
from tiny_models import (
    CONFIGS,
    VOCABULARY,
    tiny_model,
    tiny_tokenizer,
    with_random_parameters,
)
from torch import nn
from transformers import ElectraConfig, LongformerConfig, T5Config, T5EncoderModel

from polar_detect.backbone.encoder import EncoderBackbone
from polar_detect.errors import InputError, ModelError
from polar_detect.numerics.products import lay_out

TEXTS = ["The hydraulic pump leaks oil.", "", "ok", "How do I transfer money?"]
PROGRAMS = [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (0, 0, 2, 2, 2, 4), (3,)]


ARCHITECTURES = some_by_default(ENCODERS, "bert", "deberta-v2", "xmod", "llama", "modernbert")


@pytest.fixture(scope="module", params=ARCHITECTURES)
def architecture(request):
    return request.param


@pytest.fixture(scope="module")
def tiny(architecture, tmp_path_factory):
    folder = save_tiny_encoder(architecture, tmp_path_factory.mktemp("encoders"))
    return EncoderBackbone.load(folder, max_tokens=48)


@pytest.fixture(scope="module")
def oracle(architecture):
    model = tiny_encoder(architecture)
    model.config.use_cache = False  # decoders would look up what another layer put there
    return model


@pytest.fixture(scope="module")
def encoder(minilm):
    return EncoderBackbone.load(minilm.folder)


def states_of(backbone, layers, input_ids):
    hidden = backbone.embed(input_ids)
    for layer in layers:
        hidden = backbone.apply(layer, hidden, form="precise")
    return backbone.read_out(hidden)


def ids(*shape, seed=0):
    return torch.randint(2, 100, shape, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
@pytest.mark.parametrize("n_tokens", [3, 20])
def test_the_full_program_equals_the_model(tiny, oracle, n_tokens):
    rows = ids(3, n_tokens)
    expected = oracle(input_ids=rows).last_hidden_state
    # The model multiplies other numbers of rows, on which last bits depend on some processors.
    torch.testing.assert_close(
        states_of(tiny, range(tiny.n_layers), rows), expected, atol=1e-5, rtol=1e-5
    )


@torch.no_grad()
@pytest.mark.parametrize("layers", PROGRAMS)
def test_any_program_equals_the_model_with_its_layers_rearranged(tiny, oracle, layers):
    rows = ids(2, 12)
    expected = rearranged_encoder(oracle, layers)(input_ids=rows).last_hidden_state
    assert torch.allclose(states_of(tiny, layers, rows), expected, atol=1e-5)
    other = states_of(tiny, layers[::-1] if len(layers) > 1 else (0,), rows)
    assert not torch.allclose(other, expected, atol=1e-2)  # the control: order matters


@torch.no_grad()
def test_padding_that_the_model_masks_gives_what_the_backbone_gives_without(tiny, oracle):
    rows = ids(1, 9)
    pad = torch.full((1, 6), tiny.model.config.pad_token_id)
    mask = torch.tensor([[1] * 9 + [0] * 6])
    padded = oracle(input_ids=torch.cat([rows, pad], 1), attention_mask=mask)
    states = states_of(tiny, range(tiny.n_layers), rows)
    assert torch.allclose(padded.last_hidden_state[:, :9], states, atol=1e-4)


@torch.no_grad()
def test_the_full_program_equals_minilm(encoder):
    for batch in encoder.batches(TEXTS, max_batch_tokens=64):
        expected = encoder.model(input_ids=batch.input_ids).last_hidden_state
        states = states_of(encoder, range(6), batch.input_ids)
        torch.testing.assert_close(states, expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_programs_equal_minilm_with_its_layers_rearranged(encoder):
    rows = torch.tensor(encoder.tokenize(TEXTS[:1]))
    for layers in ((0, 2, 2, 5), (5, 4, 1)):
        expected = rearranged_encoder(encoder.model, layers)(input_ids=rows).last_hidden_state
        assert torch.allclose(states_of(encoder, layers, rows), expected, atol=1e-5)


def test_what_a_model_multiplies_before_its_blocks_is_the_same_bits_in_any_company():
    config = ElectraConfig(**ENCODERS["bert"].to_diff_dict() | {"embedding_size": 16})
    model = lay_out(random_encoder(config))
    backbone = EncoderBackbone(model, tiny_tokenizer(), max_tokens=48)
    rows = ids(40, 5)
    together = backbone.embed(rows)
    torch.testing.assert_close(together, model.embeddings_project(model.embeddings(rows)))
    for n_rows in (1, 3, 7, 13):
        assert torch.equal(backbone.embed(rows[-n_rows:]), together[-n_rows:])


@pytest.mark.parametrize(("odd", "expected"), [((), 12), ((12,), 13), ((12, 13), 1)])
def test_no_block_is_used_before_the_first_in_which_a_rows_bits_depend_on_its_place(odd, expected):
    class Odd(nn.Linear):
        """A layer that computes the last text of some blocks otherwise, as MKL does with AVX2."""

        def forward(self, rows):
            found = super().forward(rows)
            sizes.append(len(rows))
            return torch.cat([found[:-1], found[-1:] + 1e-3 * (len(rows) in odd)])

    sizes = []
    config = ElectraConfig(**ENCODERS["bert"].to_diff_dict() | {"embedding_size": 16})
    model = random_encoder(config)
    backbone = EncoderBackbone(model, tiny_tokenizer(), max_tokens=48)
    rows = ids(30, 5)
    known = backbone.embed(rows)
    model.embeddings_project.__class__ = Odd
    own = EncoderBackbone(model, tiny_tokenizer(), max_tokens=48)
    own.embed(rows)
    sizes.clear()
    torch.testing.assert_close(own.embed(rows), known)
    assert set(sizes) == {expected}


def test_the_quick_form_stays_near_the_precise_one(encoder):
    quick = EncoderBackbone(encoder.model, encoder.tokenizer, quick_dtype=torch.bfloat16)
    hidden = quick.embed(torch.tensor(quick.tokenize(TEXTS[:1])))
    precise = quick.apply(0, hidden, form="precise")
    gap = (quick.apply(0, hidden) - precise).abs().max()
    assert 0 < gap < 0.05 * precise.abs().max()


def test_every_text_is_in_one_batch_beside_texts_of_its_length(encoder):
    texts = [*TEXTS, "The hydraulic pump leaks oil!"]
    batches = list(encoder.batches(texts, max_batch_tokens=8))
    assert sorted(i for batch in batches for i in batch.index) == list(range(len(texts)))
    rows = encoder.tokenize(texts)
    for batch in batches:
        assert [rows[i] for i in batch.index] == batch.input_ids.tolist()
        assert len(batch) == 1 or batch.input_ids.numel() <= 8
    assert list(encoder.batches([], max_batch_tokens=8)) == []


def test_texts_are_cut_after_max_tokens(encoder):
    short = EncoderBackbone(encoder.model, encoder.tokenizer, max_tokens=4)
    (row,) = short.tokenize(["The pump leaks oil " * 100_000])
    assert len(row) == 4
    (whole,) = encoder.tokenize(["The pump leaks oil"])
    assert row == [*whole[:3], whole[-1]]  # special ones stay


def test_special_tokens_spelled_out_in_a_text_are_plain_characters(minilm):
    backbone = EncoderBackbone.load(minilm.folder)
    text = "pump [SEP] leaks [MASK]"
    separator = backbone.tokenizer([""])["input_ids"][0][-1]
    assert backbone.tokenizer([text])["input_ids"][0].count(separator) == 2  # control
    spelled, plain = backbone.tokenize([text, "pump leaks"])
    assert spelled.count(separator) == plain.count(separator) == 1
    assert plain == backbone.tokenizer(["pump leaks"])["input_ids"][0]


@pytest.mark.parametrize(("name", "most"), [("bert", 96), ("roberta", 94), ("modernbert", 96)])
def test_a_number_of_tokens_that_the_model_has_no_positions_for_is_refused(name, most):
    model, tokenizer = tiny_encoder(name), tiny_tokenizer()
    backbone = EncoderBackbone(model, tokenizer, max_tokens=most)
    assert backbone.embed(ids(1, most)).shape == (1, most, 32)
    with pytest.raises(InputError, match=f"Got max_tokens {most + 1}; expected 3 to {most} for"):
        EncoderBackbone(model, tokenizer, max_tokens=most + 1)


def test_a_model_whose_blocks_depend_on_more_than_their_arguments_is_refused():
    model = tiny_encoder("bert")
    block = model.encoder.layer[2]
    forward = block.forward
    calls = []

    def unfaithful(*args, **kwargs):
        calls.append(1)
        return forward(*args, **kwargs) + len(calls)

    block.forward = unfaithful
    with pytest.raises(ModelError, match="Got a BertModel whose layers cannot be called alone"):
        EncoderBackbone(model, tiny_tokenizer(), max_tokens=48)


def test_a_model_that_cannot_read_two_texts_at_once_is_refused():
    model = tiny_encoder("bert")
    block = model.encoder.layer[2]
    forward = block.forward

    def single(hidden_states, *args, **kwargs):
        if len(hidden_states) != 1:
            raise RuntimeError("this block takes single rows only")
        return forward(hidden_states, *args, **kwargs)

    block.forward = single
    with pytest.raises(ModelError, match="two texts at once fail: this block takes single rows"):
        EncoderBackbone(model, tiny_tokenizer(), max_tokens=48)


def test_a_model_whose_blocks_hand_on_what_hangs_on_the_length_is_refused():
    config = T5Config(vocab_size=VOCABULARY, d_model=32, d_kv=8, d_ff=48, num_layers=3, num_heads=4)
    model = with_random_parameters(T5EncoderModel(config))  # its first block makes all biases
    with pytest.raises(ModelError, match="Got a T5EncoderModel whose layers cannot be called"):
        EncoderBackbone(model, tiny_tokenizer(), max_tokens=48)


def test_a_model_that_loops_by_itself_is_refused():
    model = tiny_encoder("bert")
    first, second = model.encoder.layer[:2]
    plain = second.forward
    second.forward = lambda states, *args, **kwargs: plain(
        first(states, *args, **kwargs), *args, **kwargs
    )
    with pytest.raises(ModelError, match=r"\(it makes 6 calls of its 5 layers\)"):
        EncoderBackbone(model, tiny_tokenizer(), max_tokens=48)


def test_a_model_whose_blocks_get_more_states_than_there_are_tokens_is_refused():
    config = LongformerConfig(**ENCODERS["bert"].to_diff_dict() | {"attention_window": 4})
    message = r"states of \(2, 5\) tokens have the shape \(2, 8, 32\)\); expected an encoder"
    with pytest.raises(ModelError, match=message):
        EncoderBackbone(random_encoder(config), tiny_tokenizer(), max_tokens=48)


def test_a_model_without_a_stack_of_blocks_is_refused():
    model = tiny_model(CONFIGS["llama"]).get_decoder()
    model.config.num_hidden_layers = 7
    with pytest.raises(ModelError, match="without a list of 7 blocks; expected an encoder"):
        EncoderBackbone(model, tiny_tokenizer(), max_tokens=48)


def test_a_folder_that_holds_no_encoder_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"Got encoder folder .* that transformers cannot load"):
        EncoderBackbone.load(tmp_path)
