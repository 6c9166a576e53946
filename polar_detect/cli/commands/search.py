"""`polar-detect search`."""

import json as json_format
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from polar_detect import interchange, models, tables
from polar_detect.backbone import Backbone
from polar_detect.cli.commands.output import out
from polar_detect.cli.commands.search_encoder import search_encoder
from polar_detect.criteria import Criterion, SameAnswer, SameLoss, SamePrediction
from polar_detect.errors import InputError
from polar_detect.executor import Executor
from polar_detect.interchange import PolarFile, PolarSample
from polar_detect.menu import Menu
from polar_detect.minimal import MinimalProgram, are_valid, find_minimal_programs
from polar_detect.program import Program
from polar_detect.report.terminal import layer_ruler, program_strip, sparkline
from polar_detect.search import METHODS, Method, Refinement, menu_search
from polar_detect.signature import Tracer, Traces
from polar_detect.visible import visible

_SEARCH_CHUNK = 16
_MENU = "menu"


@dataclass(frozen=True)
class SearchSettings:
    """Options of `search`."""

    model: str
    tolerance: float
    max_tokens: int
    method: str
    criterion: Criterion

    @property
    def wants_answer(self) -> bool:
        """Whether texts are prompts that an answer follows."""
        return isinstance(self.criterion, SameAnswer)


@dataclass(frozen=True)
class Source:
    """Where the texts come from: one of text (with its answer), file and import."""

    text: str | None
    answer: str | None
    file: Path | None
    imported: Path | None


@dataclass(frozen=True)
class _Tokens:
    """What is searched (rows), and what stands before it."""

    rows: list[list[int]]
    prefixes: list[list[int]] | None


def criterion_of(name: str, tolerance: float, agreement: float) -> Criterion:
    """Return the criterion called `name`."""
    known: dict[str, Criterion] = {
        "loss": SameLoss(tolerance),
        "prediction": SamePrediction(agreement),
        "answer": SameAnswer(),
    }
    if name not in known:
        raise _unknown("--criterion", name, list(known))
    return known[name]


def search(source: Source, settings: SearchSettings, *, export: Path | None, json: bool) -> None:
    """Print the minimal program of each text."""
    samples = _samples(source, settings)
    if settings.method not in {*METHODS, _MENU}:
        raise _unknown("--method", settings.method, [*METHODS, _MENU])
    model = models.resolve(settings.model)
    if model.kind == "encoder":
        texts = [sample.question for sample in samples]
        tolerance, max_tokens = settings.tolerance, settings.max_tokens
        search_encoder(texts, model, tolerance=tolerance, max_tokens=max_tokens, json=json)
        return
    backbone = Backbone.load(model.folder)
    for i, sample in enumerate(samples):
        sample.check(backbone.n_layers, f"sample {i} of '{source.imported}'")
    tracer = Tracer(backbone, max_tokens=settings.max_tokens, curves="exact")
    method = _method(tracer.executor, settings, samples)
    exported: list[PolarSample] = []
    for start in range(0, len(samples), _SEARCH_CHUNK):
        chunk = samples[start : start + _SEARCH_CHUNK]
        tokens = _tokens(backbone, settings, chunk)
        found = _find(tracer.executor, settings, chunk, tokens, method)
        if export is not None:
            exported += _exported(tracer.executor, settings, chunk, tokens, found)
        traces = tracer.trace([_whole(sample, settings) for sample in chunk])
        _print(chunk, found, traces, settings, json=json)
    if export is not None:
        interchange.write(export, PolarFile(tuple(exported), {"BASE_MODEL": settings.model}))


def _samples(source: Source, settings: SearchSettings) -> list[PolarSample]:
    if source.answer is not None and (source.text is None or not settings.wants_answer):
        raise InputError(
            "Got --answer; expected it with a TEXT and --criterion answer; leave it out or add "
            "these."
        )
    if source.imported is not None:
        samples = list(interchange.read(source.imported).samples)
    else:
        texts = [source.text] if source.text is not None else _lines(source.file)
        samples = [PolarSample(text, source.answer or "", None, (), ()) for text in texts]
    if settings.wants_answer and not all(sample.answer for sample in samples):
        raise InputError(
            "Got --criterion answer and a text without answer; expected an answer to every "
            "text; pass --answer TEXT, or --import a file with gt_ans in each sample."
        )
    return samples


def _lines(file: Path | None) -> list[str]:
    assert file is not None
    if tables.has_columns(file):
        raise InputError(
            f"Got --file '{file}'; expected a text file with one text a line; save the text "
            "column as .txt."
        )
    return tables.read_table(file, text_column=None).texts


def _tokens(
    backbone: Backbone, settings: SearchSettings, samples: Sequence[PolarSample]
) -> _Tokens:
    questions = backbone.tokenize([s.question for s in samples], settings.max_tokens)
    if not settings.wants_answer:
        return _Tokens(questions, None)
    answers = backbone.tokenize([s.answer for s in samples], settings.max_tokens)
    return _Tokens(answers, questions)


