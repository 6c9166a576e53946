"""`polar-detect update`."""

import warnings
from collections.abc import Sequence
from itertools import compress

import numpy as np

from polar_detect import tables
from polar_detect.arrays import BoolArray
from polar_detect.artifact.reading import Origin
from polar_detect.artifact.writing import check_room, check_target, save
from polar_detect.cli.commands.fit import said_of_texts
from polar_detect.cli.commands.inputs import load_same, origin_of, tell_about
from polar_detect.cli.commands.output import check_not_input, err, say, tell
from polar_detect.cli.options import UpdateOptions
from polar_detect.cli.progress import progress_bars
from polar_detect.detector import PolarDetector
from polar_detect.errors import InputError, TrainingWarning
from polar_detect.messages.language import Language
from polar_detect.pipeline.reviewing import Review, Verdicts, given_to
from polar_detect.pipeline.standing import Groups, Standing
from polar_detect.report.content.facts import description
from polar_detect.texts.known import KnownTexts


def update(options: UpdateOptions) -> PolarDetector:
    """Fit a detector anew, on what it was fitted on and on reviewed rows, and save it."""
    out = options.out
    rejected = tables.rejected_path(out, is_folder=True)
    check_not_input(out, options.reviewed, rejected=rejected)
    check_target(out)
    origin = origin_of(options.detector, options.text_column)
    language = Language(
        options.lang, are_rows=origin.template is not None, by_columns=not origin.reads_texts
    )
    if origin.reads_texts:
        check_room(out)
    before = load_same(options.detector, origin)
    standing = given_to(before.fitted_).standing
    table = _read(options, origin, standing)
    tell_about(table, rejected, language)
    is_taken = _taken(table, options, language)
    texts, labels = _texts_and_labels(table, is_taken)
    if options.whole_batch:
        _tell_of_copies([*compress(texts, ~labels)], before, language)
    with progress_bars(err, language) as progress, warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)  # of what was fitted on before
        detector = before.updated(
            texts,
            labels,
            kinds=_kinds(table, is_taken),
            groups=_groups(table, standing, is_taken),
            is_whole=options.whole_batch,
            progress=progress,
        )
        if origin.reads_texts:
            detector.normal_programs(progress=progress)
    _tell_of_review(detector, language, is_whole=options.whole_batch)
    save(detector, out, text_column=origin.text_column)
    for label, value in description(detector, options.lang):
        tell(language.say("fact", label=label, value=value))
    tell(said_of_texts(detector, out, language))
    say(out)
    return detector


def _read(options: UpdateOptions, origin: Origin, standing: Standing) -> tables.Table:
    return tables.read_table(
        options.reviewed,
        text_column=options.text_column,
        label_column=options.label_column,
        default_column=origin.text_column,
        rows=origin.template,
        options=tables.ReadOptions(
            encoding=options.encoding,
            sheet=options.sheet,
            keeps_unlabelled=options.whole_batch,
            group_column=next(iter(standing.lots)) if standing.are_given else None,
            group_option=None,
            kind_column=options.kind_column,
        ),
    )


def _taken(table: tables.Table, options: UpdateOptions, language: Language) -> BoolArray:
    """Return which rows count, and say which do not.

    Of a whole batch, rows without a label are normal unless they were flagged, or have a kind.
    """
    n = len(table.texts)
    is_labelled = np.ones(n, bool) if table.is_labelled is None else table.is_labelled
    if options.label_column is None:
        assert table.kind_column is not None
        words = tables.cells_as_text(table.frame[table.kind_column])
        is_labelled = np.asarray([bool(word.strip()) for word in words], bool)
    if not is_labelled.any():
        raise InputError(
            f"Got no row of {table.source} that says what was found; expected one at least; fill "
            "the column that --label-column or --kind-column names."
        )
    if is_labelled.all():
        return is_labelled
    if not options.whole_batch:
        tell(language.say("update.left_out", n=int(np.sum(~is_labelled))))
        return is_labelled
    was_unflagged = tables.were_unflagged(table.frame)
    if was_unflagged is None:
        raise InputError(
            f"Got {table.source}, which score has not scored, with rows without a label; expected "
            "its columns, as with --whole-batch rows that it did not flag are normal; score the "
            "table, or label each row."
        )
    if table.kind_column is not None:
        was_unflagged &= ~tables.said_kinds(table.frame[table.kind_column]).is_anomalous
    is_taken: BoolArray = is_labelled | was_unflagged
    tell(language.say("update.others", n=int(np.sum(is_taken & ~is_labelled))))
    if not is_taken.all():
        tell(language.say("update.unjudged", n=int(np.sum(~is_taken))))
    return is_taken


def _texts_and_labels(table: tables.Table, is_taken: BoolArray) -> tuple[list[str], BoolArray]:
    assert table.labels is not None
    places = np.flatnonzero(is_taken)
    return [table.texts[i] for i in places.tolist()], table.labels[places]


def _kinds(table: tables.Table, is_taken: BoolArray) -> list[str] | None:
    own = table.kind_column
    if own is None:
        return None
    kinds = tables.said_kinds(table.frame[own]).kinds
    return [kinds[i] for i in np.flatnonzero(is_taken).tolist()]


def _groups(table: tables.Table, standing: Standing, is_taken: BoolArray) -> Groups:
    """Return of which lots rows are, also by columns that are not read."""
    if table.group_column is not None:
        return table.frame[table.group_column][is_taken]
    return standing.told_by(table.frame).rows(np.flatnonzero(is_taken))


def _tell_of_copies(normal: Sequence[str], before: PolarDetector, language: Language) -> None:
    """Say how many rows of a batch are there already, where that is no chance."""
    known = KnownTexts(given_to(before.fitted_).normal)
    known.add(normal)
    if known.n_beyond_chance:
        tell(language.say("update.twice", n=len(normal), n_known=known.n_beyond_chance))


def _tell_of_review(detector: PolarDetector, language: Language, *, is_whole: bool) -> None:
    """Say what was added and changed, and what the new detector makes of reviewed rows."""
    review: Review = detector.review_
    for key, own in (("normal", review.normal), ("anomalous", review.anomalous)):
        if own.n:
            tell(_said_of(f"update.{key}", own, language) + _said_of_flags(own, language))
    if review.normal.n:
        n = len(detector.fitted_.calibration_scores)
        tell(language.say("update.whole" if is_whole else "update.chosen", n=n))


def _said_of(key: str, own: Verdicts, language: Language) -> str:
    return language.count(key, own.n, n_new=own.n_new, n_turned=own.n_turned, n_known=own.n_known)


def _said_of_flags(own: Verdicts, language: Language) -> str:
    key = "update.flags.before" if own.n_flagged is None else "update.flags"
    return language.say(key, before=own.n_flagged_before, now=own.n_flagged)
