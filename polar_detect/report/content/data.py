"""What a report shows, as plain values: computed once, rendered many ways."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from polar_detect.arrays import Float64Array
from polar_detect.drift import ALONE, Company, Drift
from polar_detect.features.of_columns import Expected
from polar_detect.features.table import Feature
from polar_detect.messages.language import Language
from polar_detect.messages.sources import SharedReason, Source
from polar_detect.messages.tongues import Tongue
from polar_detect.program import Program
from polar_detect.signature.columns.mistake import Mistake
from polar_detect.signature.columns.new_cells import NewCell
from polar_detect.signature.columns.reach import NOWHERE, Beyond
from polar_detect.signature.digits import UnusualDigits
from polar_detect.signature.flat_runs import FlatRun
from polar_detect.signature.known_anomalies import KnownAnomaly, LikeCounts
from polar_detect.signature.marks.spans import TokenLoss
from polar_detect.signature.repeats import Repeat
from polar_detect.signature.round_columns import RoundColumn, RoundGroup
from polar_detect.statistics.concentration import Concentration

# What the number or the name of a row is; those of a file are `polar_detect.tables.Numbering`.
Numbering = Literal["sheet", "file", "data", "index"]


@dataclass(frozen=True)
class Contribution:
    """One bar of an explanation: where a part of the score comes from."""

    source: Source
    value: float  # SHAP value: its part of the score


def total(parts: Iterable[Contribution]) -> float:
    """Return the sum of the contributions."""
    return math.fsum(part.value for part in parts)


@dataclass(frozen=True, slots=True)
class FeaturePart:
    """One feature of a text and its part of the score."""

    feature: Feature
    value: float
    part: float  # SHAP value


@dataclass(frozen=True, slots=True, kw_only=True)
class CellReport:
    """One cell of a column of numbers or of a category, beside what normal rows hold there."""

    column: str
    says: str  # as it stands in the row
    is_empty: bool = False  # then it says "missing" in the row
    low: float = math.nan  # of numbers: the middle 90 % of normal rows lie between these
    high: float = math.nan
    # Of numbers: the other columns of the row lead to expect it between these; NaN without others.
    expected_low: float = math.nan
    expected_high: float = math.nan
    levels: tuple[tuple[str, float], ...] = ()  # of a category: what most of them say, and shares
    expected: Expected | None = None  # what the free text of the row leads to expect in its place
    # What the row says in the factors of the column, as those normal rows do.
    beside: Mapping[str, str] = field(default_factory=dict)
    is_usual: bool  # whether it lies there, or is said by a twentieth of them
    is_expected: bool = True  # false where the other columns lead to expect another number
    part: float  # SHAP value of all features of the column
    start: int  # where `says` stands in the text of the row
    stop: int
    is_as_labelled: bool = False  # whether most of it is that labelled anomalies are like that
    is_condition: bool = False  # by which the others are judged: it has no part itself

    @property
    def has_expected(self) -> bool:
        """Whether the row's text, or others of its numbers, lead to expect something here."""
        return bool(self.expected) or not math.isnan(self.expected_low)


@dataclass(frozen=True, slots=True)
class ProgramReport:
    """The minimal program of one text, and what it costs."""

    program: Program
    full_loss: float  # nats per token
    program_loss: float  # nats per token


@dataclass(frozen=True, slots=True)
class PassageReport:
    """A passage of a long text."""

    number: int  # from 1
    text: str
    score: float  # NaN without tokens
    is_strangest: bool  # the one that reasons are about


@dataclass(frozen=True, slots=True)
class RepeatedRow:
    """A row that repeats what another one says.

    Parameters
    ----------
    row : int or str
        Its number or name, as `ReportData.numbering` says.
    other : int or str, optional
        That of the other one; None where it is a normal one.
    repeat : Repeat
    """

    row: int | str
    other: int | str | None
    repeat: Repeat

    def named(self, names: Mapping[int | str, int | str]) -> "RepeatedRow":
        """Return the same with other names of the rows."""
        other = None if self.other is None else names[self.other]
        return replace(self, row=names[self.row], other=other)


@dataclass(frozen=True, slots=True)
class RepeatedRows:
    """Rows that repeat what another one says, as usual ones do not.

    Parameters
    ----------
    found : tuple of RepeatedRow
        Those that repeat a normal one, or one above them, come first.
    groups : tuple of Concentration
        Of which more do, the surest first.
    """

    found: tuple[RepeatedRow, ...] = ()
    groups: tuple[Concentration, ...] = ()

    def named(self, names: Mapping[int | str, int | str]) -> "RepeatedRows":
        """Return the same with other names of the rows."""
        return replace(self, found=tuple(own.named(names) for own in self.found))


