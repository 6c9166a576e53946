"""What each token of a text costs under the full program, as spans of the text's characters.

For the few texts of a report; scores need the mean only, which `signature` has for all.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from polar_detect.backbone.decoder import Backbone
from polar_detect.backbone.tokenizing import shortened
from polar_detect.executor.decoder import batches
from polar_detect.numerics.lanes import lanes
from polar_detect.signature.spans import TokenLoss


def token_losses(
    backbone: Backbone, texts: Sequence[str], *, max_tokens: int
) -> list[tuple[TokenLoss, ...]]:
    """Return the loss of each token of each text, given all that stands before it.

    Parameters
    ----------
    backbone : Backbone
    texts : sequence of str
    max_tokens : int
        As in `Backbone.tokenize`; what stands behind has no loss.

    Returns
    -------
    list of tuple of TokenLoss
        In reading order. Empty for a text without tokens, and for all texts where the
        tokenizer cannot say where its tokens stand (those written in Python).
    """
    rows = backbone.tokenize(list(texts), max_tokens)
    if not backbone.tokenizer.is_fast:
        return [() for _ in rows]
    losses = _losses(backbone, rows)
    places = _places(backbone, texts, max_tokens)
    return [_spans(where, own) for where, own in zip(places, losses, strict=True)]


@lanes()
@torch.no_grad()
def _losses(backbone: Backbone, rows: Sequence[Sequence[int]]) -> list[NDArray[np.float32]]:
    """Return the loss of each token of each row, nats.

    In float32: a single token's loss in the quick form moves by .07 nats with the length that
    its text is padded to (AVX-512 BF16), which a mean over tokens hides and a mark does not.
    """
    found = [np.zeros(0, np.float32) for _ in rows]
    for batch in batches(rows, backbone):
        states = batch.embedded
        for layer in range(backbone.n_layers):
            states = backbone.apply(layer, states, precise=True)
        where = batch.is_target
        losses = backbone.token_losses(states[where], batch.targets[where], precise=True)
        lengths = batch.is_target.sum(1).tolist()
        for i, own in zip(batch.index.tolist(), torch.split(losses.cpu(), lengths), strict=True):
            found[i] = own.numpy()
    return found


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


def _spans(places: Sequence[tuple[int, int]], losses: NDArray[np.float32]) -> tuple[TokenLoss, ...]:
    spans: list[TokenLoss] = []
    for (start, stop), loss in zip(places, losses.tolist(), strict=False):
        if spans and start < spans[-1].stop:
            last = spans.pop()
            spans.append(TokenLoss(last.start, max(stop, last.stop), last.loss + loss))
        else:
            spans.append(TokenLoss(start, stop, loss))
    return tuple(spans)
