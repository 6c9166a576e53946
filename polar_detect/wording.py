"""The wording of texts as numbers, in any language.

Hides that it is hashed pieces of words, so that no list of words has to be kept.
"""

from collections.abc import Sequence

from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import HashingVectorizer

N_CODES = 2**16
_PIECES = (2, 4)  # characters: whole short words, stems and endings of others, Japanese words


def wording(texts: Sequence[str]) -> csr_matrix:
    """Return which pieces of words are in texts, (n_texts, N_CODES) float32, each text of norm 1.

    A piece counts once however often it occurs, and its case does not matter. Pieces whose hashes
    are the same are taken for one. Source: Weinberger et al., arXiv 0902.2206.
    """
    hashed = HashingVectorizer(
        analyzer="char_wb",
        ngram_range=_PIECES,
        n_features=N_CODES,
        binary=True,
        alternate_sign=False,
        dtype="float32",
    )
    return hashed.transform(texts)
