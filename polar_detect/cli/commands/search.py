"""`polar-detect search`."""

import json as json_format
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polar_detect import models, tables
from polar_detect.backbone import Backbone
from polar_detect.cli.commands.output import out
from polar_detect.cli.commands.search_encoder import search_encoder
from polar_detect.errors import InputError
from polar_detect.minimal import MinimalProgram, find_minimal_programs
from polar_detect.report.terminal import layer_ruler, program_strip, sparkline
from polar_detect.signature import Tracer, Traces

_SEARCH_CHUNK = 16


@dataclass(frozen=True)
class SearchSettings:
    """Options of `search`."""

    model: str
    tolerance: float
    max_tokens: int


def search(text: str | None, file: Path | None, settings: SearchSettings, *, json: bool) -> None:
    """Print the minimal program of each text."""
    texts = [text] if text is not None else _lines(file)
    model = models.resolve(settings.model)
    if model.kind == "encoder":
        tolerance, max_tokens = settings.tolerance, settings.max_tokens
        search_encoder(texts, model, tolerance=tolerance, max_tokens=max_tokens, json=json)
        return
    backbone = Backbone.load(model.folder)
    tracer = Tracer(backbone, max_tokens=settings.max_tokens, curves="exact")
    for start in range(0, len(texts), _SEARCH_CHUNK):
        chunk = texts[start : start + _SEARCH_CHUNK]
        rows = backbone.tokenize(chunk, settings.max_tokens)
        found = find_minimal_programs(tracer.executor, rows, tolerance=settings.tolerance)
        traces = tracer.trace(chunk)
        for i, minimal in enumerate(found):
            if json:
                record = _search_record(chunk[i], minimal, traces, i, settings.tolerance)
                sys.stdout.write(json_format.dumps(record, ensure_ascii=False) + "\n")
            else:
                _print_search(chunk[i], minimal, traces, i)
        sys.stdout.flush()


def _lines(file: Path | None) -> list[str]:
    assert file is not None
    if tables.has_columns(file):
        raise InputError(
            f"Got --file '{file}'; expected a text file with one text a line; save the text "
            "column as .txt."
        )
    return tables.read_table(file, text_column=None).texts


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
    out.print(text, highlight=False, markup=False, style="bold")
    out.print(program_strip(minimal.program, n_layers), layer_ruler(n_layers), sep="\n")
    out.print(
        f"program {minimal.program}\n"
        f"{len(minimal.program)} of {n_layers} layers, loss {minimal.loss:.3f} nats per token "
        f"(full program {minimal.full_loss:.3f}), {minimal.layer_calls} layer calls",
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
