"""Programs in the file format of the PoLar project, `merged_mcts_samples.json`.

Its training reads what our search finds, and our engine runs the programs that its search
found. Source: mcts_discovery/merge_mcts_samples.py and polar/data.py of tianyi-lab/PoLar.
"""

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from polar_detect.atomic import write_file
from polar_detect.errors import InputError, InputNotFoundError, OutputError, ProgramError
from polar_detect.program import Program
from polar_detect.texts.visible import visible

_SURROGATE = re.compile("[\ud800-\udfff]")
_OWN_FIELDS = (
    "question",
    "gt_ans",
    "initial_score",
    "final_valid_transitions",
    "final_invalid_transitions",
)
# What the project's search writes of the programs that it met, beside what its training reads; of
# the score of the full one the training believes this before `initial_score`.
_OF_A_SEARCH = (
    *("initial_transition_metric", "new_metric", "best_transitions"),
    *("valid_transitions", "invalid_transitions", "trajectories"),
)


@dataclass(frozen=True)
class PolarSample:
    """A question with its answer, and programs that reproduce it or do not.

    Parameters
    ----------
    question, answer : str
        The answer is empty where the criterion needs none.
    initial_score : float, optional
        1 if the full program is valid, 0 if not; None where the file does not say.
    valid, invalid : tuple of Program
    extra : mapping
        Further fields, kept as they are.
    """

    question: str
    answer: str
    initial_score: float | None
    valid: tuple[Program, ...]
    invalid: tuple[Program, ...]
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_programs(self) -> bool:
        """Whether it brings programs."""
        return bool(self.valid or self.invalid)

    def with_programs(self, programs: Sequence[Program], is_valid: Sequence[bool]) -> Self:
        """Return the sample with these programs instead, the full one first among them.

        Fields in which the PoLar project says more of the former ones are left out.
        """
        pairs = list(zip(programs, is_valid, strict=True))
        return replace(
            self,
            initial_score=float(is_valid[0]),
            valid=tuple(program for program, valid in pairs if valid),
            invalid=tuple(program for program, valid in pairs if not valid),
            extra={name: x for name, x in self.extra.items() if name not in _OF_A_SEARCH},
        )

    def check(self, n_layers: int, place: str) -> None:
        """Raise `ProgramError` naming `place` unless all programs fit a model of `n_layers`."""
        for program in (*self.valid, *self.invalid):
            try:
                program.check(n_layers)
            except ProgramError as error:
                raise ProgramError(f"{place}: {error}") from error


@dataclass(frozen=True)
class PolarFile:
    """Samples, and the fields that stand beside them."""

    samples: tuple[PolarSample, ...]
    header: Mapping[str, Any] = field(default_factory=dict)


def read(path: Path) -> PolarFile:
    """Read a file of samples.

    Raises
    ------
    InputNotFoundError
        No such file.
    InputError
        A folder, no permission, not JSON, or a malformed sample; the message names the sample
        and the field.
    """
    try:
        is_folder = path.is_dir()
        stored: Any = None if is_folder else json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise InputNotFoundError(
            f"Got '{path}', which does not exist; expected a merged_mcts_samples.json; check "
            "the path."
        ) from error
    except OSError as error:
        raise InputError(
            f"Got '{path}', which cannot be read ({error.strerror}); expected a "
            "merged_mcts_samples.json; see whether it may be opened."
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"Got '{path}', which is not JSON ({error}); expected a merged_mcts_samples.json; "
            "write it anew."
        ) from error
    if is_folder:
        raise InputError(
            f"Got the folder '{path}'; expected a merged_mcts_samples.json; name a file inside it."
        )
    samples = stored.get("samples") if isinstance(stored, dict) else None
    if not isinstance(samples, list):
        raise InputError(
            f"Got '{path}' without a list 'samples'; expected an object with one; merge the "
            "search's shards first."
        )
    header = {key: value for key, value in stored.items() if key != "samples"}
    return PolarFile(tuple(_sample(_Place(path, i), s) for i, s in enumerate(samples)), header)


