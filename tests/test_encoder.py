from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_encoders import ENCODERS, save_tiny_encoder
from tiny_models import MAX_POSITIONS
from torch import nn
from work_orders import NEW, NORMAL, STRANGE

from polar_detect.errors import ModelError
from polar_detect.numerics import products
from polar_detect.numerics.products import LaidOutLinear
from polar_detect.signature.reading.encoder import Encoder, _are_alike

TEXTS = [
    "The hydraulic pump leaks oil.",
    "Oil is dripping out of the hydraulic pump.",
    "How do I transfer money to my savings account?",
    "",
    "ok",
    "Scientists discovered a new species of fish in the deep sea.",
]
PUMP, PARAPHRASE, UNRELATED = 0, 1, 2


@pytest.fixture(scope="module")
def encoder(minilm):
    return Encoder.load(minilm.folder)


def test_embeddings_have_unit_length(encoder):
    embedded = encoder.embed(TEXTS)
    assert embedded.shape == (len(TEXTS), encoder.model.config.hidden_size)
    assert embedded.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embedded, axis=1), 1, atol=1e-5)


def test_a_loaded_encoder_multiplies_by_laid_out_weights(encoder):
    kinds = {type(part) for part in encoder.model.modules() if isinstance(part, nn.Linear)}
    assert kinds == {LaidOutLinear if products._can_pack() else nn.Linear}


def test_a_paraphrase_is_nearer_than_an_unrelated_text(encoder):
    embedded = encoder.embed(TEXTS)
    near, far = (embedded[PUMP] @ embedded[i] for i in (PARAPHRASE, UNRELATED))
    assert near > 0.7
    assert far < 0.3


def test_the_tiny_encoder_of_fits_tells_work_orders_apart_as_the_real_one_does(
    encoder, tiny_pair, tmp_path
):
    for own in (encoder, Encoder.load(Path(tiny_pair["encoder"]))):
        normal, new, strange = (own.embed(texts) for texts in (NORMAL, NEW, STRANGE))
        usual, odd = (np.sort(rows @ normal.T)[:, -5:].mean(1) for rows in (new, strange))
        assert usual.min() > 0.7
        assert odd.max() < 0.6
        assert (normal @ normal.T).mean() < 0.6
    # Control: to other random encoders all texts are nearly the same.
    collapsed = Encoder.load(save_tiny_encoder("bert", tmp_path / "bert"))
    assert (collapsed.embed(NORMAL) @ collapsed.embed(STRANGE).T).min() > 0.9


