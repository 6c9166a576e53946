"""What `polar-detect search` prints of a text: for people, or one JSON object a line."""

import json
import sys
from collections.abc import Mapping, Sequence

import numpy as np
from rich.text import Text

from polar_detect.arrays import Float32Array
from polar_detect.cli.commands.output import out
from polar_detect.cli.streams import is_utf8
from polar_detect.program import Program
from polar_detect.programs.interchange import PolarSample
from polar_detect.report.formats.terminal import layer_ruler, program_strip, sparkline
from polar_detect.search import Candidate
from polar_detect.texts.visible import visible

NOTHING = "empty text: there is nothing to measure"
_CAP = 1.0  # what a program loses beyond this is drawn as this


def print_record(record: Mapping[str, object]) -> None:
    """Write one JSON object as a line to stdout; JSON is UTF-8 or escaped, in no code page."""
    sys.stdout.write(json.dumps(record, ensure_ascii=not is_utf8(sys.stdout)) + "\n")
    sys.stdout.flush()


def program_record(program: Program, n_layers: int) -> dict[str, object]:
    """Return the keys that every record has of its program."""
    return {
        "program": str(program),
        "layers": list(program.layers),
        "length": len(program),
        "n_layers": n_layers,
    }


def programs_met(sample: PolarSample, met: Sequence[Program], n_layers: int) -> list[Program]:
    """Return what an export holds, each once: the full program, what was imported, what was met."""
    every = (Program.full(n_layers), *sample.valid, *sample.invalid, *met)
    return list(dict.fromkeys(every))


def json_number(value: float) -> float | None:
    """Return a number that JSON can hold; a text without tokens has none."""
    return float(value) if np.isfinite(value) else None


def curve_record(curve: Sequence[Candidate], measure: str) -> list[dict[str, object]]:
    """Return the best program of each length, shortest first, with its `measure`."""
    return [
        {"length": len(c.program), "program": str(c.program), measure: json_number(c.loss)}
        for c in curve
    ]


def print_text(
    text: str, program: Program, n_layers: int, said: Sequence[str], curves: Mapping[str, str]
) -> None:
    """Print a text, its program, and what is said of it; then calls and curves, if there are any.

    What stands below the numbers of the layers is of the layer there, but for the curve by length.
    """
    out.print(visible(text), highlight=False, markup=False, style="bold")
    out.print("\n".join([f"program {program}", *said]), highlight=False, markup=False)
    calls = program_strip(program, n_layers).append("  █ called, · left out")
    lines: dict[str, str | Text] = {"": layer_ruler(n_layers), "call": calls, **curves}
    for name, drawn in lines.items() if curves else ():
        out.print(Text.assemble(f"{name:5}", drawn), soft_wrap=True)
    out.print()


def said_of_calls(program: Program, n_layers: int, n_spent: int) -> str:
    """Return how many calls of layers a program makes, and how many it took to find it."""
    return f"{len(program)} layer calls, full program {n_layers}; found with {n_spent}"


def curve_lines(skip: Float32Array, loop: Float32Array) -> dict[str, str]:
    """Return skip and loop curve as sparklines with their ranges."""
    return {"skip": _ranged(skip, "if left out"), "loop": _ranged(loop, "if called twice")}


def length_line(curve: Sequence[Candidate], full_loss: float, n_layers: int) -> str:
    """Return a loss-against-length curve as a sparkline: one place for each length from 1 on.

    What is drawn is the loss minus that of the full program, capped at 1; a length that no
    program had is left blank. With loops another program as long may be better than the full one.
    """
    changes = {len(c.program): c.loss - full_loss for c in curve}
    drawn = np.asarray([changes.get(n, np.nan) for n in range(1, n_layers + 1)])
    shortest = min(n for n in changes if n > 0 or len(changes) == 1)
    return (
        f"{sparkline(np.minimum(drawn, _CAP))}  at best {changes[shortest]:+.2f} with {shortest}, "
        f"{changes[n_layers]:+.2f} with {n_layers} calls"
    )


def _ranged(curve: Float32Array, where: str) -> str:
    if not np.isfinite(curve).any():
        return "–"
    return f"{sparkline(curve)}  adds {np.nanmin(curve):+.2f} to {np.nanmax(curve):+.2f} {where}"