def write(path: Path, file: PolarFile) -> None:
    """Write samples so that `read` and PoLar's training read them, whole or not at all.

    Raises
    ------
    OutputError
    """
    check_target(path)
    stored = {**file.header, "samples": [_stored(sample) for sample in file.samples]}
    content = json.dumps(stored, ensure_ascii=False, indent=1) + "\n"
    try:
        # A lone surrogate, which a further field may hold, is escaped as JSON escapes it too.
        write_file(path, content.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise OutputError(
            f"Got an error while writing '{path}' ({error.strerror}); expected a file that can "
            "be written; choose another name."
        ) from error


def check_target(path: Path) -> None:
    """Raise `OutputError` unless samples can be written to `path`; for use before long work."""
    folder = path.parent
    if path.is_dir():
        problem = "is a folder; expected a file; name one inside it."
    elif not folder.is_dir():
        problem = f"is in no folder; expected an existing one; create '{folder}' first."
    elif not os.access(folder, os.W_OK):
        problem = (
            f"is not writable; expected a place that is; change the permissions of '{folder}'."
        )
    else:
        return
    raise OutputError(f"Got '{path}' to write to, which {problem}")


@dataclass(frozen=True)
class _Place:
    path: Path
    sample: int

    def error(self, name: str, value: object, expected: str) -> InputError:
        shown = json.dumps(value, ensure_ascii=False)
        shown = visible(shown if len(shown) <= 60 else shown[:57] + "...")
        return InputError(
            f"Got {shown} in field '{name}' of sample {self.sample} of '{self.path}'; expected "
            f"{expected}; mend or drop the sample."
        )


def _sample(place: _Place, stored: object) -> PolarSample:
    if not isinstance(stored, dict):
        raise place.error("samples", stored, "an object for each sample")
    own = {name: stored.get(name) for name in _OWN_FIELDS}
    if not isinstance(own["question"], str):
        raise place.error("question", own["question"], "a string")
    for name in ("question", "gt_ans"):
        value = own[name]
        if isinstance(value, str) and _SURROGATE.search(value):
            raise place.error(name, value, "text without half characters (lone surrogates)")
    answer = "" if own["gt_ans"] is None else own["gt_ans"]
    if isinstance(answer, bool) or not isinstance(answer, str | int | float):
        raise place.error("gt_ans", answer, "a string or a number")
    if isinstance(answer, float) and not math.isfinite(answer):
        raise place.error("gt_ans", answer, "a string or a finite number")
    score = own["initial_score"]
    return PolarSample(
        question=own["question"],
        answer=str(answer),
        initial_score=None if score is None else _score(place, score),
        valid=_programs(place, "final_valid_transitions", stored),
        invalid=_programs(place, "final_invalid_transitions", stored),
        extra={key: value for key, value in stored.items() if key not in _OWN_FIELDS},
    )


def _score(place: _Place, score: object) -> float:
    if isinstance(score, int | float) and not isinstance(score, bool):
        with suppress(OverflowError):
            if math.isfinite(number := float(score)):
                return number
    raise place.error("initial_score", score, "a finite number that a float holds")


def _programs(place: _Place, name: str, stored: Mapping[str, Any]) -> tuple[Program, ...]:
    paths = stored.get(name)
    if not isinstance(paths, list):
        raise place.error(name, paths, "a list of programs")
    return tuple(_program(place, f"{name}[{i}]", path) for i, path in enumerate(paths))


def _program(place: _Place, name: str, path: object) -> Program:
    """Read a list of layers, bare or as the `path` of an object: PoLar writes both."""
    layers = path.get("path") if isinstance(path, dict) else path
    if not isinstance(layers, list) or not all(_is_layer(layer) for layer in layers):
        raise place.error(name, path, "a list of layer indices from 0")
    return Program(tuple(layers))


def _is_layer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _stored(sample: PolarSample) -> dict[str, Any]:
    return {
        **sample.extra,
        "question": sample.question,
        "gt_ans": sample.answer,
        "initial_score": sample.initial_score,
        "final_valid_transitions": _paths(sample.valid),
        "final_invalid_transitions": _paths(sample.invalid),
    }


def _paths(programs: Sequence[Program]) -> list[list[int]]:
    return [list(program) for program in programs]
