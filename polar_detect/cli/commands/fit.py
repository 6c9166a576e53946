"""`polar-detect fit`."""

import warnings
from dataclasses import dataclass
from pathlib import Path

from polar_detect import artifact, models, tables
from polar_detect.cli.commands.inputs import InputOptions, read_training, say_notice, tell_about
from polar_detect.cli.commands.output import check_not_input, err, say
from polar_detect.cli.progress import progress_bars
from polar_detect.detector import PolarDetector
from polar_detect.errors import TrainingWarning
from polar_detect.language import advise
from polar_detect.report.facts import description
from polar_detect.report.language import Language
from polar_detect.tokenizing import MAX_TOKENS


@dataclass(frozen=True)
class FitSettings:
    """Options of `fit` that shape the detector."""

    model: str = models.DEFAULT_MODEL
    encoder: str = models.AUTO_ENCODER
    detector: str = "auto"
    max_tokens: int = MAX_TOKENS
    seed: int = 0
    contamination: float = 0.0
    store_texts: bool = True
    max_texts: int = 5000


def fit(train: Path, out: Path, options: InputOptions, settings: FitSettings) -> PolarDetector:
    """Fit a detector on a table and save it."""
    rejected = tables.rejected_path(out, is_folder=True)
    check_not_input(out, train, rejected=rejected)
    artifact.check_target(out)
    table = read_training(train, options, tables.RowSample(settings.max_texts, settings.seed))
    tell_about(table, rejected)
    if table.sampled_from is not None:
        say_notice(
            f"{table.source}: fitted on {len(table.texts)} of {table.sampled_from} rows, drawn at "
            "random; --max-texts takes more, which takes more memory and time"
        )
    if len(table.texts) > 1 == len(set(table.texts)):
        say_notice(
            f"{table.source}: all {len(table.texts)} rows say the same, so that any other row will "
            "look strange; choose other columns"
        )
    _warn_of_rows(table, settings)
    detector = PolarDetector(
        settings.detector,
        model=settings.model,
        encoder=settings.encoder,
        max_tokens=settings.max_tokens,
        seed=settings.seed,
        contamination=settings.contamination,
        store_texts=settings.store_texts,
        rows=table.template,
    )
    with progress_bars(err) as progress, warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)  # it is said above, of the table
        detector.fit(table.texts, table.labels, progress=progress)
        detector.normal_programs(progress=progress)
    _warn_of_language(detector, table)
    _warn_of_cut(detector, table)
    column = table.text_column if table.has_columns else None
    artifact.save(detector, out, text_column=column, sampled_from=table.sampled_from)
    for label, value in description(detector, Language()):
        err.print(f"{label}: {value}", highlight=False, markup=False, soft_wrap=True)
    say_notice(said_of_texts(detector, out))
    say(out)
    return detector


def said_of_texts(detector: PolarDetector, out: Path) -> str:
    """Return what the folder keeps of the training texts."""
    n_texts = len(detector.fitted_.reference)
    if detector.store_texts:
        return (
            f"Kept in the folder: the {n_texts} normal texts (polar-detect inspect {out} --texts "
            "lists them; fit --no-store-texts leaves them out), their embeddings, and states of "
            "their tokens"
        )
    lost = (
        ", and the detector goes without context gain"
        if detector.fitted_.head.needs_context
        else ""
    )
    return (
        f"Kept in the folder: no texts, but embeddings of the {n_texts} normal texts and states "
        "of their tokens, from which much of what they say can be told. Neighbours are not "
        f"shown{lost}"
    )


def _warn_of_language(detector: PolarDetector, table: tables.Table) -> None:
    extractor, encoder = detector.engine_.extractor, detector.encoder_
    if detector.encoder == models.AUTO_ENCODER and encoder != models.DEFAULT_ENCODER:
        say_notice(
            f"{table.source}: the texts are in a language that {models.DEFAULT_ENCODER} hardly "
            f"speaks, so {encoder}, which is multilingual, is their sentence encoder (--encoder)"
        )
    for advice in advise(
        extractor.tracer.backbone,
        extractor.encoder,
        table.texts,
        model_name=detector.model,
        encoder_name=encoder,
    ):
        say_notice(f"{table.source}: {advice}")


def _warn_of_cut(detector: PolarDetector, table: tables.Table) -> None:
    if table.template is not None:  # of rows the reader was told before the fit
        return
    tracer = detector.engine_.extractor.tracer
    if n_cut := tracer.count_cut(table.texts):
        say_notice(
            f"{table.source}: {n_cut} of {len(table.texts)} texts are longer than the "
            f"{tracer.max_tokens} tokens that are read of each; --max-tokens reads more, which "
            "takes more time"
        )


def _warn_of_rows(table: tables.Table, settings: FitSettings) -> None:
    if table.template is None:
        return
    names = [column.name for column in table.template.columns]
    say_notice(f"{table.source}: rows are read as: {table.texts[0]}")
    numeric = ", ".join(column.name for column in table.template.numeric) or "none"
    said = f"columns that are numbers too: {numeric}"
    if not settings.store_texts:
        said = "numbers are read as text only, as they would have to be kept (--no-store-texts)"
    say_notice(f"{table.source}: {said}")
    for notice in (
        *tables.warn_of_forms(table.frame, table.template),
        *tables.warn_of_words(table.frame, table.template),
        *tables.warn_of_new_values(table.frame, names),
        *tables.warn_of_length(table.texts, settings.max_tokens),
    ):
        say_notice(f"{table.source}: {notice}")
