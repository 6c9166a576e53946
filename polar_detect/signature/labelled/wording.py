"""The wording of texts as numbers, in any language.

Hides that it is hashed pieces of words, so that no list of words has to be kept.
"""

import unicodedata
from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import HashingVectorizer

from polar_detect.arrays import Float32Array
from polar_detect.texts.words import words_of

N_CODES = 2**16
_MAX_CHARACTERS = 4_000  # of a text; the models read less of it
_PIECES = (2, 4)  # characters: whole short words, stems and endings of others, Japanese words
_LEAST_SHARE = 1 / 3  # of what the first of a text's words weighs


def wording(texts: Sequence[str]) -> csr_matrix:
    """Return which pieces of words are in texts, (n_texts, N_CODES) float32, each text of norm 1.

    A piece counts once however often it occurs, and its case and width (ﾎﾟﾝﾌﾟ, ポンプ) do not
    matter. Pieces whose hashes are the same are taken for one. Of a text the first 4,000
    characters are read.
    Source: Weinberger et al., arXiv 0902.2206.
    """
    hashed = HashingVectorizer(
        analyzer="char_wb",
        ngram_range=_PIECES,
        n_features=N_CODES,
        binary=True,
        alternate_sign=False,
        dtype="float32",
    )
    read = (unicodedata.normalize("NFKC", text[:_MAX_CHARACTERS]) for text in texts)
    return hashed.transform(read)


def heaviest_words(text: str, weights: Float32Array, n: int) -> tuple[str, ...]:
    """Return the words of a text whose pieces weigh most together, at most `n`, heaviest first.

    Parameters
    ----------
    text : str
    weights : (N_CODES,) float32
        Of what `wording` returns. Words that weigh nothing or less are left out, and those that
        weigh less than a third of the first.
    n : int
    """
    words = list(dict.fromkeys(words_of(text[:_MAX_CHARACTERS])))
    if not words:
        return ()
    is_there = np.zeros(N_CODES, bool)  # a word's first and last pieces may be another word's
    is_there[wording([text]).indices] = True
    sums = wording(words).sign() @ np.where(is_there, weights, 0)
    order = np.argsort(-sums, kind="stable")[:n]
    return tuple(words[i] for i in order if sums[i] > max(0, sums[order[0]] * _LEAST_SHARE))
