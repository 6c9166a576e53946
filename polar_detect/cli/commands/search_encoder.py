"""`polar-detect search` with an encoder: programs are judged by their embedding."""

import json as json_format
import sys
from collections.abc import Sequence

from polar_detect.cli.commands.output import out
from polar_detect.encoder_backbone import EncoderBackbone
from polar_detect.encoder_trace import (
    EncoderTracer,
    EncoderTraces,
    MinimalEncoderProgram,
    find_minimal_encoder_programs,
)
from polar_detect.models import LocalModel
from polar_detect.report.terminal import layer_ruler, program_strip, sparkline
from polar_detect.visible import visible

_CHUNK = 64


def search_encoder(
    texts: Sequence[str], model: LocalModel, *, tolerance: float, max_tokens: int, json: bool
) -> None:
    """Print the minimal program of each text under the cosine criterion."""
    backbone = EncoderBackbone.load(model.folder, max_tokens=max_tokens)
    tracer = EncoderTracer(backbone)
    for start in range(0, len(texts), _CHUNK):
        chunk = texts[start : start + _CHUNK]
        found = find_minimal_encoder_programs(backbone, chunk, tolerance=tolerance)
        traces = tracer.trace(chunk)
        for i, minimal in enumerate(found):
            if json:
                record = _record(chunk[i], minimal, traces, i, tolerance)
                sys.stdout.write(json_format.dumps(record, ensure_ascii=False) + "\n")
            else:
                _print(chunk[i], minimal, traces, i)
        sys.stdout.flush()


def _record(
    text: str, minimal: MinimalEncoderProgram, traces: EncoderTraces, i: int, tolerance: float
) -> dict[str, object]:
    return {
        "text": text,
        "criterion": "cosine",
        "program": str(minimal.program),
        "layers": list(minimal.program.layers),
        "length": len(minimal.program),
        "n_layers": traces.skip.shape[1],
        "distance": minimal.distance,
        "tolerance": tolerance,
        "layer_calls": minimal.layer_calls,
        "skip_curve": traces.skip[i].tolist(),
        "loop_curve": traces.loop[i].tolist(),
        "curve_kind": "exact",
    }


def _print(text: str, minimal: MinimalEncoderProgram, traces: EncoderTraces, i: int) -> None:
    n_layers = traces.skip.shape[1]
    out.print(visible(text), highlight=False, markup=False, style="bold")
    out.print(program_strip(minimal.program, n_layers), layer_ruler(n_layers), sep="\n")
    lines = [
        f"program {minimal.program}",
        f"{len(minimal.program)} of {n_layers} layers, embedding {minimal.distance:.3f} from that "
        f"of the full program (1 − cosine), {minimal.layer_calls} layer calls",
    ]
    for name, curve in (("skip", traces.skip[i]), ("loop", traces.loop[i])):
        lines.append(f"{name} {sparkline(curve)}  {curve.min():+.2f} to {curve.max():+.2f}")
    out.print("\n".join(lines), highlight=False, markup=False)
    out.print()