@dataclass(frozen=True, slots=True)
class UnusualDigitRows:
    """Rows whose numbers are rounder than usual, or have more digits.

    Parameters
    ----------
    found : tuple of (int or str, UnusualDigits)
        Each with its number or name, as `ReportData.numbering` says.
    groups : tuple of Concentration
        Of which more do, the surest first.
    columns : tuple of RoundGroup
        In which numbers of a group are rounder than those of others, the surest first.
    batch : tuple of RoundColumn
        In which the numbers of the batch are rounder than those of normal rows.
    """

    found: tuple[tuple[int | str, UnusualDigits], ...] = ()
    groups: tuple[Concentration, ...] = ()
    columns: tuple[RoundGroup, ...] = ()
    batch: tuple[RoundColumn, ...] = ()

    def named(self, names: Mapping[int | str, int | str]) -> "UnusualDigitRows":
        """Return the same with other names of the rows."""
        return replace(self, found=tuple((names[row], own) for row, own in self.found))


@dataclass(frozen=True, slots=True)
class MistakenRows:
    """Rows that seem to hold mistakes.

    Parameters
    ----------
    found : tuple of (int or str, tuple of Mistake)
        Each with its number or name, as `ReportData.numbering` says.
    groups : tuple of Concentration
        Of which more do, the surest first.
    """

    found: tuple[tuple[int | str, tuple[Mistake, ...]], ...] = ()
    groups: tuple[Concentration, ...] = ()

    def named(self, names: Mapping[int | str, int | str]) -> "MistakenRows":
        """Return the same with other names of the rows."""
        return replace(self, found=tuple((names[row], own) for row, own in self.found))


@dataclass(frozen=True, slots=True)
class FlatRunRows:
    """Where numbers stay the same from row to row for longer than usual.

    Parameters
    ----------
    found : tuple of (FlatRun, int or str, int or str)
        Each with the number or name of its first and of its last row, as `ReportData.numbering`
        says.
    """

    found: tuple[tuple[FlatRun, int | str, int | str], ...] = ()

    def named(self, names: Mapping[int | str, int | str]) -> "FlatRunRows":
        """Return the same with other names of the rows."""
        return replace(
            self, found=tuple((own, names[first], names[last]) for own, first, last in self.found)
        )


@dataclass(frozen=True)
class RowReport:
    """One scored text with its reasons."""

    row: int | str  # its number or name, as `ReportData.numbering` says
    text: str
    label: bool | None  # known label, where the input carries one
    score: float  # higher = more anomalous
    p_value: float
    is_anomaly: bool
    minimal: ProgramReport | None  # None where no model reads the rows
    layers: tuple[Contribution, ...]  # one per layer, in layer order; none without a model
    whole: tuple[Contribution, ...]  # properties of the whole text, largest |value| first
    features: tuple[FeaturePart, ...]  # largest |SHAP| first
    neighbours: tuple[str, ...]  # nearest normal training texts, nearest first
    tokens: tuple[TokenLoss, ...] = ()  # as far as the model reads; empty where not known
    cells: tuple[CellReport, ...] = ()  # of a row of a table, largest |part| first
    new_cells: tuple[NewCell, ...] = ()  # of a row of a table
    labelled_words: tuple[str, ...] = ()  # of labelled anomalies too, if they raised the score
    known: KnownAnomaly | None = None  # of a flagged row, where labelled anomalies are kept
    passages: tuple[PassageReport, ...] = ()  # of a long text, of which `text` is the strangest
    n_passages: int = 0  # in all, of which `passages` lacks some where there are very many
    n_fine: int = 0  # that were reviewed and found normal, and that a flagged row is like
    repeated: RepeatedRow | None = None  # where it repeats what another one says
    unusual_digits: UnusualDigits | None = None  # where its numbers are rounder, or less round
    mistakes: tuple[Mistake, ...] = ()  # that it seems to hold
    flat_runs: tuple[FlatRun, ...] = ()  # to which it belongs

    @property
    def has_expected(self) -> bool:
        """Whether something is expected of some of its cells."""
        return any(cell.has_expected for cell in self.cells)


@dataclass(frozen=True, slots=True)
class ListedRow:
    """One line of the table of rows; also of rows that are not explained further."""

    row: int | str
    text: str  # its beginning
    label: bool | None
    score: float
    p_value: float
    is_anomaly: bool
    length: int | None  # layer calls of the minimal program, if a model reads the text
    reasons: tuple[Contribution, ...]  # what raised the score most, largest first
    new_cells: tuple[NewCell, ...] = ()  # of a row of a table
    cells: Mapping[str, str] = field(default_factory=dict)  # what it says in columns of `reasons`
    new_words: tuple[str, ...] = ()  # that no normal text has


