"""What a tokenizer is given of a text."""

from collections.abc import Sequence

_MAX_CHARS_PER_TOKEN = 64  # a run of blanks or rules; words have some four


def shortened(texts: Sequence[str], max_tokens: int) -> list[str]:
    """Return what `max_tokens` tokens of each text can cover.

    Keeps a tokenizer from chewing through a million characters of which 64 tokens are used.

    >>> shortened(["oil" * 1000], 2)[0] == ("oil" * 1000)[:128]
    True
    """
    return [text[: max_tokens * _MAX_CHARS_PER_TOKEN] for text in texts]
