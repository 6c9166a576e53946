"""`polar-detect search`."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

import numpy as np

from polar_detect import models
from polar_detect.backbone.decoder import Backbone
from polar_detect.cli.commands.output import check_not_input, said_of_cut, tell
from polar_detect.cli.commands.search_encoder import search_encoder
from polar_detect.cli.commands.search_input import (
    MENU,
    Remembering,
    check,
    check_programs,
    criterion_of,
    file_of,
    method_called,
    own_programs,
    tolerance_of,
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
from polar_detect.cli.commands.search_tokens import SearchTokens, tokens_of
from polar_detect.cli.options import SearchOptions
from polar_detect.executor.decoder import Executor
from polar_detect.messages.language import Language
from polar_detect.models import LocalModel
from polar_detect.program import Program
from polar_detect.programs import interchange
from polar_detect.programs.interchange import PolarFile, PolarSample
from polar_detect.programs.menu import Menu
from polar_detect.programs.minimal import MinimalProgram, are_valid, find_minimal_programs
from polar_detect.programs.predictor import ProgramPredictor
from polar_detect.search import DEFAULT_METHOD, Method, Refinement, menu_search
from polar_detect.signature.reading.tracer import Tracer
from polar_detect.signature.reading.traces import Curves, Traces

_SEARCH_CHUNK = 16


def search(options: SearchOptions) -> None:
    """Print the minimal program of each text."""
    check(options)
    if options.export is not None:
        interchange.check_target(options.export)
        inputs = filter(None, (options.file, options.import_))
        check_not_input(options.export, *inputs, option="--export")
    file = file_of(options)
    model = models.resolve(options.model)
    search_in = search_encoder if model.kind == "encoder" else search_decoder
    exported = search_in(file.samples, model, options)
    if options.export is not None:
        header = {**file.header, "BASE_MODEL": options.model}
        interchange.write(options.export, PolarFile(tuple(exported), header))


def search_decoder(
    samples: Sequence[PolarSample], model: LocalModel, options: SearchOptions
) -> list[PolarSample]:
    """Print each text's minimal program; return what is exported."""
    backbone = Backbone.load(model.folder)
    check_programs(samples, options, backbone.n_layers)
    tracer = Tracer(backbone, max_tokens=options.max_tokens, curves="none")
    tokens = tokens_of(tracer, samples, options)
    questions = [] if options.wants_answer else [sample.question for sample in samples]
    if n_cut := tracer.count_cut(questions):  # of a prompt or an answer nothing is cut
        tell(said_of_cut(n_cut, len(questions), tracer.max_tokens, Language()))
    predictor = None if options.predictor is None else ProgramPredictor.load(options.predictor)
    method = _method(tracer, options, tokens)
    exported: list[PolarSample] = []
    for start in range(0, len(samples), _SEARCH_CHUNK):
        place = slice(start, start + _SEARCH_CHUNK)
        chunk, own = samples[place], tokens.part(place)
        curves = tracer.exact_curves(own.rows, own.prefixes)
        methods = own_programs(chunk, method)
        if predictor is not None:
            traces = tracer.trace([_whole(sample, options) for sample in chunk])
            methods = _proposed(predictor, traces)
        remembering = [Remembering(own_method) for own_method in methods]
        found = find_minimal_programs(
            tracer.executor,
            own.rows,
            tolerance=tolerance_of(options),
            search=remembering,
            criterion=criterion_of(options),
            prefixes=own.prefixes,
            verification="curve",
        )
        if options.export is not None:
            met = [search.met for search in remembering]
            exported += _exported(tracer.executor, options, chunk, own, met)
        _print(chunk, found, curves, options)
    return exported