def test_the_company_and_order_of_texts_do_not_matter(encoder):
    together = encoder.embed(TEXTS)
    alone = np.concatenate([encoder.embed([text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(encoder.embed(TEXTS[::-1]), alone[::-1], atol=1e-5)
    assert np.abs(together - alone[::-1]).max() > 0.1


@torch.no_grad()
@pytest.mark.parametrize(("odd", "expected"), [((), 10), ((10,), 11), ((10, 11), 1)])
def test_no_block_is_used_in_which_a_texts_bits_depend_on_its_place(encoder, odd, expected):
    class Odd(nn.Linear):
        """A layer that computes the last text of some blocks otherwise, as MKL does with AVX2."""

        def forward(self, rows):
            found = super().forward(rows)
            found[-1] += 1e-3 * (len(rows) in odd)
            return found

    own = Encoder(encoder.model, encoder.tokenizer)
    own._rows_alike._is_alike = partial(_are_alike, [nn.Linear(8, 8), Odd(8, 4)])
    sizes, read_block = [], own._read_block
    own._read_block = lambda rows, words: (sizes.append(len(rows)), read_block(rows, words))[1]
    texts = ["to be or not", "be or not to"] * 6  # 6 tokens each
    found = own.embed(texts)
    assert set(sizes) == {expected}
    np.testing.assert_allclose(found, encoder.embed(texts), atol=1e-5)


def test_embeddings_are_mean_pooled_states_of_the_model(encoder):
    ids = torch.tensor(encoder.tokenizer([TEXTS[PUMP]])["input_ids"])
    pooled = encoder.model(input_ids=ids).last_hidden_state[0].mean(0)
    expected = (pooled / pooled.norm()).numpy()
    np.testing.assert_allclose(encoder.embed([TEXTS[PUMP]])[0], expected, atol=1e-5)


def test_texts_are_cut_after_max_tokens(encoder):
    short = Encoder(encoder.model, encoder.tokenizer, max_tokens=6)
    long = TEXTS[PUMP] + " It was replaced."
    np.testing.assert_allclose(short.embed([long]), short.embed([TEXTS[PUMP]]), atol=1e-6)
    assert np.abs(encoder.embed([long]) - encoder.embed([TEXTS[PUMP]])).max() > 0.01


def test_the_encoder_reads_as_far_as_the_language_model_but_128_tokens_at_least(encoder):
    assert encoder.max_tokens == 256
    wishes = (5, 128, 200, 512, 5000)
    assert [encoder.cut_after(n).max_tokens for n in wishes] == [128, 128, 200, 512, 512]
    text = "pump " * 140 + "money " * 40  # one token each, two special ones around them
    near, far = (encoder.cut_after(n).embed([text, "pump " * 140]) for n in (64, 256))
    np.testing.assert_allclose(near[0], near[1], atol=1e-6)
    assert far[0] @ far[1] < 0.9


def test_a_long_text_keeps_words_that_are_spread_evenly_over_it(encoder, monkeypatch):
    whole = encoder.read(TEXTS)
    monkeypatch.setattr("polar_detect.signature.reading.token_states._MAX_KEPT", 8)
    monkeypatch.setattr("polar_detect.signature.reading.token_states._KEPT_OF_LONGER", 4)
    thinned = encoder.read(TEXTS)
    n = int(whole.tokens.lengths[PARAPHRASE])
    assert n > 8
    places = [round(i * (n - 1) / 3) for i in range(4)]
    own, known = (read.tokens.texts[PARAPHRASE].states for read in (thinned, whole))
    np.testing.assert_array_equal(own, known[:, places])
    np.testing.assert_array_equal(thinned.embeddings, whole.embeddings)


def test_a_text_of_a_million_characters_is_embedded_by_its_beginning(encoder):
    beginning = "The hydraulic pump leaks oil. " * 100
    long = beginning * 400
    assert len(long) > 1e6
    np.testing.assert_allclose(encoder.embed([long]), encoder.embed([beginning]), atol=1e-6)


def test_prose_is_cut_into_longer_pieces_than_codes_and_japanese(encoder):
    texts = ["The pump was replaced this morning.", "PMP-0x3F9 E17.4b rpl", "ポンプを交換した"]
    prose, code, japanese, *empty = encoder.characters_per_token([*texts, "", "  "])
    assert prose == 35 / 7
    assert code < 3
    assert japanese < 2.5
    assert empty == [0, 0]
    assert encoder.characters_per_token([]).shape == (0,)


def test_pieces_that_the_vocabulary_does_not_know_hold_nothing(encoder):
    known, half = encoder.characters_per_token(["pump", "pump \U0001f6e0"])
    assert encoder.tokenizer(["\U0001f6e0"], add_special_tokens=False)["input_ids"] == [
        [encoder.tokenizer.unk_token_id]
    ]
    assert known == 4
    assert half == 6 / 2 / 2


def test_pieces_of_a_vocabulary_that_many_languages_share_count_for_more(encoder, monkeypatch):
    (own,) = encoder.characters_per_token(["The pump was replaced."])
    monkeypatch.setattr("polar_detect.models.fluency._SHARED_VOCABULARY", 1000)
    assert encoder.characters_per_token(["The pump was replaced."]) == 1.5 * own


def test_the_start_of_a_long_text_says_what_its_pieces_are(encoder):
    start = "pump " * 52  # more than are looked at
    (alone, followed) = encoder.characters_per_token([start, start + "0x3F9 " * 100_000])
    assert alone == followed


def test_no_texts_have_no_embeddings(encoder):
    assert encoder.embed([]).shape == (0, encoder.model.config.hidden_size)


def test_a_folder_that_holds_no_encoder_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"Got encoder folder .* that transformers cannot load"):
        Encoder.load(tmp_path)


@pytest.mark.parametrize("name", list(ENCODERS))
def test_encoders_of_many_kinds_read_empty_and_long_texts(name, tmp_path):
    own = Encoder.load(save_tiny_encoder(name, tmp_path / "encoder"))
    read = own.read(["", "pump leaks", "pump " * 500])
    assert own.max_tokens <= MAX_POSITIONS
    assert np.isfinite(read.embeddings).all()
    assert np.linalg.norm(read.embeddings[1:], axis=1) == pytest.approx([1, 1], abs=1e-5)
    # The tiny tokenizer has no special tokens, so an empty text has none at all.
    assert not read.embeddings[0].any()
