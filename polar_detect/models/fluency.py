"""Whether a model speaks the language of texts, told from its tokenizer alone. No torch.

A vocabulary is made from the text that a model was trained on: it holds whole words of a
language that the model knows, and pieces or single bytes of one that it does not.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import regex

from polar_detect.models import MULTILINGUAL_ENCODER, MULTILINGUAL_MODEL

# Letters per token over the words counted, on 100 texts of each set. SmolLM2: English (CLINC,
# AG News, SMS, posts, work orders) 4.5 to 6.3, logs 4.7 to 6.5, terse maintenance notes 3.9,
# German 2.7 to 2.9, French 2.9, Spanish 2.6, Finnish 1.8, Russian 1.2, Japanese (hotel reviews,
# work orders) .3 to .4. Gemma 3: German 4.4, Russian 4.5, Japanese 3.6 to 6.5, Finnish 2.5.
_SPOKEN = 3.3
# A vocabulary of 200,000 tokens and more is made for many languages, each of which it cuts into
# shorter pieces. Gemma 3's holds 2.9 to 3.1 letters of Arabic and Persian, 3.2 of Chinese, 2.1 to
# 3.0 of Hebrew, Greek, Hungarian, Czech, Ukrainian and Polish; 1.0 of Amharic, which it hardly
# speaks. Some of 100,000 to 200,000 are of models that know English only.
_LARGE_VOCABULARY, _SPOKEN_BY_LARGE = 200_000, 2.0
# An encoder's: all-MiniLM-L6-v2's holds 4.3 to 6.1 letters of English, logs and terse notes 3.9 to
# 5.5, French 3.2 to 3.5, Spanish 3.0, German 2.4 to 2.8, Japanese 2.0, Russian 1.1.
_SPOKEN_BY_ENCODER = 3.7
# One that many languages share: multilingual E5's holds 3.1 to 4.3 letters of Japanese, 4.2 of
# German, 3.8 to 5.5 of English.
_SHARED_VOCABULARY, _SPOKEN_SHARED = 100_000, 2.2
# A character of these scripts says about as much as two and a half letters.
_DENSE = "\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f"
_DENSE_WEIGHT = 2.5
_DENSE_LETTER = regex.compile(f"[{_DENSE}]")
# Capitals and names are in pieces in every language, and numbers everywhere.
# Vowels of Hindi, Tamil or Khmer are signs at letters, and count as letters do.
_LETTER = rf"[[\p{{L}}\p{{N}}]--[\p{{Nd}}{_DENSE}]]"
_WORD = regex.compile(
    rf"[{_DENSE}]+|(?<![[\p{{L}}\p{{N}}]--\p{{Nd}}]){_LETTER}(?:{_LETTER}|\p{{M}}){{3,}}",
    regex.VERSION1,
)
_MIN_LETTERS = 20  # also of different words: a table of numbers says the same few in each row
_MAX_TEXTS, _MAX_CHARACTERS = 500, 1000


@dataclass(frozen=True)
class Fluency:
    """How a model's vocabulary fits some texts.

    Parameters
    ----------
    letters_per_token : float
        Over words of small letters and dense scripts; a letter that is unknown or needs several
        tokens counts nothing, one of a dense script 2.5. NaN where there are too few.
    is_spoken : bool
        Whether the model speaks the language; true where too little is known.
    advice : str or None
        For the user, where it does not: one sentence, with the model that would fit.
    """

    letters_per_token: float
    is_spoken: bool
    advice: str | None


def speaks(
    model: Any,
    texts: Sequence[str],
    *,
    model_name: str | None = None,
    kind: Literal["model", "encoder"] = "model",
) -> Fluency:
    """Tell whether a model speaks the language of texts, from its tokenizer alone.

    Parameters
    ----------
    model : Backbone, Encoder, EncoderBackbone or a tokenizer
    texts : sequence of str
        At most 500 that differ are read, spread over all of them, 1,000 characters of each.
    model_name : str, optional
        What the user calls the model, so that it is not recommended in its own place.
    kind : {"model", "encoder"}
        What the advice is about.

    Returns
    -------
    Fluency
        Of a tokenizer that does not say which characters its tokens cover, nothing is known.
    """
    tokenizer = getattr(model, "tokenizer", model)
    n_letters, n_tokens, value = 0, 0.0, 0.0
    words: set[str] = set()
    if getattr(tokenizer, "is_fast", False):
        for text, spans in _tokenized(tokenizer, texts):
            counts = _count(text, spans)
            n_letters += counts.n_letters
            n_tokens += counts.n_tokens
            value += counts.value
            words |= counts.words
    if n_letters < _MIN_LETTERS or not _say_enough(words):
        return Fluency(float("nan"), is_spoken=True, advice=None)
    letters_per_token = value / n_tokens
    if kind == "model":
        least = _SPOKEN_BY_LARGE if len(tokenizer) >= _LARGE_VOCABULARY else _SPOKEN
    else:
        least = _SPOKEN_SHARED if is_shared(tokenizer) else _SPOKEN_BY_ENCODER
    is_spoken = letters_per_token >= least
    advice = None if is_spoken else _advice(letters_per_token, least, model_name, kind)
    return Fluency(letters_per_token, is_spoken, advice)


def advise(
    model: Any, encoder: Any, texts: Sequence[str], *, model_name: str, encoder_name: str
) -> list[str]:
    """Return what to tell a user whose models do not speak the language of the texts.

    Parameters
    ----------
    model, encoder : Backbone, Encoder or a tokenizer
    texts : sequence of str
    model_name, encoder_name : str
        As the user calls them.

    Returns
    -------
    list of str
        A sentence for each of the two that does not; none where both do.
    """
    found = (
        speaks(model, texts, model_name=model_name),
        speaks(encoder, texts, model_name=encoder_name, kind="encoder"),
    )
    return [fluency.advice for fluency in found if fluency.advice is not None]


def is_shared(tokenizer: Any) -> bool:
    """Return whether a vocabulary is so large that many languages share it."""
    return len(tokenizer) > _SHARED_VOCABULARY


def letter_value(text: str) -> float:
    """Return how many letters the characters of a text are worth: one each, 2.5 if dense.

    >>> letter_value("pump"), letter_value("油圧")
    (4.0, 5.0)
    """
    return len(text) + (_DENSE_WEIGHT - 1) * len(_DENSE_LETTER.findall(text))


def _say_enough(words: set[str]) -> bool:
    """Return whether there are enough different words; one in a dense script tells by itself."""
    is_dense = any(map(_DENSE_LETTER.match, words))
    return is_dense or sum(map(len, words)) >= _MIN_LETTERS


def _words(text: str) -> Iterator["regex.Match[str]"]:
    """Yield the words of small letters or of dense scripts."""
    found = _WORD.finditer(text)
    return (word for word in found if word[0][1:] == word[0][1:].lower())


@dataclass(frozen=True)
class _Counts:
    """Letters of a text's words, the tokens (or shares of them) that cover them, their value."""

    n_letters: int
    n_tokens: float
    value: float
    words: frozenset[str]


