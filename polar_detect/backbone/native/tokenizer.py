"""Tokenizers by the tokenizers library alone, called as those of transformers are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer

from polar_detect.backbone.native.folder import read_object

# What special tokens are called.
_NAMED = tuple(f"{name}_token" for name in ("bos", "eos", "unk", "sep", "pad", "cls", "mask"))
# Classes that do what `tokenizer.json` says. BERT's takes the vocabulary from there and makes the
# rest anew by its settings, which must say the same.
_PLAIN = ("PreTrainedTokenizerFast", "TokenizersBackend")
_BERT = ("BertTokenizer", "BertTokenizerFast")
_CASES = {"do_lower_case": True, "strip_accents": None, "tokenize_chinese_chars": True}
_CLEANING = "clean_up_tokenization_spaces"
# Settings that change nothing here.
_IDLE = frozenset({
    "backend", "do_basic_tokenize", "is_local", "local_files_only", "model_max_length",
    "name_or_path", "never_split", "tokenizer_class",
})  # fmt: skip


class PlainTokenizer:
    """What a `tokenizer.json` describes.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
    named : dict
        Special tokens by what they are called; all of them are in the vocabulary.

    Attributes
    ----------
    is_fast : bool
        Whether it knows which characters a token covers.
    bos_token_id, eos_token_id, unk_token_id, pad_token_id : int or None
    """

    is_fast = True

    def __init__(self, tokenizer: Tokenizer, named: dict[str, str]) -> None:
        self._tokenizer = tokenizer
        ids = {name: tokenizer.token_to_id(token) for name, token in named.items()}
        self.bos_token_id: int | None = ids.get("bos_token")
        self.eos_token_id: int | None = ids.get("eos_token")
        self.unk_token_id: int | None = ids.get("unk_token")
        self.pad_token_id: int | None = ids.get("pad_token")

    def __len__(self) -> int:
        return int(self._tokenizer.get_vocab_size())

    def __call__(
        self,
        texts: Sequence[str],
        *,
        add_special_tokens: bool = True,
        split_special_tokens: bool = False,
        truncation: bool = False,
        max_length: int | None = None,
        **wanted: bool,
    ) -> dict[str, list[Any]]:
        """Cut texts into tokens.

        Parameters
        ----------
        texts : sequence of str
        add_special_tokens : bool
            Put around a text what the model wants there.
        split_special_tokens : bool
            Read special tokens that are spelled out in a text as plain characters.
        truncation, max_length
            Keep the first so many tokens, special ones included.
        **wanted : bool
            `return_special_tokens_mask` and `return_offsets_mapping`.

        Returns
        -------
        dict
            By text, "input_ids", "special_tokens_mask" and "offset_mapping".
        """
        self._tokenizer.encode_special_tokens = split_special_tokens
        if truncation and max_length is not None:
            self._tokenizer.enable_truncation(max_length)
        else:
            self._tokenizer.no_truncation()
        found = self._tokenizer.encode_batch(texts, add_special_tokens=add_special_tokens)
        encoded: dict[str, list[Any]] = {"input_ids": [row.ids for row in found]}
        if wanted.get("return_special_tokens_mask"):
            encoded["special_tokens_mask"] = [row.special_tokens_mask for row in found]
        if wanted.get("return_offsets_mapping"):
            encoded["offset_mapping"] = [row.offsets for row in found]
        return encoded

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of tokens, special ones included."""
        return str(self._tokenizer.decode(ids, skip_special_tokens=False))


def load(folder: Path) -> PlainTokenizer | None:
    """Load a folder's tokenizer; None where it is of another class, or anything is not known."""
    settings, file = read_object(folder / "tokenizer_config.json"), folder / "tokenizer.json"
    if settings is None or not set(settings) <= {*_IDLE, *_NAMED, *_CASES, _CLEANING}:
        return None
    if settings.get("tokenizer_class") not in (*_PLAIN, *_BERT) or settings.get(_CLEANING):
        return None  # before its file is read, which may be large
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception:  # noqa: BLE001 - what the library raises has no class of its own
        return None
    is_described = settings["tokenizer_class"] in _PLAIN or _is_as_described(settings, file)
    if not (is_described and _do_older_files_agree(folder, settings, tokenizer)):
        return None
    named = {name: settings[name] for name in _NAMED if settings.get(name) is not None}
    if any(not isinstance(t, str) or tokenizer.token_to_id(t) is None for t in named.values()):
        return None
    tokenizer.no_padding()
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in named.values()])
    return PlainTokenizer(tokenizer, named)


def _do_older_files_agree(folder: Path, settings: dict[str, Any], tokenizer: Tokenizer) -> bool:
    """Return whether the older files, which transformers reads as well, say nothing else."""
    special, added = folder / "special_tokens_map.json", folder / "added_tokens.json"
    if special.exists():
        named = read_object(special)
        if named is None or not named.items() <= settings.items():
            return False
    if added.exists():
        ids = read_object(added)
        known = {t.content: n for n, t in tokenizer.get_added_tokens_decoder().items()}
        return ids is not None and ids.items() <= known.items()
    return True


def _is_as_described(settings: dict[str, Any], file: Path) -> bool:
    """Return whether what BERT's class makes by its settings is what its `tokenizer.json` says."""
    found = read_object(file) or {}
    cases = {name: settings.get(name, default) for name, default in _CASES.items()}
    model = {k: v for k, v in (found.get("model") or {}).items() if k != "vocab"}
    return (
        found.get("normalizer") == {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": cases["tokenize_chinese_chars"],
            "strip_accents": cases["strip_accents"],
            "lowercase": cases["do_lower_case"],
        }
        and found.get("pre_tokenizer") == {"type": "BertPreTokenizer"}
        and model == {
            "type": "WordPiece",
            "unk_token": settings.get("unk_token", "[UNK]"),
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
        }
        and {token["content"] for token in found.get("added_tokens", ())}
        <= {settings.get(name) for name in _NAMED}
    )  # fmt: skip
