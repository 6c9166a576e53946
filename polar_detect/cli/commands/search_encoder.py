"""`polar-detect search` with an encoder: programs are judged by their embedding."""

from collections.abc import Sequence

import numpy as np

from polar_detect.backbone.encoder import EncoderBackbone
from polar_detect.cli.commands.output import said_of_cut, tell
from polar_detect.cli.commands.search_input import (
    Remembering,
    check_programs,
    method_called,
    own_programs,
    tolerance_of,
    unknown,
)
from polar_detect.cli.commands.search_output import (
    NOTHING,
    curve_lines,
    curve_record,
    json_number,
    length_line,
    print_record,
    print_text,
    program_record,
    programs_met,
    said_of_calls,
)
from polar_detect.cli.options import SearchOptions
from polar_detect.errors import InputError
from polar_detect.executor.encoder import EncoderCurves, EncoderExecutor, encoder_curves
from polar_detect.messages.language import Language
from polar_detect.models import LocalModel
from polar_detect.program import Program
from polar_detect.programs.encoder_search import (
    ENCODER_METHODS,
    MinimalEncoderProgram,
    default_encoder_search,
    encoder_distances,
    find_minimal_encoder_programs,
)
from polar_detect.programs.interchange import PolarSample
from polar_detect.search import Method

_CHUNK = 64


def search_encoder(
    samples: Sequence[PolarSample], model: LocalModel, options: SearchOptions
) -> list[PolarSample]:
    """Print each text's minimal program under the cosine criterion; return what is exported."""
    _check(options)
    backbone = EncoderBackbone.load(model.folder, max_tokens=options.max_tokens)
    check_programs(samples, options, backbone.n_layers)
    if n_cut := backbone.count_cut([sample.question for sample in samples]):
        tell(said_of_cut(n_cut, len(samples), backbone.max_tokens, Language()))
    executor, method = EncoderExecutor(backbone), _method(options, backbone.n_layers)
    exported: list[PolarSample] = []
    for start in range(0, len(samples), _CHUNK):
        chunk = samples[start : start + _CHUNK]
        texts = [sample.question for sample in chunk]
        methods = [Remembering(own) for own in own_programs(chunk, method)]
        found = find_minimal_encoder_programs(
            backbone, texts, tolerance=tolerance_of(options), search=methods
        )
        curves = encoder_curves(executor, texts)
        for i, minimal in enumerate(found):
            if options.json:
                print_record(_record(texts[i], minimal, curves, i, tolerance_of(options)))
            else:
                said = _said(minimal, backbone.n_layers, tolerance_of(options))
                drawn = _drawn(minimal, curves, i)
                print_text(texts[i], minimal.program, backbone.n_layers, said, drawn)
        if options.export is not None:
            exported += _exported(backbone, options, chunk, [own.met for own in methods])
    return exported


def _check(options: SearchOptions) -> None:
    if options.method is not None and options.method not in ENCODER_METHODS:
        raise unknown("an encoder and --method", options.method, ENCODER_METHODS)
    if options.criterion != "loss":
        raise InputError(
            "Got --criterion with an encoder, which predicts no tokens; expected none, as its "
            "programs are judged by the cosine of their embedding; leave it out."
        )
    if options.predictor is not None:
        raise InputError(
            "Got --predictor with an encoder; expected a causal language model, whose states a "
            "predictor reads; leave it out, or choose another --model."
        )


def _method(options: SearchOptions, n_layers: int) -> Method:
    if options.method is None:
        return default_encoder_search(n_layers)
    return method_called(options.method, options.space, n_layers)


def _exported(
    backbone: EncoderBackbone,
    options: SearchOptions,
    samples: Sequence[PolarSample],
    met: Sequence[Sequence[Program]],
) -> list[PolarSample]:
    every = [programs_met(*pair, backbone.n_layers) for pair in zip(samples, met, strict=True)]
    distances = encoder_distances(backbone, [sample.question for sample in samples], every)
    exported = []
    for sample, programs, (own, *others) in zip(samples, every, distances, strict=True):
        # The full program is valid if there is anything to measure, however it is rounded.
        is_valid = [not np.isnan(own), *(distance <= tolerance_of(options) for distance in others)]
        exported.append(sample.with_programs(programs, is_valid))
    return exported


def _record(
    text: str, minimal: MinimalEncoderProgram, curves: EncoderCurves, i: int, tolerance: float
) -> dict[str, object]:
    n_layers = curves.skip.shape[1]
    return {
        "text": text,
        "criterion": "cosine",
        **program_record(minimal.program, n_layers),
        "distance": json_number(minimal.distance),
        "tolerance": tolerance,
        "layer_calls": minimal.layer_calls,
        "skip_curve": [json_number(x) for x in curves.skip[i]],
        "loop_curve": [json_number(x) for x in curves.loop[i]],
        "curve_kind": "exact",
        "length_curve": curve_record(minimal.curve, "distance"),
    }


def _said(minimal: MinimalEncoderProgram, n_layers: int, tolerance: float) -> list[str]:
    if np.isnan(minimal.distance):
        return [NOTHING]
    return [
        said_of_calls(minimal.program, n_layers, minimal.layer_calls),
        f"embedding {minimal.distance:.3f} from that of the full program (1 − cosine), valid up to "
        f"{tolerance:.3f}",
    ]


def _drawn(minimal: MinimalEncoderProgram, curves: EncoderCurves, i: int) -> dict[str, str]:
    if np.isnan(minimal.distance):
        return {}
    drawn = curve_lines(curves.skip[i], curves.loop[i])
    return drawn | {"best": length_line(minimal.curve, 0.0, curves.skip.shape[1])}
