"""The multilingual model: Gemma 3 270M, whose layers look back 512 tokens or all the way."""

import pytest
import torch

JAPANESE = "油圧ポンプの異音を確認した。"
SHUFFLED = "異ポ油のた圧を確ン音プ認。し"


def logits_by_layers(backbone, input_ids):
    hidden = backbone.embed(input_ids)
    for layer in range(backbone.n_layers):
        hidden = backbone.apply(layer, hidden, form="precise")
    return backbone.logits(hidden)


def input_ids(backbone, text, *, max_tokens=64):
    return torch.tensor([[backbone.start_token, *backbone.tokenize([text], max_tokens)[0]]])


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize("text", [JAPANESE, "The pump leaks oil."])
def test_the_full_program_equals_the_model(gemma3, text):
    ids = input_ids(gemma3, text)
    expected = gemma3.model(input_ids=ids).logits
    # The model's own products run on all threads, which moves their last bits.
    torch.testing.assert_close(logits_by_layers(gemma3, ids), expected, rtol=1e-5, atol=1e-3)


@pytest.mark.slow
@torch.no_grad()
def test_local_and_global_layers_keep_their_own_arguments(gemma3):
    kinds = gemma3.model.config.layer_types
    assert set(kinds) == {"sliding_attention", "full_attention"}
    hidden = gemma3.embed(input_ids(gemma3, JAPANESE))
    own, other = (
        gemma3._replay.calls(hidden.shape[1])[kinds.index(kind)]
        for kind in ("sliding_attention", "full_attention")
    )
    block = gemma3.blocks[0]
    expected = gemma3.apply(0, hidden, form="precise")
    torch.testing.assert_close(
        block(hidden, *own.args, **own.kwargs), expected, rtol=1e-5, atol=1e-3
    )
    assert not torch.allclose(block(hidden, *other.args, **other.kwargs), expected, atol=1e-2)


@pytest.mark.slow
@torch.no_grad()
def test_japanese_is_completed_in_japanese(gemma3):
    ids = input_ids(gemma3, "日本の首都は東京で、フランスの首都は")
    answer = gemma3.model.generate(ids, max_new_tokens=2, do_sample=False)
    written = gemma3.tokenizer.decode(answer[0, ids.shape[1] :])
    assert "パリ" in written


@pytest.mark.slow
@torch.no_grad()
def test_a_japanese_sentence_is_predicted_better_than_its_shuffled_characters(gemma3):
    losses = [
        gemma3.model(input_ids=ids, labels=ids).loss.item()
        for ids in (input_ids(gemma3, text) for text in (JAPANESE, SHUFFLED))
    ]
    assert losses[0] < 6
    assert losses[0] + 2 < losses[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", [JAPANESE, "Checked the pump at 12:30.", "🚜🔥 👩‍🔧 ok", "  two\n\ttabs "]
)
def test_gemma3_writes_back_what_it_reads(gemma3, text):
    assert gemma3.tokenizer.decode(gemma3.tokenize([text], 64)[0]) == text
