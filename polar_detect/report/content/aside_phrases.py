"""What is said of a batch beside its scores: copies, digits, likely mistakes and flat runs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from polar_detect.messages.formatting import NAME_CHARACTERS, one_line
from polar_detect.messages.language import Language
from polar_detect.report.content.data import (
    FlatRunRows,
    MistakenRows,
    Numbering,
    RepeatedRows,
    UnusualDigitRows,
)
from polar_detect.report.content.group_phrases import concentration
from polar_detect.report.content.row_phrases import (
    digits_told,
    flat_told,
    mistakes_told,
    repeated,
    row_place,
    stays_at,
)
from polar_detect.signature.flat_runs import FlatRun
from polar_detect.signature.round_columns import RoundColumn

_N_NAMED = 3  # rows, or mistakes
_N_ROUND = 3  # columns


class BatchAsides(Protocol):
    """What is found of a batch beside its scores, as `ReportData` has it."""

    @property
    def repeats(self) -> RepeatedRows:
        """Rows that repeat what another one says."""

    @property
    def digits(self) -> UnusualDigitRows:
        """Rows whose numbers are rounder than usual, or have more digits."""

    @property
    def mistakes(self) -> MistakenRows:
        """Rows that seem to hold mistakes."""

    @property
    def flat_runs(self) -> FlatRunRows:
        """Where numbers stay the same for longer than usual."""


def asides(own: BatchAsides, n: int, numbering: Numbering, language: Language) -> list[str]:
    """Return all that is said of `n` rows beside their scores."""
    return [
        *repeats(own.repeats, n, numbering, language),
        *digits(own.digits, n, numbering, language),
        *mistakes(own.mistakes, n, numbering, language),
        *flat_runs(own.flat_runs, numbering, language),
    ]


def repeats(own: RepeatedRows, n: int, numbering: Numbering, language: Language) -> list[str]:
    """Return how many of `n` rows repeat another one, which first, and of which group."""
    if not own.found:
        return []
    named = [
        language.say(
            "repeat.row",
            row=row_place(row.row, "", numbering, language),
            repeat=repeated(row, numbering, language, NAME_CHARACTERS),
        )
        for row in own.found[:_N_NAMED]
    ]
    listed = _listed(named, len(own.found), language)
    sentences = [language.count("summary.repeats", len(own.found), n_all=n, named=listed)]
    return sentences + [concentration(group, language, "group.copies") for group in own.groups[:1]]


def digits(own: UnusualDigitRows, n: int, numbering: Numbering, language: Language) -> list[str]:
    """Return how many of `n` rows have unusual digits, and where numbers are rounder."""
    sentences = []
    if own.found:
        named = [
            language.say(
                "digits.row",
                row=row_place(row, "", numbering, language),
                digits=digits_told(odd, language),
            )
            for row, odd in own.found[:_N_NAMED]
        ]
        listed = _listed(named, len(own.found), language)
        sentences.append(language.count("summary.digits", len(own.found), n_all=n, named=listed))
    sentences += [concentration(group, language, "group.digits") for group in own.groups[:1]]
    for group in own.columns[:_N_ROUND]:
        where = concentration(group.where, language, "group.round.where")
        said = _multiples(group.column, group.of, language)
        sentences.append(language.say("group.round", **said, where=where))
    return sentences + round_columns(own.batch, language)


def mistakes(own: MistakenRows, n: int, numbering: Numbering, language: Language) -> list[str]:
    """Return how many of `n` rows seem to hold mistakes, which, and of which group they are."""
    if not own.found:
        return []
    rows_of: dict[str, list[int | str]] = {}
    for row, found in own.found:
        rows_of.setdefault(mistakes_told(found, language), []).append(row)
    named = [
        language.count(
            "mistake.rows",
            len(rows),
            mistake=mistake,
            row=row_place(rows[0], "", numbering, language),
        )
        for mistake, rows in sorted(rows_of.items(), key=lambda item: -len(item[1]))[:_N_NAMED]
    ]
    listed = _listed(named, len(rows_of), language)
    sentences = [language.count("summary.mistakes", len(own.found), n_all=n, named=listed)]
    return sentences + [
        concentration(group, language, "group.mistakes") for group in own.groups[:1]
    ]


def counted_mistakes(counts: Mapping[str, int], n: int, language: Language) -> str:
    """Return how many of `n` rows seem to hold which mistakes, as `score` says of them."""
    ordered = Counter(counts).most_common(_N_NAMED)
    named = [language.count("mistake.count", n_such, mistake=said) for said, n_such in ordered]
    listed = _listed(named, len(counts), language)
    return language.count("terminal.mistakes", sum(counts.values()), n_all=n, named=listed)


def flat_runs(own: FlatRunRows, numbering: Numbering, language: Language) -> list[str]:
    """Return where numbers stay the same for longer than usual, and how long they otherwise do."""
    if not own.found:
        return []
    longest = sorted(own.found, key=lambda found: -found[0].n_rows)
    named = [
        language.say(
            "flat_run.rows",
            columns=stays_at(run, language),
            n=run.n_rows,
            first=row_place(first, "", numbering, language),
            last=row_place(last, "", numbering, language),
            longest=run.longest,
        )
        for run, first, last in longest[:_N_NAMED]
    ]
    listed = _listed(named, len(longest), language)
    return [language.count("summary.flat_runs", len(longest), named=listed)]


def counted_flat_runs(key: str, found: Sequence[FlatRun], language: Language) -> str:
    """Return where numbers stay the same for longer than usual, as `fit` or `score` says."""
    longest = sorted(found, key=lambda run: -run.n_rows)
    named = [flat_told([run], language) for run in longest[:_N_NAMED]]
    return language.count(key, len(longest), named=_listed(named, len(longest), language))


def round_columns(found: Sequence[RoundColumn], language: Language) -> list[str]:
    """Return in which columns the numbers of a batch are rounder than those of normal rows."""
    return [
        language.say(
            "summary.round",
            **_multiples(own.column, own.of, language),
            n=own.n,
            n_such=own.n_such,
            n_normal=own.n_normal,
            n_such_normal=own.n_such_normal,
        )
        for own in found[:_N_ROUND]
    ]


def _multiples(column: str, of: float, language: Language) -> dict[str, str]:
    name = language.say("quoted", word=one_line(column, NAME_CHARACTERS))
    return {"column": name, "multiple": np.format_float_positional(of, trim="-")}


def _listed(named: Sequence[str], n: int, language: Language) -> str:
    """Return the first of `n` things, which are named, behind one another."""
    return language.say("semicolon").join([*named, *["…"] * (n > len(named))])
