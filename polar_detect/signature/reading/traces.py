"""What the language model does with texts, as plain arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polar_detect.arrays import Float32Array
from polar_detect.features.named import LENGTH, LOSS, MODEL_FLUENCY
from polar_detect.features.table import Feature, FeatureTable, by_layer
from polar_detect.search import FullLoss
from polar_detect.signature.reading.by_text import ByText
from polar_detect.signature.reading.token_states import TokenStates, mean_by_text


@dataclass(frozen=True, eq=False)
class Traces(ByText):
    """What one pass of the full program, its gradient and one loop of each layer tell.

    Losses are nats per token. Texts without tokens have NaN, but for their counts. Without
    curves, `skip` and `loop` have no columns and `exit` has the last one only.

    Parameters
    ----------
    n_tokens : (n_texts,)
    n_chars : (n_texts,)
        Characters that the tokens cover.
    loss, loss_spread, loss_max : (n_texts,)
        Mean, standard deviation and maximum over the text's tokens under the full program.
    surprise : (n_texts,)
        Mean loss minus the loss that the model expects of its own predictions, in standard
        deviations (conditional probability curvature; Bao et al., arXiv 2310.05130, eq. 2).
    skip, loop : (n_texts, n_layers)
        Loss with the layer skipped / looped, minus `loss`.
    exit : (n_texts, n_layers + 1)
        Loss with the read-out at each depth, over a small vocabulary (`Backbone.common_losses`).
    trajectory : (n_texts, n_layers + 1, hidden)
        Hidden states at each depth, mean over the text's tokens.
    tokens : TokenStates
        States that predict a token of the text, at `Tracer.token_depths`.
    """

    n_tokens: Float32Array
    n_chars: Float32Array
    loss: Float32Array
    loss_spread: Float32Array
    loss_max: Float32Array
    surprise: Float32Array
    skip: Float32Array
    loop: Float32Array
    exit: Float32Array
    trajectory: Float32Array
    tokens: TokenStates

    def __len__(self) -> int:
        return len(self.loss)

    @property
    def full_losses(self) -> list[FullLoss]:
        """What a search need not measure again, one per text."""
        return list(map(FullLoss, self.loss.tolist(), self.exit[:, -1].tolist()))

    @property
    def kept_loss(self) -> Float32Array:
        """Mean loss of the tokens whose states are kept, (n_texts,): all, but for long texts."""
        is_thinned = self.tokens.lengths < self.n_tokens
        loss = self.loss.copy()
        loss[is_thinned] = mean_by_text(self.tokens.losses, self.tokens)[is_thinned]
        return loss

    def table(self) -> FeatureTable:
        """Return all but states as named features."""
        n_curve = self.skip.shape[1]
        whole: dict[Feature, NDArray[np.floating]] = {
            LENGTH: self.n_tokens,
            MODEL_FLUENCY: self.n_chars / np.maximum(self.n_tokens, 1),
            LOSS: self.loss,
            Feature("loss", "spread"): self.loss_spread,
            Feature("loss", "max"): self.loss_max,
            Feature("loss", "surprise"): self.surprise,
        }
        exit_curve = self.exit[:, :-1] - self.exit[:, -1:]
        curves = (("skip", self.skip), ("loop", self.loop), ("exit", exit_curve))
        return FeatureTable.beside(
            [
                FeatureTable.of(whole),
                *(FeatureTable(values, by_layer(group, n_curve)) for group, values in curves),
            ]
        )


@dataclass(frozen=True, eq=False)
class Curves:
    """What skipping or looping one layer does to the loss of texts, measured in float32.

    Parameters
    ----------
    skip, loop : (n_texts, n_layers) float32, nats per token
        Loss with the layer skipped / looped, minus that of the full program; NaN for a text
        without tokens.
    """

    skip: Float32Array
    loop: Float32Array
