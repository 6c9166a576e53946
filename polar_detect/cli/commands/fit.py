"""`polar-detect fit`."""

import warnings
from collections.abc import Iterator
from pathlib import Path

from polar_detect import models, tables
from polar_detect.artifact.writing import check_room, check_target, save
from polar_detect.cli.commands.output import check_not_input, err, said_of_cut, say, tell
from polar_detect.cli.commands.training import Training, tell_of
from polar_detect.cli.options import FitOptions
from polar_detect.cli.progress import progress_bars
from polar_detect.detector import PolarDetector
from polar_detect.errors import TrainingWarning
from polar_detect.messages.language import Language
from polar_detect.models.fluency import advise
from polar_detect.report.content.facts import description


def fit(options: FitOptions) -> PolarDetector:
    """Fit a detector on a table and save it."""
    language, out = Language(options.lang), options.out
    rejected = tables.rejected_path(out, is_folder=True)
    check_not_input(out, options.train, rejected=rejected)
    check_target(out)
    training = Training.read(options, rejected, language)
    detector, table, reads_texts = training.detector, training.table, training.reads_texts
    if reads_texts:
        check_room(out)
    if out.exists() and any(out.iterdir()):
        tell(language.say("fit.replaced", out=out))
    training.tell(language)
    with progress_bars(err, language) as progress, warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)  # it is said above, of the table
        detector.fit(table.texts, table.labels, progress=progress)
        if reads_texts:
            detector.normal_programs(progress=progress)
    if reads_texts:
        tell_of(table, _of_languages(detector, table, language))
        tell_of(table, _of_cut(detector, table, language))
    column = table.text_column if table.has_columns else None
    save(detector, out, text_column=column, sampled_from=table.sampled_from)
    for label, value in description(detector, options.lang):
        tell(language.say("fact", label=label, value=value))
    tell(said_of_texts(detector, out, language))
    say(out)
    return detector


def said_of_texts(detector: PolarDetector, out: Path, language: Language) -> str:
    """Return what the folder keeps of the training texts."""
    n = len(detector.fitted_.reference)
    if not detector.fitted_.head.reads_texts:
        return language.say("fit.kept.rows", n=n, out=out)
    if detector.store_texts:
        return language.say("fit.kept", n=n, out=out)
    lost = language.say("fit.kept.no_context") if detector.fitted_.head.needs_context else ""
    return language.say("fit.kept.no_texts", n=n, lost=lost)


def _of_languages(
    detector: PolarDetector, table: tables.Table, language: Language
) -> Iterator[str]:
    extractor, encoder = detector.engine_.extractor, detector.encoder_
    if detector.encoder == models.AUTO_ENCODER and encoder != models.DEFAULT_ENCODER:
        yield language.say("fit.encoder", default=models.DEFAULT_ENCODER, encoder=encoder)
    yield from map(
        language.notice,
        advise(
            extractor.tracer.backbone,
            extractor.encoder,
            table.texts,
            model_name=detector.model,
            encoder_name=encoder,
        ),
    )


def _of_cut(detector: PolarDetector, table: tables.Table, language: Language) -> Iterator[str]:
    if table.template is not None:  # of rows the reader was told before the fit
        return
    tracer = detector.engine_.extractor.tracer
    if n_cut := tracer.count_cut(table.texts):
        yield said_of_cut(n_cut, len(table.texts), tracer.max_tokens, language)
