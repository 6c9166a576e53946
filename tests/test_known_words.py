from collections import Counter

import numpy as np
import pytest

from polar_detect.signature.marks.known_words import KnownWords

NORMAL = ["Replace pump", "replace ＨＯＳＥ", "Replace valve; clean valve"]


def shares(text, *tokens, normal=NORMAL):
    places, start = [], 0
    for token in tokens:
        start = text.index(token, start)
        places.append((start, start + len(token)))
        start += len(token)
    often, trust = KnownWords.of(normal).shares(text, places)
    return often.tolist(), trust.tolist()


def test_a_token_counts_by_the_word_that_it_begins_or_goes_on_with():
    often, trust = shares("REPLACE the hose", "REP", "LACE", " the", " ho", "se")
    np.testing.assert_allclose(often, [3 / 8, 1, 0, 1 / 8, 1], rtol=1e-6)
    # Pump, hose and clean are the words that occur once; one more is new in (3 + 1) / (8 + 1).
    np.testing.assert_allclose(trust, [1, 1, 4 / 9, 1, 1], rtol=1e-6)


def test_tokens_outside_words_and_of_words_with_digits_say_nothing():
    often, trust = shares("pump 12 -- EXD36 ;", "pump", " ", "12", " --", " EX", "D36", " ;")
    assert often[0] == pytest.approx(1 / 8)
    assert np.isnan(often[1:]).all()
    assert trust == [1] * 7


def test_a_token_in_two_words_counts_by_the_rarer_one():
    often, trust = shares("valve-clean", "valve-clean", normal=["valve", "valve", "clean"])
    assert (often, trust) == ([0], [pytest.approx(2 / 4)])  # that is one word
    often, _ = shares("old valve", "old valve", normal=["old", "old", "valve"])
    np.testing.assert_allclose(often, [1 / 3], rtol=1e-6)


def test_tokens_that_share_a_character_begin_their_word_once():
    words = KnownWords.of(["Ænd Ænd"])
    often, trust = words.shares("ænd", [(0, 1), (0, 1), (1, 3)])
    assert (often.tolist(), trust.tolist()) == ([1, 1, 1], [1, 1, 1])
    words = KnownWords.of(["Ænd ænd of it"])
    assert words.shares("ænd", [(0, 1), (0, 1), (1, 3)]).often.tolist() == [1 / 2, 1, 1]


def test_kanji_and_kana_are_no_words():
    often, trust = shares(
        "定期 pump 交換", "定期", " pump", " 交", "換", normal=["ポンプを交換 pump"]
    )
    np.testing.assert_array_equal(often, [np.nan, 1, np.nan, np.nan])
    assert trust == [1] * 4
    assert KnownWords.of(["ポンプを交換 pump"]).counts.total() == 1


def test_emoji_and_flags_count_as_words_do():
    normal = ["pump 🔧 👍🏽", "pump 🔧 🇩🇪", "valve⚠\ufe0f ok"]
    tokens = "pump", " 🔧", " 👍", "🏽", " 🇩", "🇪", " ⚠", " 🎉", " 🇩", "🇰"
    often, trust = shares("pump 🔧 👍🏽 🇩🇪 ⚠ 🎉 🇩🇰", *tokens, normal=normal)
    np.testing.assert_allclose(often, np.array([2, 2, 1, 9, 1, 9, 1, 0, 0, 0]) / 9, rtol=1e-6)
    assert trust[:7] == [1] * 7 > trust[7:]
    # In a word they are part of it, and say nothing by themselves.
    often, _ = shares("valve🔧pump 🔧", "valve", "🔧", "pump", " 🔧", normal=normal)
    np.testing.assert_allclose(often, [0, 0, 0, 2 / 9], rtol=1e-6)


def test_letters_keep_their_vowel_signs():
    often, trust = shares("पानी पाना", "पानी", " पाना", normal=["पानी"])
    assert (often, trust) == ([1, 0], [1, 1])  # of one word each further one may be new


def test_words_are_known_in_turkish_capitals():
    often, _ = shares("ISITICI İPTAL", "ISITICI", "İPTAL", normal=["ısıtıcı iptal"])
    assert often == [1 / 2, 1 / 2]


def test_clauses_of_scripts_without_blanks_are_no_words():
    often, trust = shares("วาล์วรั่ว pump", "วาล์ว", "รั่ว", " pump", normal=["เปลี่ยนวาล์ว pump"])
    np.testing.assert_array_equal(often, [np.nan, np.nan, 1])
    assert trust == [1] * 3


def test_words_are_counted_once_however_many_tokens_are_new():
    class Counts(Counter):
        n_counted = 0

        def values(self):
            self.n_counted += 1
            return super().values()

        def total(self):
            return sum(self.values())

    words = KnownWords(Counts({"pump": 2, "hose": 1}))
    words.shares("valve leaks badly", [(0, 5), (5, 11), (11, 17)])
    assert words.counts.n_counted == 2  # all, and those that occurred once


def test_what_is_new_is_never_ruled_out():
    assert KnownWords.of([]).share_of_new == 1
    assert KnownWords.of(["1", "--"]).share_of_new == 1
    assert KnownWords.of(["a b"] * 9).share_of_new == pytest.approx(1 / 19)
    often, trust = shares("new", "new", normal=["12"])
    assert (often, trust) == ([0], [1])


def test_words_that_no_normal_text_has_are_told_once_in_their_order_and_as_written():
    known = KnownWords.of(["Order 7 was placed by Anna"] * 100)
    assert known.telling("ORDER 8: Union select, UNION password x was y") == (
        "Union",
        "select",
        "password",
    )
    assert known.telling("order 9 was 8f placed by ＡＮＮＡ; 定期") == ()


def test_as_many_new_words_as_in_normal_texts_are_not_told():
    names = [f"letter of {a}{b} again" for a in ("An", "Be", "Cy", "Di") for b in ("a", "o", "i")]
    known = KnownWords.of(names)  # a fourth of the words is new
    assert known.telling("letter of Dora again") == ()
    found = known.telling("letter of Dora, drop tables, select all")
    assert found == ("Dora", "tables", "select")  # the longest
