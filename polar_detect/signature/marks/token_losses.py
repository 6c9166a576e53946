"""What each token of a text costs a reader of normal texts, as spans of the text's characters.

For the few texts of a report; scores need the mean only, which `signature` has for all.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from polar_detect.arrays import Float16Array, Float32Array, IntArray
from polar_detect.backbone.decoder import Backbone
from polar_detect.backbone.tokenizing import shortened
from polar_detect.executor.batches import batches
from polar_detect.numerics.lanes import lanes
from polar_detect.signature.marks.known_words import KnownWords, WordShares
from polar_detect.signature.marks.spans import TokenLoss
from polar_detect.signature.normal.token_index import TokenIndex
from polar_detect.signature.reading.token_states import stored_states


class Normal(NamedTuple):
    """What normal texts say.

    Parameters
    ----------
    tokens : TokenIndex
    skipped : float
        The share of the texts that each token passes over.
    words : KnownWords, optional
        None where no text was kept.
    """

    tokens: TokenIndex
    skipped: float = 0
    words: KnownWords | None = None


def token_losses(
    backbone: Backbone,
    texts: Sequence[str],
    *,
    max_tokens: int,
    normal: Normal | None = None,
) -> list[tuple[TokenLoss, ...]]:
    """Return the loss of each token of each text, given all that stands before it.

    Where normal texts are given, a third of each prediction is how often they have the word, and a
    third what followed their nearest tokens. By the language model alone words that every normal
    text says cost most: of what was marked in work orders no more lay in a foreign word or sentence
    than by chance (`experiments/explanations.py`). In a word that none of them has, the model and
    those tokens count as much as new words are to be expected (`KnownWords`). What is in no word,
    and all where words are not known, counts by how often they have the token.

    Parameters
    ----------
    backbone : Backbone
    texts : sequence of str
    max_tokens : int
        As in `Backbone.tokenize`; what stands behind has no loss.
    normal : Normal, optional

    Returns
    -------
    list of tuple of TokenLoss
        In reading order. Empty for a text without tokens, and for all texts where the
        tokenizer cannot say where its tokens stand (those written in Python).
    """
    rows = backbone.tokenize(list(texts), max_tokens)
    if not backbone.tokenizer.is_fast:
        return [() for _ in rows]
    places = _places(backbone, texts, max_tokens)
    known = [_of_words(normal, *own) for own in zip(texts, places, strict=True)]
    losses = _losses(backbone, rows, normal, known)
    return [_spans(where, own) for where, own in zip(places, losses, strict=True)]


@lanes()
@torch.no_grad()
def _losses(
    backbone: Backbone,
    rows: Sequence[Sequence[int]],
    normal: Normal | None,
    known: Sequence[WordShares],
) -> list[Float32Array]:
    """Return the loss of each token of each row, nats.

    In float32: a single token's loss in the quick form moves by .07 nats with the length that
    its text is padded to (AVX-512 BF16), which a mean over tokens hides and a mark does not.
    """
    found = [np.zeros(0, np.float32) for _ in rows]
    for batch in batches(rows, backbone):
        states = batch.embedded
        for layer in range(backbone.n_layers):
            states = backbone.apply(layer, states, lengths=batch.lengths, form="precise")
        where = batch.is_target
        own, targets = states[where], batch.targets[where]
        losses = backbone.token_losses(own, targets, precise=True).cpu().numpy()
        if normal is not None:
            kept = stored_states(backbone.final_norm(own)).cpu().numpy()
            parts = zip(*(known[i] for i in batch.index.tolist()), strict=True)
            words = WordShares(*map(np.concatenate, parts))
            losses = _beside_normal(losses, kept, targets.cpu().numpy(), normal, words)
        ends = np.cumsum(batch.is_target.sum(1).tolist())[:-1]
        for i, part in zip(batch.index.tolist(), np.split(losses, ends), strict=True):
            found[i] = part
    return found


def _beside_normal(
    losses: Float32Array,
    states: Float16Array,
    targets: IntArray,
    normal: Normal,
    words: WordShares,
) -> Float32Array:
    """Return what is left of losses where normal texts make most of the prediction."""
    known = normal.tokens.targets[normal.tokens.targets >= 0]
    counts = np.bincount(known, minlength=1 + targets.max(initial=0))
    often = np.where(np.isnan(words.often), counts[targets] / max(len(known), 1), words.often)
    remembered = normal.tokens.remembered(states, targets, skipped=normal.skipped)
    # In logarithms, as a probability may be none and as small as the loss is large.
    with np.errstate(divide="ignore"):
        familiar = np.log(often + words.trust * remembered)
    foretold = np.log(words.trust) - losses
    left: Float32Array = (np.log(3) - np.logaddexp(foretold, familiar)).astype(np.float32)
    return left


def _of_words(normal: Normal | None, text: str, places: Sequence[tuple[int, int]]) -> WordShares:
    """Return what the words of a text say of its tokens; nothing, where no words are known."""
    if normal is None or normal.words is None:
        return WordShares.of_nothing(len(places))
    return normal.words.shares(text, places)


def _places(
    backbone: Backbone, texts: Sequence[str], max_tokens: int
) -> list[list[tuple[int, int]]]:
    """Return where each token of each text stands, cut as `Backbone.tokenize` cuts."""
    if not texts:
        return []
    encoded = backbone.tokenizer(
        shortened(texts, max_tokens),
        add_special_tokens=False,
        split_special_tokens=True,
        return_offsets_mapping=True,
    )
    return [[(a, b) for a, b in row[:max_tokens]] for row in encoded["offset_mapping"]]


def _spans(places: Sequence[tuple[int, int]], losses: Float32Array) -> tuple[TokenLoss, ...]:
    spans: list[TokenLoss] = []
    for (start, stop), loss in zip(places, losses.tolist(), strict=False):
        if spans and start < spans[-1].stop:
            last = spans.pop()
            spans.append(TokenLoss(last.start, max(stop, last.stop), last.loss + loss))
        else:
            spans.append(TokenLoss(start, stop, loss))
    return tuple(spans)
