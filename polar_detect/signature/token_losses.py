"""What each token of a text costs a reader of normal texts, as spans of the text's characters.

For the few texts of a report; scores need the mean only, which `signature` has for all.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from polar_detect.arrays import Float32Array, IntArray
from polar_detect.backbone.decoder import Backbone
from polar_detect.backbone.tokenizing import shortened
from polar_detect.executor.batches import batches
from polar_detect.numerics.lanes import lanes
from polar_detect.signature.spans import TokenLoss
from polar_detect.signature.token_index import TokenIndex
from polar_detect.signature.token_states import stored_states


class Normal(NamedTuple):
    """What normal texts say: their tokens, and the share of them that each token passes over."""

    tokens: TokenIndex
    skipped: float = 0


def token_losses(
    backbone: Backbone,
    texts: Sequence[str],
    *,
    max_tokens: int,
    normal: Normal | None = None,
) -> list[tuple[TokenLoss, ...]]:
    """Return the loss of each token of each text, given all that stands before it.

    Where normal texts are given, a third of each prediction is how often they have the token, and a
    third what followed their nearest tokens. By the language model alone words that every normal
    text says cost most: of what was marked in work orders no more lay in a foreign word or sentence
    than by chance (`experiments/explanations.py`).

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
    losses = _losses(backbone, rows, normal)
    places = _places(backbone, texts, max_tokens)
    return [_spans(where, own) for where, own in zip(places, losses, strict=True)]


@lanes()
@torch.no_grad()
def _losses(
    backbone: Backbone, rows: Sequence[Sequence[int]], normal: Normal | None
) -> list[Float32Array]:
    """Return the loss of each token of each row, nats.

    In float32: a single token's loss in the quick form moves by .07 nats with the length that
    its text is padded to (AVX-512 BF16), which a mean over tokens hides and a mark does not.
    """
    found = [np.zeros(0, np.float32) for _ in rows]
    for batch in batches(rows, backbone):
        states = batch.embedded
        for layer in range(backbone.n_layers):
            states = backbone.apply(layer, states, lengths=batch.lengths, precise=True)
        where = batch.is_target
        own, targets = states[where], batch.targets[where]
        losses = backbone.token_losses(own, targets, precise=True).cpu().numpy()
        if normal is not None:
            kept = stored_states(backbone.final_norm(own)).cpu().numpy()
            losses = _beside_normal(losses, kept, targets.cpu().numpy(), normal)
        ends = np.cumsum(batch.is_target.sum(1).tolist())[:-1]
        for i, part in zip(batch.index.tolist(), np.split(losses, ends), strict=True):
            found[i] = part
    return found


def _beside_normal(
    losses: Float32Array, states: NDArray[np.float16], targets: IntArray, normal: Normal
) -> Float32Array:
    """Return what is left of losses where normal texts make most of the prediction."""
    known = normal.tokens.targets[normal.tokens.targets >= 0]
    counts = np.bincount(known, minlength=1 + targets.max(initial=0))
    often = counts[targets] / max(len(known), 1)
    remembered = normal.tokens.remembered(states, targets, skipped=normal.skipped)
    # In logarithms, as a probability may be none and as small as the loss is large.
    with np.errstate(divide="ignore"):
        familiar = np.log(often + remembered)
    left: Float32Array = (np.log(3) - np.logaddexp(-losses, familiar)).astype(np.float32)
    return left


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
