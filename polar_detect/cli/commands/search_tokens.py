"""What a decoder reads of the texts of `polar-detect search`; an answer and its prompt whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from polar_detect.backbone.tokenizing import shortened
from polar_detect.cli.options import SearchOptions
from polar_detect.errors import InputError
from polar_detect.programs.interchange import PolarSample
from polar_detect.signature.reading.tracer import Tracer
from polar_detect.texts.visible import visible


@dataclass(frozen=True)
class SearchTokens:
    """What is searched (rows), and what stands before it."""

    rows: list[list[int]]
    prefixes: list[list[int]] | None

    def part(self, place: slice) -> Self:
        """Return those of the texts at `place`."""
        prefixes = None if self.prefixes is None else self.prefixes[place]
        return type(self)(self.rows[place], prefixes)


def tokens_of(
    tracer: Tracer, samples: Sequence[PolarSample], options: SearchOptions
) -> SearchTokens:
    """Return the tokens of texts, or of answers behind their prompts.

    Raises
    ------
    InputError
        If a prompt or an answer would be cut, or an answer has no tokens.
    """
    questions = [sample.question for sample in samples]
    if not options.wants_answer:
        return SearchTokens(tracer.tokenize(questions), None)
    prompts = _whole(tracer, questions, "a prompt")
    answers = _whole(tracer, [sample.answer for sample in samples], "an answer")
    room = tracer.backbone.max_positions - 1
    for sample, prompt, answer in zip(samples, prompts, answers, strict=True):
        if not answer:
            raise InputError(
                f"Got an answer without tokens, {_shown(sample.answer)}; expected one that the "
                "model's tokenizer can read; choose another answer."
            )
        if len(prompt) + len(answer) > room:
            raise InputError(
                f"Got a prompt of {len(prompt)} and an answer of {len(answer)} tokens, "
                f"{_shown(sample.question)}; expected {room} together at most, as many as the "
                "model has positions for; shorten them, or choose another --model."
            )
    return SearchTokens(answers, prompts)


def _whole(tracer: Tracer, texts: Sequence[str], what: str) -> list[list[int]]:
    """Return the tokens of texts, white space included; raise for one that would be cut."""
    backbone, most = tracer.backbone, tracer.max_tokens
    backbone.tokenize([], most)  # which says whether there is room for so many
    n_readable = min(most + 1, backbone.max_positions - 1)
    rows = backbone.tokenize(list(texts), n_readable)
    for text, kept, row in zip(texts, shortened(texts, n_readable), rows, strict=True):
        if len(row) == n_readable or kept != text:
            raise InputError(
                f"Got {what} of more than {n_readable - 1} tokens, {_shown(text)}; expected one "
                "that is read whole; pass a larger --max-tokens where the model has room for it, "
                "or shorten it."
            )
    return rows


def _shown(text: str) -> str:
    return f"'{visible(text[:40])}{'…' if len(text) > 40 else ''}'"
