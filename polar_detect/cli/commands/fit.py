"""`polar-detect fit`."""

import warnings
from pathlib import Path

from polar_detect import tables
from polar_detect.artifact.writing import check_room, check_target, save
from polar_detect.cli.commands.output import check_not_input, err, say, tell
from polar_detect.cli.commands.training import Training
from polar_detect.cli.options import FitOptions
from polar_detect.cli.progress import progress_bars
from polar_detect.detector import PolarDetector
from polar_detect.errors import TrainingWarning
from polar_detect.messages.language import Language
from polar_detect.report.content.facts import description
from polar_detect.shell import as_argument


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
        detector.fit(
            table.texts,
            table.labels,
            kinds=training.kinds,
            groups=training.standing,
            progress=progress,
        )
        if reads_texts:
            detector.normal_programs(progress=progress)
    training.tell_of_reading(detector, language)
    training.tell_of_repeats(detector, language)
    training.tell_of_digits(detector, language)
    training.tell_of_flat_runs(detector, language)
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
    known, labelled = detector.fitted_.known, ""
    if known is not None:
        key = "fit.kept.labelled" if detector.store_texts else "fit.kept.kinds"
        labelled = language.say(key, n=len(known))
    return _said_of_normal(detector, out, language, n) + labelled


def _said_of_normal(detector: PolarDetector, out: Path, language: Language, n: int) -> str:
    if not detector.fitted_.head.reads_texts:
        return language.say("fit.kept.rows", n=n, out=as_argument(out))
    if detector.fitted_.n_whole and detector.store_texts:
        n_whole = len(detector.fitted_.normal_texts)
        return language.say("fit.kept.passages", n=n, n_whole=n_whole, out=as_argument(out))
    if detector.store_texts:
        return language.say("fit.kept", n=n, out=as_argument(out))
    lost = language.say("fit.kept.no_context") if detector.fitted_.head.needs_context else ""
    return language.say("fit.kept.no_texts", n=n, lost=lost)
