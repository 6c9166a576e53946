"""A Hugging Face decoder as embed → any layers → read out. Knows all of its internals.

The model's own forward runs once per token count and its blocks' arguments (masks, rotary
embeddings, …) are recorded; later calls replay them with other hidden states. No forward is
copied and nothing is patched, so a new architecture costs nothing; what cannot be replayed
faithfully is refused when the model is loaded.
"""

import copy
from pathlib import Path
from typing import Any, Self

import torch
import torch.nn.functional as F
import transformers
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.pytorch_utils import Conv1D

from polar_detect.errors import InputError, ModelError
from polar_detect.recording import Call, first_input, hidden_of, record_calls
from polar_detect.runtime import best_device, best_dtype, keep_freed_memory

_PRECISE_SHARE = 10  # one layer in so many, the first ones, has no quick form
_READ_OUT_TOKENS = 64  # (tokens × vocabulary) logits of one chunk: 13 MB in float32, as caches hold


class Backbone:
    """A decoder whose layers can be called in any order.

    Hidden states are float32 throughout. The *quick* form of a layer multiplies in
    `quick_dtype`; the *precise* form in float32. Layers of the first third have no quick
    form: a rounding made there is amplified by all later layers (with SmolLM2-135M and
    12-token texts, bfloat16 everywhere moves the difference between two programs' losses by
    0.044 nats on average, which a tolerance of 0.1 cannot bear; this way by 0.01).

    Parameters
    ----------
    model : PreTrainedModel
        A causal language model in float32; put into inference mode and frozen.
    tokenizer : PreTrainedTokenizerBase
    quick_dtype : torch.dtype, optional
        Default: bfloat16 where the processor has it, else float32 (then quick = precise).

    Raises
    ------
    ModelError
        When replaying the recorded blocks does not reproduce the model's own logits.
    """

    def __init__(
        self, model: Any, tokenizer: Any, *, quick_dtype: torch.dtype | None = None
    ) -> None:
        keep_freed_memory()
        self.model = model.eval().requires_grad_(requires_grad=False)
        self.tokenizer = tokenizer
        self.blocks = _find_blocks(model)
        self.n_layers = len(self.blocks)
        self.head = model.get_output_embeddings()
        self.device: torch.device = next(model.parameters()).device
        self.quick_dtype = quick_dtype or best_dtype(self.device)
        self._softcap: float | None = getattr(
            model.config.get_text_config(), "final_logit_softcapping", None
        )
        self._calls: dict[int, list[tuple[Call, Call]]] = {}
        self.final_norm = self._find_final_norm()
        self._check_faithful()
        self._quick_blocks, self._quick_head = self._quick_forms()

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
        device = best_device()
        transformers.utils.logging.disable_progress_bar()  # loading takes a second or less
        try:
            model = AutoModelForCausalLM.from_pretrained(
                folder, dtype=torch.float32, local_files_only=True
            )
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(
                f"Got model folder '{folder}' that transformers cannot load "
                f"({str(error).splitlines()[0]}); expected a causal language model with its "
                "tokenizer; check the folder or choose another model."
            ) from error
        return cls(model.to(device), tokenizer, quick_dtype=quick_dtype)

    @property
    def start_token(self) -> int:
        """Token put in front of every text: BOS, or end-of-text for models trained without."""
        for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
            token = getattr(self.tokenizer, name, None)
            if token is not None:
                return int(token)
        raise ModelError(
            "Got a tokenizer without BOS, EOS and padding token; expected one of them to put in "
            "front of a text; set bos_token in the model's tokenizer_config.json."
        )

    @property
    def max_positions(self) -> int:
        """Longest sequence that the model was made for, start token included."""
        config = self.model.config.get_text_config()
        return int(getattr(config, "max_position_embeddings", None) or 2**31)

    def tokenize(self, texts: list[str], max_tokens: int) -> list[list[int]]:
        """Return each text's token ids without start token, cut after `max_tokens`.

        Special tokens that are spelled out in a text are read as plain characters, so that a
        text cannot speak to the model in its own control language.
        """
        if max_tokens < 1 or max_tokens >= self.max_positions:
            raise InputError(
                f"Got max_tokens {max_tokens}; expected 1 to {self.max_positions - 1} for this "
                "model; choose a value there."
            )
        if not texts:  # tokenizers refuse an empty list
            return []
        # A token covers at most ~64 characters in practice; cutting first keeps the tokenizer
        # from chewing through a text of a million characters of which 64 tokens are used.
        cut = [text[: max_tokens * 64] for text in texts]
        ids = self.tokenizer(cut, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return [list(row[:max_tokens]) for row in ids]

    def embed(self, input_ids: Tensor) -> Tensor:
        """Return the first block's input, (n_rows, n_tokens, hidden)."""
        return first_input(self.blocks, lambda: self.model(input_ids=input_ids, use_cache=False))

    def apply(self, layer: int, hidden: Tensor, *, precise: bool = False) -> Tensor:
        """Call block `layer` on hidden states (n_rows, n_tokens, hidden); same shape back."""
        precise_call, quick_call = self._recorded(hidden.shape[1])[layer]
        quick = None if precise else self._quick_blocks[layer]
        if quick is None:
            return precise_call.of(self.blocks[layer], hidden)
        return quick_call.of(quick, hidden).float()

    def logits(self, hidden: Tensor, *, precise: bool = True) -> Tensor:
        """Read out hidden states (…, hidden) as logits (…, vocabulary) in float32."""
        normed = self.final_norm(hidden)
        if precise or self._quick_head is None:
            return self.capped(self.head(normed))
        return self.capped(F.linear(normed.to(self.quick_dtype), self._quick_head).float())

    def capped(self, logits: Tensor) -> Tensor:
        """Return logits under the model's final soft cap, where it has one."""
        return self._softcap * torch.tanh(logits / self._softcap) if self._softcap else logits

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
            Differentiable in `hidden`. The (n, vocabulary) logits exist in chunks only.
        """
        losses = self._chunk_losses
        if not precise and self._quick_head is not None:
            losses = self._quick_chunk_losses
        chunks = (torch.split(part, _READ_OUT_TOKENS) for part in (hidden, targets))
        pieces = [losses(self.final_norm(h), t) for h, t in zip(*chunks, strict=True)]
        return torch.cat(pieces) if pieces else hidden.new_zeros(0)

    def _chunk_losses(self, normed: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(self.capped(self.head(normed)), targets, reduction="none")

    def _quick_chunk_losses(self, normed: Tensor, targets: Tensor) -> Tensor:
        """Return losses from low-precision logits with the target's own logit in float32.

        A bfloat16 product rounds logits near 15 to steps of 0.06 nats. The errors of the
        other tokens' logits cancel in the normaliser; the target's would not.
        """
        assert self._quick_head is not None
        logits = F.linear(normed.to(self.quick_dtype), self._quick_head).float()
        target_logits = (normed * self.head.weight[targets]).sum(-1)
        return torch.logsumexp(self.capped(logits), -1) - self.capped(target_logits)

    def _quick_forms(self) -> "tuple[list[_QuickBlock | None], Tensor | None]":
        """Return each block's quick form, where it has one, and the head's quick weight."""
        if self.quick_dtype == torch.float32:
            return [None] * self.n_layers, None
        first = -(-self.n_layers // _PRECISE_SHARE)
        quick = [_QuickBlock(block, self.quick_dtype) for block in self.blocks[first:]]
        is_plain = isinstance(self.head, nn.Linear) and self.head.bias is None
        weight = self.head.weight.to(self.quick_dtype) if is_plain else None
        return [*([None] * first), *quick], weight

    def _recorded(self, n_tokens: int) -> list[tuple[Call, Call]]:
        """Return each block's arguments, as recorded and in the quick number format."""
        if n_tokens not in self._calls:
            calls = self._record(n_tokens)
            self._calls[n_tokens] = [(call, _cast_call(call, self.quick_dtype)) for call in calls]
        return self._calls[n_tokens]

    @torch.no_grad()
    def _record(self, n_tokens: int) -> list[Call]:
        """Run the model's forward on one row; its arguments broadcast over any number of rows."""
        probe = self._probe(1, n_tokens)
        return record_calls(self.blocks, lambda: self.model(input_ids=probe, use_cache=False))

    @torch.no_grad()
    def _find_final_norm(self) -> nn.Module:
        """Return the module that receives the last block's output, found by watching a forward."""
        last: list[Tensor] = []
        found: list[nn.Module] = []

        def remember(_: nn.Module, __: Any, output: Any) -> None:
            last.append(hidden_of(output))

        def compare(module: nn.Module, args: tuple[Any, ...]) -> None:
            if last and not found and args and args[0] is last[-1]:
                found.append(module)

        inside = {id(m) for block in self.blocks for m in block.modules()}
        outside = [m for m in self.model.modules() if id(m) not in inside]
        hooks = [self.blocks[-1].register_forward_hook(remember)]
        hooks += [m.register_forward_pre_hook(compare) for m in outside]
        try:
            self.model(input_ids=self._probe(1, 2), use_cache=False)
        finally:
            for hook in hooks:
                hook.remove()
        return found[0] if found and found[0] is not self.head else nn.Identity()

    @torch.no_grad()
    def _check_faithful(self) -> None:
        ids = self._probe(2, 5)
        hidden = self.embed(ids)
        try:
            for layer in range(self.n_layers):
                hidden = self.apply(layer, hidden, precise=True)
            replayed = self.logits(hidden)
        except (RuntimeError, TypeError, IndexError) as error:
            raise self._unfaithful(f"replaying it fails: {str(error).splitlines()[0]}") from error
        expected = self.model(input_ids=ids, use_cache=False).logits
        gap = (replayed - expected).abs().max().item()
        if not gap <= 1e-3 + 1e-3 * expected.abs().max().item():
            raise self._unfaithful(f"replayed logits differ by {gap:.3g}")

    def _unfaithful(self, what: str) -> ModelError:
        return ModelError(
            f"Got a {type(self.model).__name__} whose layers cannot be called alone ({what}); "
            "expected a decoder made of a stack of blocks, a norm and a head; choose another model."
        )

    def _probe(self, n_rows: int, n_tokens: int) -> Tensor:
        return torch.arange(n_rows * n_tokens, device=self.device).view(n_rows, n_tokens) % 7


def _find_blocks(model: Any) -> list[nn.Module]:
    n_layers = model.config.get_text_config().num_hidden_layers
    stacks = [
        module
        for module in model.get_decoder().modules()
        if isinstance(module, nn.ModuleList) and len(module) == n_layers
    ]
    if not stacks:
        raise ModelError(
            f"Got a {type(model).__name__} without a list of {n_layers} blocks; expected a "
            "decoder made of a stack of blocks; choose another model."
        )
    return list(stacks[0])


class _QuickLinear(nn.Module):
    """A linear layer that multiplies in a low precision.

    Parameters
    ----------
    weight : (n_out, n_in)
    bias : (n_out,), optional
    last_cast : _LastCast
        Shared by the linear layers of a block: query, key and value read the same states.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, last_cast: "_LastCast") -> None:
        super().__init__()
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
        self._last_cast = last_cast

    def forward(self, states: Tensor) -> Tensor:
        return F.linear(self._last_cast.to(states, self.weight.dtype), self.weight, self.bias)


class _LastCast:
    """Casts a tensor, once if it is asked for the same one again and again."""

    def __init__(self) -> None:
        self._source: Tensor | None = None
        self._cast: Tensor | None = None

    def to(self, source: Tensor, dtype: torch.dtype) -> Tensor:
        if source.dtype == dtype:
            return source
        if self._source is not source or self._cast is None:
            self._source, self._cast = source, source.to(dtype)
        return self._cast

    def clear(self) -> None:
        self._source = self._cast = None


class _QuickBlock:
    """A copy of a block whose linear layers multiply in `dtype`; all else stays as it is."""

    def __init__(self, block: nn.Module, dtype: torch.dtype) -> None:
        self._dtype = dtype
        self._last_cast = _LastCast()
        self._block = copy.deepcopy(block)
        for name, module in list(self._block.named_modules()):
            if isinstance(module, nn.Linear | Conv1D):
                weight = module.weight.T if isinstance(module, Conv1D) else module.weight
                bias = None if module.bias is None else module.bias.to(dtype)
                quick = _QuickLinear(weight.to(dtype).contiguous(), bias, self._last_cast)
                self._block.set_submodule(name, quick)

    def __call__(self, hidden: Tensor, *args: Any, **kwargs: Any) -> Any:
        try:
            with torch.autocast(hidden.device.type, self._dtype):
                return self._block(hidden, *args, **kwargs)
        finally:
            self._last_cast.clear()


def _cast_call(call: Call, dtype: torch.dtype) -> Call:
    kwargs = {name: _cast(value, dtype) for name, value in call.kwargs.items()}
    return Call(_cast(call.args, dtype), kwargs)


def _cast(value: Any, dtype: torch.dtype) -> Any:
    """Return recorded arguments with their floating-point tensors in `dtype`."""
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    if isinstance(value, tuple | list):
        return type(value)(_cast(part, dtype) for part in value)
    return value