def _tokenized(
    tokenizer: Any, texts: Sequence[str]
) -> Iterator[tuple[str, list[tuple[int, int, bool]]]]:
    """Yield each text with start, end and whether it is known, of every token."""
    shown = list(dict.fromkeys(text[:_MAX_CHARACTERS] for text in texts if text.strip()))
    if not shown:
        return
    shown = shown[:: math.ceil(len(shown) / _MAX_TEXTS)]
    # `verbose`: a text longer than the model's positions is no trouble here.
    encoded = tokenizer(shown, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    unknown = tokenizer.unk_token_id
    for text, ids, spans in zip(
        shown, encoded["input_ids"], encoded["offset_mapping"], strict=True
    ):
        pairs = zip(ids, spans, strict=True)
        yield text, [(start, end, token != unknown) for token, (start, end) in pairs]


def _count(text: str, spans: Sequence[tuple[int, int, bool]]) -> _Counts:
    n_covers = [0] * len(text)
    shares = [0.0] * len(text)
    is_known = [True] * len(text)
    for start, end, token_is_known in spans:
        for i in range(start, end):
            n_covers[i] += 1
            shares[i] += 1 / (end - start)
            is_known[i] &= token_is_known
    words = [*_words(text)]
    letters = [i for word in words for i in range(word.start(), word.end())]
    value = sum(
        _DENSE_WEIGHT if _DENSE_LETTER.match(text[i]) else 1.0
        for i in letters
        if n_covers[i] == 1 and is_known[i]
    )
    # Some tokenizers drop what they do not know: such a letter is a token of no value.
    n_tokens = sum(shares[i] if n_covers[i] else 1.0 for i in letters)
    return _Counts(len(letters), n_tokens, value, frozenset(word[0] for word in words))


_KINDS = {
    "model": ("model", MULTILINGUAL_MODEL, "it sees form and hardly any meaning"),
    "encoder": ("sentence encoder", MULTILINGUAL_ENCODER, "it hardly sees another topic"),
}


def _advice(letters_per_token: float, least: float, model_name: str | None, kind: str) -> str:
    title, multilingual, effect = _KINDS[kind]
    found = (
        f"The {title} hardly speaks the language of these texts: its tokens cover "
        f"{letters_per_token:.1f} letters on average, {least} or more where it does, so {effect}"
    )
    if model_name == multilingual:
        return f"{found}; choose a {title} of that language with --{kind}."
    return f"{found}; --{kind} {multilingual} is multilingual."
