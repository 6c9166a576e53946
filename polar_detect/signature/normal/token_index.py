"""Token by token: states of new texts against those of normal texts.

A mean over a text hides a strange word; here each token looks for its nearest normal tokens,
and for what followed them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polar_detect.arrays import BoolArray, Float16Array, Float32Array, IndexArray, IntArray
from polar_detect.numerics.blocks import by_blocks
from polar_detect.numerics.lanes import lanes
from polar_detect.numerics.products import Weight
from polar_detect.numerics.runtime import best_device, best_dtype
from polar_detect.signature.reading.token_states import TokenStates, mean_by_text
from polar_detect.statistics.shares import count_of

_MAX_POINTS = 16_384  # reference tokens; 19 MB a depth at 576 dimensions in float16
_N_NEAREST = 3
_N_FOLLOWED = 16
_N_REMEMBERED = 64  # for single tokens: the first one has as many equals as there are texts
_GROUP = 32  # columns whose maximum stands for them
_TEMPERATURE = 0.1
_SHARE = 0.5  # of the nearest tokens in the mixed prediction
_QUERY_TOKENS = 1024
_BLOCK = 128  # tokens that are compared at a time, always: a product's last bits depend on it


@dataclass(frozen=True, eq=False)
class Novelty:
    """How far the tokens of each text are from normal tokens.

    Parameters
    ----------
    distances : (n_texts, n_depths) float32
        One minus the cosine to the three nearest normal tokens, mean over the text's tokens.
    memory_loss : (n_texts,) float32, nats per token
        Loss when half of the prediction is what followed the nearest normal tokens at the
        last depth. Source: nearest-neighbour language models, Khandelwal et al., arXiv
        1911.00172, eq. 2 and 3, with cosine in place of squared distance.
    memory_share : (n_texts,) float32
        What those followers alone give to the tokens of the text, mean probability.
    far : (n_texts,) float32
        At the last depth, the same as `distances`, to as many of the nearest tokens as were
        asked for.
    """

    distances: Float32Array
    memory_loss: Float32Array
    memory_share: Float32Array
    far: Float32Array


@dataclass(frozen=True, eq=False)
class TokenIndex:
    """Tokens of normal texts at a few depths, to be searched for nearest neighbours.

    Parameters
    ----------
    means : (n_depths, hidden) float32
    points : (n_depths, n_points, hidden) float16
        States minus their mean, unit length.
    owners : (n_points,) int64
        Normal text of each point; of use while fitting only, and empty where it is forgotten.
    targets : (n_points,) int64
    """

    means: Float32Array
    points: Float16Array
    owners: IntArray
    targets: IntArray

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields, without the points that were laid out, which no pickle can hold."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def fit(cls, tokens: TokenStates, *, seed: int = 0, is_shuffled: bool = False) -> Self:
        """Keep the tokens of `tokens`, of a random subset of its texts where they are many.

        Where `is_shuffled`, no two points stand beside each other because their tokens did, so
        that `targets` cannot be read as the texts.
        """
        chance = np.random.default_rng(seed)
        order = chance.permutation(len(tokens))
        fits = np.cumsum(tokens.lengths[order]) <= _MAX_POINTS
        fits[:1] = True
        kept = np.sort(order[fits])
        own = tokens.rows(kept)
        means = np.stack([own.at(d).astype(np.float32).mean(0) for d in range(own.n_depths)])
        points = _directions(own, means)
        owners = np.repeat(kept, own.lengths).astype(np.int64)
        targets = own.targets
        if is_shuffled:
            order = chance.permutation(len(owners))
            points, owners, targets = points[:, order], owners[order], targets[order]
        # Contiguous: a product's last bits depend on how its factors lie in memory.
        return cls(means, np.ascontiguousarray(points), owners, targets)

    def widened(self, tokens: TokenStates, *, first_owner: int) -> Self:
        """Return the same index with the tokens of more normal texts, if all of them have room.

        They stand in any order, so that they cannot be read as the texts.

        Parameters
        ----------
        tokens : TokenStates
        first_owner : int
            Number of the first of the texts.
        """
        n_new = int(tokens.lengths.sum())
        if len(self.targets) + n_new > _MAX_POINTS:
            return self
        order = np.random.default_rng(first_owner).permutation(n_new)
        new = _directions(tokens, self.means)[:, order]
        points = np.concatenate([self.points, new], axis=1)
        owners = np.concatenate([self.owners, first_owner + tokens.owners[order]])
        targets = np.concatenate([self.targets, tokens.targets[order]])
        return replace(self, points=np.ascontiguousarray(points), owners=owners, targets=targets)

    def without_layouts(self) -> Self:
        """Return the same points without those laid out for products, which take twice as much.

        They are laid out anew when they are asked for.
        """
        return replace(self)

    def without_owners(self) -> Self:
        """Return the same points, of which nothing says any more which text they are of."""
        return replace(self, owners=np.zeros(0, np.int64))

    @lanes()
    @torch.no_grad()
    def novelty(
        self,
        tokens: TokenStates,
        *,
        banned: BoolArray | None = None,
        skipped: float = 0,
        n_far: int = _N_NEAREST,
    ) -> Novelty:
        """Compare every token with the normal ones.

        Parameters
        ----------
        tokens : TokenStates
        banned : (n_texts, n_normal_texts) bool, optional
            Pairs of texts whose tokens must not meet: a text and itself, or its own cluster.
        skipped : float
            Each token passes over the nearest of the normal texts, this share of all of them.
            By that, a few texts like its own do not make it normal. Needs owners.
        n_far : int
            Nearest tokens of `Novelty.far`.

        Returns
        -------
        Novelty
            NaN for texts without tokens.
        """
        n_depths = len(self.means)
        passed_over = self._passed_over(skipped) if skipped else None
        distances = np.full((len(tokens), n_depths), np.nan, np.float32)
        far, loss, share = np.full((3, len(tokens)), np.nan, np.float32)
        for texts in _chunks(tokens.lengths):
            part = tokens.rows(texts)
            banned_points = self._banned_points(part, texts, banned)
            for depth in range(n_depths):
                is_last = depth == n_depths - 1
                n = max(_N_FOLLOWED, n_far) if is_last else _N_NEAREST
                similarity, nearest = self._nearest(
                    depth, part.at(depth), banned_points, passed_over, n=n
                )
                near = similarity[:, :_N_NEAREST].mean(1)
                distances[texts, depth] = 1 - _mean(near, part)
            far[texts] = 1 - _mean(similarity[:, :n_far].mean(1), part)
            followed = similarity[:, :_N_FOLLOWED], nearest[:, :_N_FOLLOWED]
            loss[texts], share[texts] = self._memory(*followed, part)
        return Novelty(distances, memory_loss=loss, memory_share=share, far=far)

    @lanes()
    @torch.no_grad()
    def remembered(
        self, states: Float16Array, targets: IntArray, *, skipped: float = 0
    ) -> Float32Array:
        """Return the probability of each token by what followed the nearest normal tokens alone.

        Parameters
        ----------
        states : (n_tokens, hidden) float16
            At the last depth; see `stored_states`.
        targets : (n_tokens,) int64
            The token that follows each.
        skipped
            See `novelty`.
        """
        if not len(states):
            return np.zeros(0, np.float32)
        passed_over = self._passed_over(skipped) if skipped else None
        depth = len(self.means) - 1
        nearest = self._nearest(depth, states, None, passed_over, n=_N_REMEMBERED)
        remembered: Float32Array = self._followed(*nearest, targets).cpu().numpy()
        return remembered

    def _banned_points(
        self, part: TokenStates, texts: IndexArray, banned: BoolArray | None
    ) -> Tensor | None:
        """Return which points each token must not meet, (n_tokens, n_points)."""
        if banned is None:
            return None
        by_text = torch.from_numpy(banned[texts][:, self.owners])
        return by_text[torch.from_numpy(part.owners)].to(best_device())

    def _nearest(
        self,
        depth: int,
        states: Float16Array,
        banned_points: Tensor | None,
        passed_over: "_PassedOver | None",
        *,
        n: int,
    ) -> tuple[Tensor, Tensor]:
        """Return cosines and indices of the `n` nearest points, nearest first."""
        points = self._weights[depth]
        mean = _tensor(self.means[depth], points.device)
        n_nearest = min(n, len(self.targets))

        def block(rows: Tensor, *banned: Tensor) -> tuple[Tensor, Tensor]:
            query = torch.nn.functional.normalize(rows.float() - mean, dim=1, eps=1e-9)
            similarity = points.times(query.to(points.dtype))
            for where in banned:
                similarity.masked_fill_(where, -1.0)
            if passed_over is not None:
                similarity.masked_fill_(passed_over.points(similarity), -1.0)
            return largest(similarity, n_nearest)

        query = torch.from_numpy(states).to(points.device)
        values, indices = by_blocks(
            block, query, *([] if banned_points is None else [banned_points]), counts=(_BLOCK,)
        )
        return values, indices

    @cached_property
    def _weights(self) -> tuple[Weight, ...]:
        """The points of each depth, laid out for products once: half of a product's time else."""
        device = best_device()
        dtype = best_dtype(device)
        points = _tensor(self.points, device)
        return tuple(Weight(own, dtype=dtype, n_rows=_BLOCK) for own in points)

    def _passed_over(self, share: float) -> "_PassedOver":
        assert len(self.owners) == len(self.targets), "nothing says which text a token is of"
        texts, places = np.unique(self.owners, return_inverse=True)
        n = count_of(share, len(texts))
        return _PassedOver(n, len(texts), torch.from_numpy(places).to(best_device()))

    def _memory(
        self, similarity: Tensor, nearest: Tensor, part: TokenStates
    ) -> tuple[Float32Array, Float32Array]:
        """Return the loss with memory and the memory's own probability, (n_texts,) each."""
        remembered = self._followed(similarity, nearest, part.targets)
        predicted = torch.from_numpy(np.exp(-part.losses)).to(nearest.device)
        losses = -torch.log((1 - _SHARE) * predicted + _SHARE * remembered)
        return _mean(losses, part), _mean(remembered, part)

    def _followed(self, similarity: Tensor, nearest: Tensor, targets: IntArray) -> Tensor:
        """Return how much of what followed the nearest points is each target, (n_tokens,)."""
        followers = _tensor(self.targets, nearest.device)[nearest]
        own = torch.from_numpy(targets).to(nearest.device)
        weights = torch.softmax(similarity / _TEMPERATURE, 1)
        return (weights * (followers == own[:, None])).sum(1)


