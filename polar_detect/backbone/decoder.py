"""A decoder as embed → any layers → read out. Knows all of its internals.

The model's own forward runs once per token count and its blocks' arguments (masks, rotary
embeddings, …) are recorded; later calls replay them with other hidden states. No forward is
copied, so a new architecture costs nothing; what cannot be replayed faithfully is refused when
the model is loaded.
"""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from polar_detect.arrays import IntArray
from polar_detect.backbone.forms import LayerForm, LayerForms
from polar_detect.backbone.loading import load_decoder
from polar_detect.backbone.moving import Move, Mover
from polar_detect.backbone.packing import TRIED_TOKENS
from polar_detect.backbone.read_out import Moments, ReadOut
from polar_detect.backbone.recording import FAILURES
from polar_detect.backbone.replaying import Replay, difference, find_blocks
from polar_detect.backbone.tokenizing import longest_row, shortened
from polar_detect.errors import InputError, ModelError, reason_of
from polar_detect.numerics.block_sizes import is_mixture
from polar_detect.numerics.lanes import plain_modes
from polar_detect.numerics.runtime import best_dtype, keep_freed_memory

_LAYERS = ("decoder_layers", "num_hidden_layers")  # BART's second counts its encoder's
# Settings of what becomes of a head's products: Cohere's and Falcon-H1's factors, Granite's and
# Inkling's divisors, Gemma's, RecurrentGemma's and xLSTM's bounds.
_FACTORS = ("logit_scale", "lm_head_multiplier")
_DIVISORS = ("logits_scaling", "logits_mup_width_multiplier")
_BOUNDS = ("final_logit_softcapping", "logits_soft_cap", "output_logit_soft_cap")
_ALIKE = 2  # tokens that both texts of the probe begin with: what comes behind must not change them
_EXPECTED = "a decoder made of a stack of blocks"