@dataclass(frozen=True, eq=False)
class Swarm:
    """One line of the beeswarm: a feature over the texts drawn.

    Parameters
    ----------
    feature : Feature
    parts : (n_drawn,) float64
        SHAP values.
    ranks : (n_drawn,) float64
        Where the feature's own value lies among the texts drawn, 0 = lowest, 1 = highest.
    """

    feature: Feature
    parts: Float64Array
    ranks: Float64Array


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The models that read the texts, and how."""

    model: str
    n_layers: int  # of the model
    encoder: str
    max_tokens: int
    tolerance: float  # nats per token


@dataclass(frozen=True)
class DetectorFacts:
    """What the detector is and was fitted on."""

    head: str
    reason: str  # of the head, in English
    choices: Mapping[str, str]  # of the head, in figures
    models: ModelFacts | None  # None where it goes by the columns of rows, which no model reads
    n_train: int
    n_held_out: int
    n_anomalous: int
    created: str  # ISO date and time
    reads_rows: bool = False  # of a table, which are written out as texts
    contamination: float = 0.0  # share of the nearest normal texts that is passed over
    company: Company = ALONE  # how texts near one another in time hang together
    conditions: tuple[str, ...] = ()  # columns by which the others are judged
    n_passages: int = 0  # that the normal texts are read in; 0 where they are whole
    n_folds: int = 0  # of a screening, where each text is held against those of the other folds

    @property
    def is_screening(self) -> bool:
        """Whether the texts were held against one another, and no text is known as normal."""
        return self.n_folds > 0

    def language(self, tongue: Tongue, *, isolates: bool = False) -> Language:
        """Return the language in which to speak of what the detector finds."""
        return Language(
            tongue,
            are_rows=self.reads_rows,
            isolates=isolates,
            by_columns=self.models is None,
            is_screening=self.is_screening,
        )


@dataclass(frozen=True, eq=False, slots=True)
class ProgramUse:
    """How the minimal programs of normal texts, and those of the batch, use the layers.

    Parameters
    ----------
    typical_calls : (n_layers,) float
        Mean number of calls of each layer in the minimal programs of normal texts
        (0 = always skipped, 1 = always kept, above 1 = looped).
    typical_length, batch_length : float
        Mean program length on normal training texts and on this batch.
    batch_calls : (n_layers,) float
        As `typical_calls`, of this batch.
    """

    typical_calls: Float64Array
    typical_length: float
    batch_length: float
    batch_calls: Float64Array


@dataclass(frozen=True, slots=True)
class FlaggedGroups:
    """Groups of rows that are flagged more often than others.

    Parameters
    ----------
    columns : tuple of str
        By which rows were grouped.
    found : tuple of Concentration
        Surest first.
    """

    columns: tuple[str, ...]
    found: tuple[Concentration, ...]


@dataclass(frozen=True, slots=True)
class FlaggedCluster:
    """Flagged rows that are alike.

    Parameters
    ----------
    rows : tuple of int or str
        Their numbers or names, as `ReportData.numbering` says, highest score first.
    central : int or str
        Of the one that is most like all others.
    text : str
        The beginning of its text.
    reasons, words
        What they share; see `polar_detect.clusters.Cluster`.
    """

    rows: tuple[int | str, ...]
    central: int | str
    text: str
    reasons: tuple[SharedReason, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FlaggedClusters:
    """Which flagged rows are alike.

    Parameters
    ----------
    found : tuple of FlaggedCluster
        The largest first.
    n_alone : int
        Rows that are in none.
    n_left_out : int
        Flagged rows that were not asked, those with the lowest scores.
    """

    found: tuple[FlaggedCluster, ...]
    n_alone: int
    n_left_out: int

    def named(self, names: Mapping[int | str, int | str]) -> "FlaggedClusters":
        """Return the same with other names of the rows."""
        found = (
            replace(own, rows=tuple(names[row] for row in own.rows), central=names[own.central])
            for own in self.found
        )
        return replace(self, found=tuple(found))

    @property
    def are_most(self) -> bool:
        """Whether half of the flagged rows that were asked, or more, are in a cluster."""
        return len(self.places) >= max(self.n_alone, 1)

    @property
    def places(self) -> dict[int | str, int]:
        """In which cluster rows are, counted from 1."""
        return {row: i for i, own in enumerate(self.found, start=1) for row in own.rows}


@dataclass(frozen=True, eq=False, kw_only=True)
class ReportData:
    """Everything that a renderer needs.

    Attributes
    ----------
    detector : DetectorFacts
    numbering : {"sheet", "file", "data", "index"}
        What numbers of rows count: rows of the sheet, lines of the file, or rows without the
        heading; or that rows are called as in the index of a data frame.
    programs : ProgramUse or None
        None where none were searched, as in a screening, and where no model reads the rows; all
        that tells of layers is then empty.
    calibration_scores, batch_scores : (n,) float
        Scores of held-out normal texts, of which a screening has none, and of the batch, in its
        order; higher = more anomalous.
    batch_rows : tuple of int or str
        Numbers or names of the rows that `batch_scores` are of, as `numbering` says.
    batch_times : tuple of str
        What these rows say in a column of dates, or in an index, that shows that they are in the
        order of time; () where nothing does.
    threshold : float
        Score from which the p-value is at most `alpha`.
    alpha : float
        Of a screening the share of the texts that is flagged.
    base_value : float
        The score's SHAP base value: base + all contributions = score.
    rows : tuple of RowReport
        Worst first.
    listed : tuple of ListedRow
        Worst first; begins with those of `rows`.
    drift : Drift or None
        None of a screening.
    swarms : tuple of Swarm
        Features with the largest mean |SHAP|, largest first.
    global_layers : tuple of Contribution
        Mean |SHAP| over the batch per layer, in layer order.
    global_whole : tuple of Contribution
        Mean |SHAP| over the batch per property of the whole text, largest first.
    groups : FlaggedGroups or None
        None where no row is flagged, or no column groups rows.
    clusters : FlaggedClusters or None
        None where fewer than two rows are flagged.
    auroc, aupr : float or None
        Where the batch carries labels of both kinds.
    beyond : Beyond
        In which columns of numbers most rows lie where no normal row does.
    like_known : LikeCounts or None
        How many flagged rows are like labelled anomalies; None where no row is flagged, or none
        of these is kept.
    n_known : int
        Rows that the detector was fitted on, where there are more than chance would give.
    repeats : RepeatedRows
        None where there are such, each of which repeats itself.
    digits : UnusualDigitRows
    mistakes : MistakenRows
    flat_runs : FlatRunRows
    versions : tuple of (str, str)
        What produced the scores: package, model and library versions, for the footer.
    """

    source: str  # name of the scored file
    created: str  # ISO date and time
    detector: DetectorFacts
    n_rows: int
    n_empty: int
    n_flagged: int
    programs: ProgramUse | None
    calibration_scores: Float64Array
    batch_scores: Float64Array
    batch_rows: tuple[int | str, ...]
    threshold: float
    alpha: float
    base_value: float
    rows: tuple[RowReport, ...]
    listed: tuple[ListedRow, ...]
    drift: Drift | None
    global_layers: tuple[Contribution, ...]
    global_whole: tuple[Contribution, ...]
    swarms: tuple[Swarm, ...] = ()
    groups: FlaggedGroups | None = None
    clusters: FlaggedClusters | None = None
    auroc: float | None = None
    aupr: float | None = None
    beyond: Beyond = NOWHERE
    like_known: LikeCounts | None = None
    n_known: int = 0
    repeats: RepeatedRows = field(default_factory=RepeatedRows)
    digits: UnusualDigitRows = field(default_factory=UnusualDigitRows)
    mistakes: MistakenRows = field(default_factory=MistakenRows)
    flat_runs: FlatRunRows = field(default_factory=FlatRunRows)
    versions: tuple[tuple[str, str], ...] = ()
    numbering: Numbering = "data"
    batch_times: tuple[str, ...] = ()

    @property
    def are_rows(self) -> bool:
        """Whether the texts are rows of a table."""
        return self.detector.reads_rows

    @property
    def is_screening(self) -> bool:
        """Whether the texts were held against one another, and no text is known as normal."""
        return self.detector.is_screening

    @property
    def has_cells(self) -> bool:
        """Whether columns of numbers or of words that repeat count by themselves in some row.

        Not where a detector keeps none of the texts that it was fitted on.
        """
        return any(row.cells for row in self.rows)

    @property
    def n_scored(self) -> int:
        """Rows with a text."""
        return self.n_rows - self.n_empty

    @property
    def by_columns(self) -> bool:
        """Whether the detector goes by the columns of rows, which no model reads."""
        return self.detector.models is None

    @property
    def n_layers(self) -> int:
        """Layers of the model; 0 where there is none."""
        return 0 if self.detector.models is None else self.detector.models.n_layers


@dataclass(frozen=True)
class RenderedFile:
    """What a file of a report holds, and whether characters lack in it for want of a font."""

    content: bytes
    lacks_characters: bool = False