@dataclass(frozen=True, eq=False)
class _PassedOver:
    """Which texts of an index are too near to a token to be asked.

    Parameters
    ----------
    n : int
        So many of them.
    n_texts : int
    places : (n_points,) int64
        Text of each point, 0 … n_texts - 1.
    """

    n: int
    n_texts: int
    places: Tensor

    def points(self, similarity: Tensor) -> Tensor:
        """Return the points of each row's `n` nearest texts, (n_rows, n_points) bool."""
        places = self.places.expand(len(similarity), -1)
        best = similarity.new_full((len(similarity), self.n_texts), -torch.inf)
        best.scatter_reduce_(1, places, similarity, "amax")
        # By place and not by value: in bfloat16 hundreds of texts can be equally near.
        nearest = best.float().topk(self.n, dim=1).indices
        is_passed_over = torch.zeros_like(best, dtype=torch.bool).scatter_(1, nearest, True)
        return is_passed_over.gather(1, places)


def largest(rows: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Return the `n` largest of each row as float32, largest first, and where they are.

    The `n` largest lie in the `n` groups whose maxima are largest, and maxima of groups take a
    third of the time of a search through everything.

    Parameters
    ----------
    rows : (n_rows, n_columns)
    n : int
    """
    n_rows, n_columns = rows.shape
    if n_columns < _GROUP * n:
        found = rows.float().topk(n, dim=1)
        return found.values, found.indices
    padded = torch.nn.functional.pad(rows, (0, -n_columns % _GROUP), value=-torch.inf)
    groups = padded.view(n_rows, _GROUP, -1)  # strided, so that maxima are taken side by side
    best = groups.amax(1).float().topk(n, dim=1).indices
    kept = groups.gather(2, best[:, None, :].expand(-1, _GROUP, -1)).reshape(n_rows, -1)
    found = kept.float().topk(n, dim=1)
    places = found.indices // n * groups.shape[2] + best.gather(1, found.indices % n)
    return found.values, places


def _directions(tokens: TokenStates, means: Float32Array) -> Float16Array:
    """Return states minus their mean, of unit length, (n_depths, n_tokens, hidden)."""
    n_tokens, hidden = int(tokens.lengths.sum()), means.shape[1]
    directions = np.empty((len(means), n_tokens, hidden), np.float16)
    for depth, mean in enumerate(means):
        points = tokens.at(depth).astype(np.float32) - mean
        points /= np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-9)
        directions[depth] = points
    return directions


def _chunks(lengths: IntArray) -> Iterator[IndexArray]:
    """Yield texts that have tokens, about `_QUERY_TOKENS` of them together."""
    texts = np.flatnonzero(lengths)
    if len(texts):
        places = (np.cumsum(lengths[texts]) - 1) // _QUERY_TOKENS
        yield from np.split(texts, np.flatnonzero(np.diff(places)) + 1)


def _mean(values: Tensor, part: TokenStates) -> Float32Array:
    return mean_by_text(values.cpu().numpy(), part)


def _tensor(kept: NDArray[Any], device: torch.device) -> Tensor:
    """Return an array as a tensor, copied where it must not be written: joblib maps it from a file.

    Torch warns of such an array, though nobody writes into it here.
    """
    return torch.from_numpy(np.require(kept, requirements="W")).to(device)