class Backbone:
    """A decoder whose layers can be called in any order.

    Hidden states are float32 throughout. The *quick* form of a layer takes fewer passes over the
    states and multiplies in `quick_dtype`; the *precise* form is the layer's own, in float32. The
    first tenth of the layers multiply in `quick_dtype` for estimates only, else in float32: a
    rounding made there is amplified by all later layers. With SmolLM2-135M and 75 short queries,
    what one skipped layer does to the loss is off by .017 nats on average, and by .035 with
    bfloat16 everywhere; rare texts are off by some tenths either way.

    Parameters
    ----------
    model : nn.Module
        A causal language model in float32, of transformers or called as those are; put into
        inference mode and frozen.
    tokenizer : PreTrainedTokenizerBase or PlainTokenizer
    quick_dtype : torch.dtype, optional
        Default: bfloat16 where the processor has it, else float32 (then quick and precise differ
        in their last bits).

    Attributes
    ----------
    n_layers : int
    n_precise : int
        First layers that are measured in float32 alone, in either form.
    packs : bool
        Whether layers can be called on short texts of different lengths together.

    Raises
    ------
    ModelError
        When replaying the recorded blocks does not reproduce the model's own logits, or these
        hang on tokens behind.
    """

    @plain_modes()
    def __init__(
        self, model: Any, tokenizer: Any, *, quick_dtype: torch.dtype | None = None
    ) -> None:
        keep_freed_memory()
        self.model = model.eval().requires_grad_(requires_grad=False)
        self.tokenizer = tokenizer
        config = model.config.get_text_config()
        # Of some models transformers takes the head for the decoder.
        roots = (model.get_decoder(), model)
        self.blocks = find_blocks(model, roots, _setting(config, _LAYERS), _EXPECTED)
        self.n_layers = len(self.blocks)
        self.head = model.get_output_embeddings()
        self.device: torch.device = next(model.parameters()).device
        self.quick_dtype = quick_dtype or best_dtype(self.device)
        expected = f"{_EXPECTED}, a norm and a head"
        self._replay = Replay(
            model,
            self.blocks,
            lambda ids: model(input_ids=ids, use_cache=False),
            partial(_probe, device=self.device),
            expected,
        )
        probe = self._replay.probe(2, 5)
        probe[1, :_ALIKE] = probe[0, :_ALIKE]
        self._anatomy, output = self._replay.examine(probe, self.head)
        self.final_norm = self._anatomy.final_norm
        self._n_words = output.logits.shape[-1]
        self._read_out = ReadOut(
            nn.Sequential(*self._anatomy.way_out),
            self.head,
            softcap=_setting(config, _BOUNDS),
            scale=_scale_of_logits(config),
            quick_dtype=self.quick_dtype,
        )
        states = self._faithful_states(probe, output.logits)
        self._forms = LayerForms(self._replay, self.quick_dtype, states)
        self.n_precise = self._forms.n_precise
        if self.max_positions >= TRIED_TOKENS:
            self._replay.calls(TRIED_TOKENS)  # not while others run: it watches the model
        self._mover = Mover(self._forms, self.blocks, self.device, self.max_positions)
        self.packs = self._mover.packs

    @classmethod
    def load(cls, folder: Path, *, quick_dtype: torch.dtype | None = None) -> Self:
        """Load a model folder from disk, without network access.

        Parameters
        ----------
        folder : Path
            As `polar_detect.models.resolve` returns it.
        quick_dtype : torch.dtype, optional
            As in the constructor.
        """
        return cls(*load_decoder(folder), quick_dtype=quick_dtype)

    @property
    def start_token(self) -> int:
        """Token put in front of every text: BOS, or end-of-text for models trained without."""
        for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
            token = getattr(self.tokenizer, name, None)
            if token is not None:
                return self._known(int(token))
        raise ModelError(
            "Got a tokenizer without BOS, EOS and padding token; expected one of them to put in "
            "front of a text; set bos_token in the model's tokenizer_config.json."
        )

    @property
    def max_positions(self) -> int:
        """Longest sequence that the model was made for, start token included."""
        return longest_row(self.model, self.model.config.get_text_config())

    def tokenize(self, texts: list[str], max_tokens: int) -> list[list[int]]:
        """Return each text's token ids without start token, cut after `max_tokens`.

        Special tokens that are spelled out in a text are read as plain characters, so that a
        text cannot speak to the model in its own control language.

        Raises
        ------
        InputError
            The model takes no texts of that length, or a token that its weights do not have.
        """
        if max_tokens < 1 or max_tokens >= self.max_positions:
            raise InputError(
                f"Got max_tokens {max_tokens}; expected 1 to {self.max_positions - 1} for this "
                "model; choose a value there."
            )
        if not texts:  # tokenizers refuse an empty list
            return []
        cut = shortened(texts, max_tokens)
        ids = self.tokenizer(cut, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        rows = [list(row[:max_tokens]) for row in ids]
        self._known(max((token for row in rows for token in row), default=0))
        return rows

    @plain_modes()
    def embed(self, input_ids: Tensor) -> Tensor:
        """Return the first block's input, (n_rows, n_tokens, hidden).

        Watches the model, so it must not run beside other calls; see `recording`.
        """
        return self._replay.first_states(input_ids)

    def apply(
        self,
        layer: int,
        hidden: Tensor,
        *,
        lengths: IntArray | None = None,
        form: LayerForm = "quick",
        out: Tensor | None = None,
    ) -> Tensor:
        """Call block `layer` on hidden states (n_rows, n_tokens, hidden); same shape back.

        A row's result is the same to the last bit in any company and for any number of threads.
        Without gradients it can be written to `out`.

        Parameters
        ----------
        layer, hidden, out
        lengths : (n_rows,) int64, optional
            How many tokens of each row count. What stands behind them is of no effect, and says
            nothing in the result. Default: all.
        form : {"quick", "precise", "rough"}
            See `LayerForms`.
        """
        if lengths is None:
            return self._mover.whole(layer, hidden, out, form)
        if out is None:
            out = torch.zeros_like(hidden, dtype=torch.float32)
        every = torch.arange(len(hidden), device=hidden.device)
        self._mover.move(Move(layer, hidden, out, every, every, form), lengths)
        return out

    def apply_within(
        self,
        layer: int,
        states: Tensor,
        sources: Tensor,
        targets: Tensor,
        *,
        lengths: IntArray | None = None,
        form: LayerForm = "quick",
    ) -> None:
        """Call block `layer` on some rows of `states`, and put the new states in their targets.

        Parameters
        ----------
        layer : int
        states : (n_slots, n_tokens, hidden)
        sources, targets : (n_rows,) int64
            A row's target may be its own source, and no other row's.
        lengths : (n_rows,) int64, optional
            As in `apply`, of the sources.
        form : {"quick", "precise", "rough"}
        """
        self._mover.move(Move(layer, states, states, sources, targets, form), lengths)

    def padded_lengths(self, lengths: IntArray) -> IntArray:
        """Return what rows of so many tokens are padded to where they are called on alone."""
        return self._mover.padded_lengths(lengths)

    def pull_back(
        self,
        layer: int,
        hidden: Tensor,
        gradient: Tensor,
        *,
        lengths: IntArray | None = None,
    ) -> Tensor:
        """Return a gradient by what block `layer` gets, given that by what it makes of it.

        Parameters
        ----------
        layer : int
        hidden, gradient : (n_rows, n_tokens, hidden)
            The states that the block gets, and the gradient by those that it returns. The block
            is called once more, in its quick form, but for what its gradient does not hang on:
            what it computes on its way is not kept in the meantime.
        lengths : (n_rows,) int64, optional
            As in `apply`.

        Returns
        -------
        (n_rows, n_tokens, hidden) float32
            The same to the last bit in any company and for any number of threads.
        """
        return self._mover.pull_back(layer, hidden, gradient, lengths)

    def logits(self, hidden: Tensor, *, precise: bool = True) -> Tensor:
        """Read out hidden states (…, hidden) as logits (…, vocabulary) in float32."""
        return self._read_out.logits(hidden, precise=precise)

    def token_losses(self, hidden: Tensor, targets: Tensor, *, precise: bool = False) -> Tensor:
        """Return the cross entropy of each target.

        Parameters
        ----------
        hidden : (n, hidden)
            States of the last layer called, one per predicted token.
        targets : (n,) int64

        Returns
        -------
        (n,) float32, nats
            Differentiable in `hidden`. The (n, vocabulary) logits exist in pieces only.
        """
        return self._read_out.losses(hidden, targets, precise=precise)

    def token_moments(self, hidden: Tensor, targets: Tensor) -> Moments:
        """Return losses as `token_losses` does, with what the model expects of them."""
        return self._read_out.moments(hidden, targets)

    def token_moments_back(self, hidden: Tensor, targets: Tensor) -> tuple[Moments, Tensor]:
        """Return `token_moments`, and the gradient of each loss by its state, (n, hidden).

        The same to the last bit in any company and for any number of threads.
        """
        return self._read_out.moments_back(hidden, targets)

    def read_back(self, hidden: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return losses as `token_losses` does, and the gradient of each by its state, (n, hidden).

        The same to the last bit in any company and for any number of threads.
        """
        return self._read_out.read_back(hidden, targets)

    def common_losses(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """Return the losses over the first 4,096 words of the vocabulary and the target, (n,)."""
        return self._read_out.common_losses(hidden, targets)

    @property
    def has_rare_words(self) -> bool:
        """Whether the vocabulary has more words than those of `common_losses`."""
        return self._read_out.has_rare_words

    def _known(self, token: int) -> int:
        """Return a token; raise `InputError` where the weights do not have it."""
        if token >= self._n_words:
            raise InputError(
                f"Got token {token} from the tokenizer; expected one below {self._n_words}, as "
                "the model's weights have no more; take the tokenizer that belongs to them."
            )
        return token

    @property
    def has_mixtures(self) -> bool:
        """Whether blocks choose among experts: a rounding can then change a loss by much."""
        return any(is_mixture(block) for block in self.blocks)

    @torch.no_grad()
    def _faithful_states(self, probe: Tensor, logits: Tensor) -> list[Tensor]:
        """Return the states of the probe at each depth by the blocks called alone.

        Raise `ModelError` where these do not stand for the model, or where it reads ahead.
        """
        states = self._replay.adapted(lambda: self._replayed(probe, logits))
        self._replay.check_that_nothing_is_left_behind(states)
        self._replay.check_that_nothing_of_a_text_is_given()
        if self._anatomy.has_extras:  # of the probe; those of other texts must not differ
            others = self._replay.probe(2, 6).flip(1)
            self._replayed(others, self._replay.forward(others).logits)
        if difference(logits[1, :_ALIKE], logits[0, :_ALIKE]):
            raise ModelError(
                f"Got a {type(self.model).__name__} that reads a token by those behind it too; "
                "expected a causal language model; check the model's config.json, or choose "
                "another model."
            )
        return states

    def _replayed(self, ids: Tensor, logits: Tensor) -> list[Tensor]:
        """Return the states of token ids at each depth; raise where they do not lead to logits."""
        try:
            states = [self.embed(ids)]
            for block, call in zip(self.blocks, self._replay.calls(ids.shape[1]), strict=True):
                states.append(call.of(block, states[-1]))
            gap = difference(self.logits(states[-1]), logits)
        except FAILURES as error:
            raise self._replay.unfaithful(f"replaying it fails: {reason_of(error)}") from error
        if gap:
            raise self._replay.unfaithful(f"replayed logits differ by {gap:.3g}")
        return states


def _probe(n_rows: int, n_tokens: int, device: torch.device) -> Tensor:
    return torch.arange(n_rows * n_tokens, device=device).view(n_rows, n_tokens) % 7


def _scale_of_logits(config: Any) -> float:
    """Return what a model multiplies its head's logits by."""
    return float(_setting(config, _FACTORS) or 1) / float(_setting(config, _DIVISORS) or 1)


def _setting(config: Any, names: Iterable[str]) -> Any:
    """Return the first of these settings that is given; None where none is."""
    return next(filter(None, (getattr(config, name, None) for name in names)), None)
