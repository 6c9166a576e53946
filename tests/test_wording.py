import numpy as np
import pytest
from bad_inputs import hostile_rows

from polar_detect.signature.labelled.wording import N_CODES, heaviest_words, wording


def weights_of(*words):
    """Return weights by which the pieces of these words weigh 1, and all others nothing."""
    weights = np.zeros(N_CODES, np.float32)
    weights[wording(words).indices] = 1
    return weights


def test_every_text_has_norm_one_and_case_and_repetition_make_no_difference():
    rows = wording(["Pump leaks", "pump LEAKS leaks", "pump leak", ""])
    norms = np.sqrt(np.asarray(rows.multiply(rows).sum(1))).ravel()
    np.testing.assert_allclose(norms, [1, 1, 1, 0], rtol=1e-6)
    first, second, third, _ = rows.toarray()
    np.testing.assert_array_equal(first, second)
    assert (first != third).any()  # control
    assert rows.dtype == np.float32


def test_the_width_of_characters_makes_no_difference():
    narrow, wide, other = wording(["ﾎﾟﾝﾌﾟ NG 12", "ポンプ　ＮＧ　１２", "ポンプ OK 12"]).toarray()
    np.testing.assert_array_equal(narrow, wide)
    assert (narrow != other).any()


def test_what_the_models_do_not_read_of_a_long_text_is_not_read_here():
    first, second, third = wording(["pump " * 800 + "x", "pump " * 800 + "y", "pump y"]).toarray()
    np.testing.assert_array_equal(first, second)
    assert (first != third).any()


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("CHANGEOUT - left pump", ["changeout"], ("CHANGEOUT",)),
        ("pump changeout (changeout)", ["changeout", "pump"], ("changeout", "pump")),
        ("C/O pump #3", ["c/o"], ("C/O",)),
        ("ポンプを定期交換、3号機", ["定期交換"], ("定期交換",)),
        ("3号機のポンプ", ["ポンプ"], ("ポンプ",)),
        ("3号機のﾎﾟﾝﾌﾟ", ["ポンプ"], ("ﾎﾟﾝﾌﾟ",)),
        ("ポンプを定期交換", ["定"], ()),  # whose pieces are at the ends of a word by itself
        ("dirty seal", ["changeout"], ()),
        ("", ["changeout"], ()),
        ("・・・", ["changeout"], ()),
    ],
)
def test_the_words_whose_pieces_weigh_most_are_named_as_they_are_written(text, words, expected):
    assert heaviest_words(text, weights_of(*words), 3) == expected


def test_few_words_are_named_and_none_that_weighs_little():
    text = "one two three four five"
    assert heaviest_words(text, weights_of("one", "two", "three", "four"), 2) == ("three", "four")
    weights = weights_of("three") + weights_of("one") / 10
    assert heaviest_words(text, weights, 3) == ("three",)
    assert heaviest_words(text, -weights, 3) == ()


def test_hostile_texts_have_wording_and_words():
    texts = hostile_rows()
    rows = wording(texts)
    assert np.isfinite(rows.data).all()
    for text in texts:
        for word in heaviest_words(text, np.ones(N_CODES, np.float32), 3):
            assert word in text