def _method(tracer: Tracer, options: SearchOptions, tokens: SearchTokens) -> Method:
    name = options.method or DEFAULT_METHOD
    if name != MENU:
        return method_called(name, options.space, tracer.backbone.n_layers)
    first, tolerance = tokens.part(slice(_SEARCH_CHUNK)), tolerance_of(options)
    menu = Menu((Program.full(tracer.backbone.n_layers),))
    if any(first.rows):
        menu = Menu.fit(tracer.executor, first.rows, tolerance=tolerance, prefixes=first.prefixes)
    how = Refinement(n_rounds=1, n_singles=8)
    # Every length that is told has its loss.
    return menu.method(
        tracer.backbone.n_layers, tolerance=tolerance, refinement=how, wants_curves=True
    )


def _proposed(predictor: ProgramPredictor, traces: Traces) -> list[Method]:
    return [partial(menu_search, programs=own) for own in predictor.propose(traces.trajectory)]


def _exported(
    executor: Executor,
    options: SearchOptions,
    samples: Sequence[PolarSample],
    tokens: SearchTokens,
    met: Sequence[Sequence[Program]],
) -> list[PolarSample]:
    """Return what was met as samples; whether a program is valid is measured in float32."""
    n_layers = executor.backbone.n_layers
    every = [programs_met(*pair, n_layers) for pair in zip(samples, met, strict=True)]
    answers = are_valid(
        executor, tokens.rows, every, criterion_of(options), prefixes=tokens.prefixes
    )
    triples = zip(samples, every, answers, strict=True)
    return [sample.with_programs(programs, valid) for sample, programs, valid in triples]


def _whole(sample: PolarSample, options: SearchOptions) -> str:
    return sample.question + sample.answer if options.wants_answer else sample.question


def _print(
    samples: Sequence[PolarSample],
    found: Sequence[MinimalProgram],
    curves: Curves,
    options: SearchOptions,
) -> None:
    for i, (sample, minimal) in enumerate(zip(samples, found, strict=True)):
        if options.json:
            print_record(_record(sample.question, minimal, curves, i, options))
        else:
            n_layers = curves.skip.shape[1]
            said, drawn = _said(minimal, n_layers, options), _drawn(minimal, curves, i, options)
            print_text(sample.question, minimal.program, n_layers, said, drawn)


def _record(
    text: str, minimal: MinimalProgram, curves: Curves, i: int, options: SearchOptions
) -> dict[str, object]:
    n_layers = curves.skip.shape[1]
    judges_loss = options.criterion == "loss"
    record = {
        "text": text,
        **program_record(minimal.program, n_layers),
        "full_loss": json_number(minimal.full_loss),
        "loss": json_number(minimal.loss),
        **asdict(criterion_of(options)),
        "layer_calls": minimal.layer_calls,
        "skip_curve": [json_number(x) for x in curves.skip[i]],
        "loop_curve": [json_number(x) for x in curves.loop[i]],
        "curve_kind": "exact",
        "length_curve": curve_record(minimal.curve, "loss" if judges_loss else "margin"),
    }
    return record if judges_loss else record | {"is_valid": minimal.is_valid}


def _said(minimal: MinimalProgram, n_layers: int, options: SearchOptions) -> list[str]:
    if not minimal.layer_calls:
        return [NOTHING]
    judges_loss = options.criterion == "loss"
    limit = criterion_of(options).limit(minimal.full_loss)
    said = [
        said_of_calls(minimal.program, n_layers, minimal.layer_calls),
        f"loss {minimal.loss:.3f} nats per token, full program {minimal.full_loss:.3f}"
        + (f", valid up to {limit:.3f}" if judges_loss else ""),
    ]
    return (
        said if minimal.is_valid else [*said, "no valid program: the full one fails the criterion"]
    )


def _drawn(
    minimal: MinimalProgram, curves: Curves, i: int, options: SearchOptions
) -> dict[str, str]:
    if np.isnan(minimal.loss):
        return {}
    drawn = curve_lines(curves.skip[i], curves.loop[i])
    if options.criterion == "loss":
        n_layers = curves.skip.shape[1]
        drawn["best"] = length_line(minimal.curve, minimal.full_loss, n_layers)
    return drawn