def _method(executor: Executor, settings: SearchSettings, samples: Sequence[PolarSample]) -> Method:
    if settings.method != _MENU:
        return METHODS[settings.method]
    first = _tokens(executor.backbone, settings, samples[:_SEARCH_CHUNK]).rows
    programs: tuple[Program, ...] = ()
    if any(first):
        programs = Menu.fit(executor, first, tolerance=settings.tolerance).programs
    return partial(menu_search, programs=programs, refinement=Refinement(1, 8))


def _find(
    executor: Executor,
    settings: SearchSettings,
    samples: Sequence[PolarSample],
    tokens: _Tokens,
    method: Method,
) -> list[MinimalProgram]:
    """Search all texts in step; a sample that brings programs gets these measured instead."""

    def find(rows: slice, search: Method) -> list[MinimalProgram]:
        return find_minimal_programs(
            executor,
            tokens.rows[rows],
            tolerance=settings.tolerance,
            search=search,
            criterion=settings.criterion,
            prefixes=None if tokens.prefixes is None else tokens.prefixes[rows],
        )

    if not any(sample.valid or sample.invalid for sample in samples):
        return find(slice(None), method)
    found = []
    for i, sample in enumerate(samples):
        own = partial(menu_search, programs=(*sample.valid, *sample.invalid))
        found += find(slice(i, i + 1), own)
    return found


def _exported(
    executor: Executor,
    settings: SearchSettings,
    samples: Sequence[PolarSample],
    tokens: _Tokens,
    found: Sequence[MinimalProgram],
) -> list[PolarSample]:
    """Return what was found as samples; whether a program is valid is measured in float32."""
    full = Program.full(executor.backbone.n_layers)
    met = [list(dict.fromkeys([full, f.program, *(c.program for c in f.curve)])) for f in found]
    answers = are_valid(executor, tokens.rows, met, settings.criterion, prefixes=tokens.prefixes)
    exported = []
    for sample, programs, valid in zip(samples, met, answers, strict=True):
        pairs = list(zip(programs, valid, strict=True))
        exported.append(
            PolarSample(
                question=sample.question,
                answer=sample.answer,
                initial_score=float(valid[0]),
                valid=tuple(program for program, is_valid in pairs if is_valid),
                invalid=tuple(program for program, is_valid in pairs if not is_valid),
                extra=sample.extra,
            )
        )
    return exported


def _whole(sample: PolarSample, settings: SearchSettings) -> str:
    return sample.question + sample.answer if settings.wants_answer else sample.question


def _print(
    samples: Sequence[PolarSample],
    found: Sequence[MinimalProgram],
    traces: Traces,
    settings: SearchSettings,
    *,
    json: bool,
) -> None:
    for i, (sample, minimal) in enumerate(zip(samples, found, strict=True)):
        if json:
            record = _search_record(sample.question, minimal, traces, i, settings.tolerance)
            if not isinstance(settings.criterion, SameLoss):
                record["is_valid"] = minimal.is_valid
            sys.stdout.write(json_format.dumps(record, ensure_ascii=False) + "\n")
        else:
            _print_search(sample.question, minimal, traces, i)
    sys.stdout.flush()


def _unknown(option: str, value: str, known: list[str]) -> InputError:
    return InputError(
        f"Got {option} '{value}'; expected one of {', '.join(known)}; choose one of these."
    )


def _search_record(
    text: str, minimal: MinimalProgram, traces: Traces, i: int, tolerance: float
) -> dict[str, object]:
    return {
        "text": text,
        "program": str(minimal.program),
        "layers": list(minimal.program.layers),
        "length": len(minimal.program),
        "n_layers": traces.skip.shape[1],
        "full_loss": _number(minimal.full_loss),
        "loss": _number(minimal.loss),
        "tolerance": tolerance,
        "layer_calls": minimal.layer_calls,
        "skip_curve": [_number(x) for x in traces.skip[i].tolist()],
        "loop_curve": [_number(x) for x in traces.loop[i].tolist()],
        "curve_kind": "exact",
    }


def _number(value: float) -> float | None:
    """Return a number that JSON can hold; a text without tokens has none."""
    return None if np.isnan(value) else float(value)


def _print_search(text: str, minimal: MinimalProgram, traces: Traces, i: int) -> None:
    n_layers = traces.skip.shape[1]
    out.print(visible(text), highlight=False, markup=False, style="bold")
    out.print(program_strip(minimal.program, n_layers), layer_ruler(n_layers), sep="\n")
    out.print(
        f"program {minimal.program}\n"
        f"{len(minimal.program)} of {n_layers} layers, loss {minimal.loss:.3f} nats per token "
        f"(full program {minimal.full_loss:.3f}), {minimal.layer_calls} layer calls"
        + ("" if minimal.is_valid else "\nno valid program: the full one fails the criterion"),
        highlight=False,
        markup=False,
    )
    for name, curve in (("skip", traces.skip[i]), ("loop", traces.loop[i])):
        out.print(
            f"{name} {sparkline(curve)}  {np.nanmin(curve):+.2f} to {np.nanmax(curve):+.2f}"
            if np.isfinite(curve).any()
            else f"{name} –",
            highlight=False,
            markup=False,
        )
    out.print()
