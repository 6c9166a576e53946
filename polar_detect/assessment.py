"""What a detector says of each text of a batch, and that as a table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from polar_detect.arrays import BoolArray, Float32Array, Float64Array, IndexArray
from polar_detect.clusters import Clusters, Flagged
from polar_detect.errors import InputError, counted
from polar_detect.explain import Explanation
from polar_detect.features.of_columns import MISFILED, Expected
from polar_detect.features.of_sequences import OddEntry
from polar_detect.messages.language import Language
from polar_detect.messages.tongues import Tongue
from polar_detect.program import Program
from polar_detect.report.content.cluster_phrases import shared
from polar_detect.report.content.reasons import OddCells, reasons_of
from polar_detect.report.content.row_phrases import (
    digits_told,
    flat_told,
    mistakes_told,
    repeat_of,
    row_place,
)
from polar_detect.signature.columns.mistake import Mistake, misplaced_in
from polar_detect.signature.columns.new_cells import NewCell
from polar_detect.signature.digits import UnusualDigits
from polar_detect.signature.flat_runs import FlatRun
from polar_detect.signature.known_anomalies import KnownAnomaly
from polar_detect.signature.repeats import Repeat
from polar_detect.statistics.concentration import Concentration, Grouping, concentrations
from polar_detect.tables.columns.results import (
    OF_COLUMNS,
    OF_PROGRAMS,
    OF_ROWS,
    OF_TEXTS,
    Asides,
)
from polar_detect.texts.passages import ReadPassages

if TYPE_CHECKING:  # pandas and torch take their time to import, and whoever assesses has them
    import pandas as pd

    from polar_detect.containers import HasArrowStream, Texts
    from polar_detect.programs.minimal import MinimalProgram

_T = TypeVar("_T")

_NO_ASIDES = Asides()
_DTYPES = {"float": "float64", "bool": "bool", "int": "Int64", "str": "object"}


def kinds_of_columns(
    *,
    are_rows: bool,
    has_layers: bool = True,
    has_programs: bool = True,
    asides: Asides = _NO_ASIDES,
) -> dict[str, str]:
    """Return the columns that say what was found, with their kinds.

    Parameters
    ----------
    are_rows : bool
        Whether it was found out about whole rows.
    has_layers : bool
        Whether models read these, so that there are layers and programs to tell of.
    has_programs : bool
        Whether any were asked for.
    asides : Asides
        What else can be told.
    """
    found = OF_ROWS if are_rows else OF_TEXTS
    if not has_layers:
        found = OF_COLUMNS
    elif not has_programs:
        found = {name: kind for name, kind in found.items() if name not in OF_PROGRAMS}
    return found | asides.columns


@dataclass(frozen=True, slots=True)
class Result:
    """What is said of one text, but for the flag, which may depend on the whole batch.

    What is no text is None for a text without tokens, and what tells of the program where none
    was searched.
    """

    score: float | None = None
    p_value: float | None = None
    program: str | None = None
    program_length: int | None = None
    n_skips: int | None = None
    n_loops: int | None = None
    top_layers: str = ""
    top_columns: str = ""
    reasons: str = ""
    passage: str = ""
    known_anomaly: str = ""
    repeat_of: str = ""
    unusual_digits: str = ""
    likely_mistake: str = ""


@dataclass(frozen=True, eq=False)
class Assessment:
    """Scores of a batch with everything that explains them; empty texts are NaN throughout.

    Parameters
    ----------
    scores : (n_texts,) float64
        Higher = more anomalous.
    p_values : (n_texts,) float64
        Conformal; of a screening the share of its texts that score as high.
    is_anomaly : (n_texts,) bool
    programs : tuple of MinimalProgram or None
        None where none was searched, and where no model reads the texts; () where none were asked
        for.
    explanation : Explanation
    neighbours : tuple of tuple of str
        Nearest normal training texts, nearest first, each once; none where they are not kept. Of a
        screening the nearest of the others.
    empty_cells : tuple of frozenset of str
        The columns of numbers and categories in which each row has an empty cell; () where these
        count as text.
    unlike_kind : tuple of dict
        The columns in which each row is as rows of another kind are, but not as those of its own,
        each with the names of the columns that say of which kind it is; () where columns count as
        text.
    beyond_usual : tuple of dict
        The columns in which each row has a number below (-1) or above (1) the middle 90 % of those
        of normal rows of its kind; () where columns count as text.
    mistakes : tuple of tuple of Mistake
        What seems to have gone wrong in each row: cells that stand in the wrong column, or numbers
        that would be usual with the point moved, the other sign or in another unit; () where
        columns count as text, and where none of them are numbers. No score counts it.
    misfiled : tuple of dict
        The columns in which each row says something else than its free text leads to expect, each
        with that, a word or between which numbers; () where texts are no rows, or tell no column.
    odd_entries : tuple of OddEntry or None
        Of each text the entry that is missing, out of place or there too often, where that raised
        its score; () where texts are no sequences of entries that come again.
    new_cells : tuple of tuple of NewCell
        Of each row, the cells that say what no normal row says in that category; () where texts
        are no rows.
    new_words : tuple of tuple of str
        Of each text, words that no normal text has, where a normal one is not likely to have as
        many; () where texts are rows, or the normal ones are not kept.
    known_anomalies : tuple of KnownAnomaly or None
        Of each text the labelled anomaly that it is nearest to, and whether it is like that; ()
        where the detector keeps none. It says what a flagged text is; of others one of twenty is
        like one by chance.
    passages : tuple of ReadPassages
        Those of each text, with their scores; () where texts are not read in passages. What is
        said of a text, but for its score and p-value, is then said of its strangest passage.
    like_fine : tuple of int
        How many strange texts that were reviewed and found normal each text is like: three at
        least, or 0; () where the detector has learned of none.
    repeats : tuple of Repeat or None
        Of each text the normal one whose values or wording it repeats, as usual ones do not; of a
        screening the other one; () where texts repeat each other anyway. No score counts it.
    unusual_digits : tuple of UnusualDigits or None
        Which numbers of each row are rounder, or have more digits, than those of normal rows; ()
        where rows do not say so, as where models read them. No score counts it.
    flat_runs : tuple of tuple of FlatRun
        To which runs, of rows in which numbers stay the same for longer than usual, each row
        belongs; () where rows have no numbers. Of all rows in their order, and no score counts it.
    embeddings : (n_texts, hidden) float32, optional
        Of the sentence encoder, unit length; None where no model reads the texts.
    index : pandas.Index, optional
        What the texts are called in the series or data frame that was assessed.
    are_rows : bool
        Whether the texts are rows of a table that were written out.
    is_screening : bool
        Whether each text was held against the others, none of which is known as normal, as
        `screen` does; p-values are then ranks.
    """

    scores: Float64Array
    p_values: Float64Array
    is_anomaly: BoolArray
    programs: "tuple[MinimalProgram | None, ...]"
    explanation: Explanation
    neighbours: tuple[tuple[str, ...], ...]
    empty_cells: tuple[frozenset[str], ...] = ()
    unlike_kind: tuple[Mapping[str, tuple[str, ...]], ...] = ()
    beyond_usual: tuple[Mapping[str, int], ...] = ()
    mistakes: tuple[tuple[Mistake, ...], ...] = ()
    misfiled: tuple[Mapping[str, Expected], ...] = ()
    odd_entries: tuple[OddEntry | None, ...] = ()
    new_cells: tuple[tuple[NewCell, ...], ...] = ()
    new_words: tuple[tuple[str, ...], ...] = ()
    known_anomalies: tuple[KnownAnomaly | None, ...] = ()
    passages: tuple[ReadPassages, ...] = ()
    like_fine: tuple[int, ...] = ()
    repeats: tuple[Repeat | None, ...] = ()
    unusual_digits: tuple[UnusualDigits | None, ...] = ()
    flat_runs: tuple[tuple[FlatRun, ...], ...] = ()
    embeddings: Float32Array | None = None
    index: "pd.Index[Any] | None" = None
    are_rows: bool = False
    is_screening: bool = False

    def __post_init__(self) -> None:
        if self.is_screening and not self.explanation.is_screening:
            explanation = replace(self.explanation, is_screening=True)
            object.__setattr__(self, "explanation", explanation)  # as it is frozen

    def __len__(self) -> int:
        return len(self.scores)

    def reasons(self, tongue: Tongue = "en") -> list[str]:
        """Return what raised each text's score most, in English or Japanese, largest first.

        With its part of the score, e.g. ``few similar normal texts +0.62; unusual length +0.08``;
        of a row also what no normal row says in a category, e.g. ``new in “Machine”: CNC-9``, and
        of a text which words no normal one has; last, of a flagged one, how many that were found
        normal it is like.
        """
        language = Language(tongue, are_rows=self.are_rows, is_screening=self.is_screening)
        return reasons_of(
            self.explanation,
            language,
            odd_cells=self.odd_cells,
            new_words=self.new_words,
            like_fine=np.where(self.is_anomaly, self.like_fine, 0).tolist()
            if self.like_fine
            else (),
        )

    def rows(self, places: IndexArray | BoolArray) -> Self:
        """Return what is said of the texts in these places, or where a mask is true.

        E.g. ``assessment.rows(assessment.is_anomaly)``.
        """
        places = np.arange(len(self.scores))[places]

        def chosen(own: Sequence[Any]) -> tuple[Any, ...]:
            return tuple(own[i] for i in places) if own else ()

        return replace(
            self,
            scores=self.scores[places],
            p_values=self.p_values[places],
            is_anomaly=self.is_anomaly[places],
            programs=chosen(self.programs),
            explanation=self.explanation.rows(places),
            neighbours=chosen(self.neighbours),
            empty_cells=chosen(self.empty_cells),
            unlike_kind=chosen(self.unlike_kind),
            beyond_usual=chosen(self.beyond_usual),
            mistakes=chosen(self.mistakes),
            misfiled=chosen(self.misfiled),
            odd_entries=chosen(self.odd_entries),
            new_cells=chosen(self.new_cells),
            new_words=chosen(self.new_words),
            known_anomalies=chosen(self.known_anomalies),
            passages=chosen(self.passages),
            like_fine=chosen(self.like_fine),
            repeats=chosen(self.repeats),
            unusual_digits=chosen(self.unusual_digits),
            flat_runs=chosen(self.flat_runs),
            embeddings=None if self.embeddings is None else self.embeddings[places],
            index=None if self.index is None else self.index[places],
        )

    @classmethod
    def below(cls, parts: Sequence[Self]) -> Self:
        """Return what is said of all parts, one below the other, by detectors of one kind."""
        return cls(
            scores=np.concatenate([part.scores for part in parts]),
            p_values=np.concatenate([part.p_values for part in parts]),
            is_anomaly=np.concatenate([part.is_anomaly for part in parts]),
            programs=_joined(part.programs for part in parts),
            explanation=Explanation.below([part.explanation for part in parts]),
            neighbours=_joined(part.neighbours for part in parts),
            empty_cells=_joined(part.empty_cells for part in parts),
            unlike_kind=_joined(part.unlike_kind for part in parts),
            beyond_usual=_joined(part.beyond_usual for part in parts),
            mistakes=_joined(part.mistakes for part in parts),
            misfiled=_joined(part.misfiled for part in parts),
            odd_entries=_joined(part.odd_entries for part in parts),
            new_cells=_joined(part.new_cells for part in parts),
            new_words=_joined(part.new_words for part in parts),
            known_anomalies=_joined(part.known_anomalies for part in parts),
            passages=_joined(part.passages for part in parts),
            like_fine=_joined(part.like_fine for part in parts),
            repeats=_joined(part.repeats for part in parts),
            unusual_digits=_joined(part.unusual_digits for part in parts),
            embeddings=_below(part.embeddings for part in parts),
            are_rows=parts[0].are_rows,
        )

    @property
    def strangest(self) -> IndexArray:
        """The places of the texts that have a score, from the highest down."""
        is_scored = ~np.isnan(self.scores)
        order = np.argsort(-np.where(is_scored, self.scores, -np.inf), kind="stable")
        return order[is_scored[order]]

    @cached_property
    def odd_cells(self) -> list[OddCells]:
        """What is odd about the cells of each text, if it is a row, or about its entries."""
        n = len(self.scores)
        empty, new = self.empty_cells or (frozenset(),) * n, self.new_cells or ((),) * n
        unlike, beyond = self.unlike_kind or ({},) * n, self.beyond_usual or ({},) * n
        far = self.explanation.far_numbers(beyond)
        expected = zip(self.misfiled or ({},) * n, self.explanation.mostly(MISFILED), strict=True)
        misfiled = [{name: own[name] for name in own.keys() & most} for own, most in expected]
        entries = self.odd_entries or (None,) * n
        meant = self.meant or ({},) * n
        return [*map(OddCells, empty, unlike, new, far, misfiled, entries, meant)]

    @property
    def meant(self) -> tuple[Mapping[str, float], ...]:
        """The numbers that would be usual in each row but for its mistakes, by column."""
        return tuple(
            {n: own for m in of_row for n, own in m.meant.items()} for of_row in self.mistakes
        )

    @cached_property
    def like_known(self) -> tuple[str, ...]:
        """The kind of the labelled anomaly that each text is like, or what it says; "" of none."""
        known = self.known_anomalies or (None,) * len(self.scores)
        return tuple("" if own is None or not own.is_like else own.name for own in known)

    @cached_property
    def all_programs(self) -> "tuple[MinimalProgram, ...]":
        """Every text's program; raise `InputError` unless all were searched."""
        found = tuple(program for program in self.programs if program is not None)
        if len(found) < len(self.scores):
            raise InputError(
                "Got an assessment without the programs of some texts; expected those of all; "
                "assess with programs_of='all'."
            )
        return found

    def results(self, tongue: Tongue = "en") -> list[Result]:
        """Return what is said of each text, its reasons in English or Japanese."""
        shown, n_layers = self.explanation, self.explanation.n_layers
        language = Language(tongue)
        empty = Result(top_layers=language.say("layers.empty"))
        if not n_layers:  # no model reads the rows
            empty = Result(top_columns=language.say("columns.empty"))
        said = zip(self.reasons(tongue), shown.top_layers(), shown.top_columns(), strict=True)
        results = []
        for i, (reasons, top_layers, top_columns) in enumerate(said):
            if np.isnan(self.scores[i]):
                results.append(empty)
                continue
            own = Result(
                score=float(self.scores[i]),
                p_value=float(self.p_values[i]),
                top_layers=top_layers,
                top_columns=top_columns,
                reasons=reasons,
                passage=self._said_of_passage(i, language),
                known_anomaly=self.like_known[i],
                repeat_of=self._said_of_repeat(i, language),
                unusual_digits=self._said_of_digits(i, language),
                likely_mistake=mistakes_told(self.mistakes[i], language) if self.mistakes else "",
            )
            minimal = self.programs[i] if self.programs else None
            results.append(
                own if minimal is None else _with_program(own, minimal.program, n_layers)
            )
        return results

    def to_frame(self, tongue: Tongue = "en") -> "pd.DataFrame":
        """Return the columns that ``polar-detect score`` adds, as a data frame, a row a text.

        It has the index of the series or data frame that was assessed, so that
        ``pd.concat([frame, assessment.to_frame()], axis=1)`` puts the columns beside that.
        `reasons` are in English or Japanese; what an empty text or a program that was not searched
        lacks is missing. Where no model reads the rows, no column tells of layers and programs.
        """
        import pandas as pd

        results = [
            own if is_flagged else replace(own, known_anomaly="")
            for own, is_flagged in zip(self.results(tongue), self.is_anomaly, strict=True)
        ]
        own = {"is_anomaly": self.is_anomaly, "flat_run": self._said_of_flat_runs(tongue)}
        columns = {
            name: pd.Series(
                own[name] if name in own else [getattr(r, name) for r in results],
                dtype=_DTYPES[kind],
                index=self.index,
            )
            for name, kind in self._kinds.items()
        }
        return pd.DataFrame(columns)

    @property
    def misplaced(self) -> list[frozenset[str]]:
        """In which columns of each row cells seem to stand that belong to others, n_texts long."""
        return [*map(misplaced_in, self.mistakes)] or [frozenset()] * len(self.scores)

    @cached_property
    def is_copy(self) -> BoolArray:
        """Whether each text repeats a normal one, or one above it of its set, (n_texts,)."""
        repeats = self.repeats or (None,) * len(self.scores)
        return np.asarray([own is not None and own.is_copy for own in repeats], bool)

    def concentrations(
        self, groupings: Mapping[str, Grouping], are_in: BoolArray
    ) -> tuple[Concentration, ...]:
        """Return in which groups of texts with a score more of some kind are than in others.

        `are_in`, (n_texts,), says which are of that kind, such as `is_anomaly`.
        """
        is_scored = ~np.isnan(self.scores)
        own = {
            name: Grouping(places[is_scored], says) for name, (places, says) in groupings.items()
        }
        return concentrations(own, are_in[is_scored])

    def flagged_groups(self, frame: "pd.DataFrame | HasArrowStream") -> "pd.DataFrame":
        """Return in which groups of rows more are flagged than in all others, the surest first.

        Parameters
        ----------
        frame : (n_texts, n_columns) data frame
            Of pandas, polars or pyarrow: columns that say of which machine, lot, day or the like
            each text is, in its place; what they say in hardly any row twice, and measured
            numbers, make no groups.

        Returns
        -------
        pandas.DataFrame
            A line a group: ``column``, ``says``; ``flagged`` of its ``rows``, ``flagged_others``
            of all ``others``, without rows of groups above; and ``p_value``, see
            `polar_detect.statistics.concentration`.

        Raises
        ------
        InputError
            Another number of rows than of texts.
        """
        import pandas as pd

        from polar_detect.frames import in_pandas
        from polar_detect.tables.columns.groupings import groupings_of

        own: pd.DataFrame = in_pandas(frame)
        if len(own) != len(self.scores):
            raise InputError(
                f"Got a frame of {len(own)} rows for {len(self.scores)} texts; expected a row "
                "for each, in the same order; pass the rows that were assessed."
            )
        found = self.concentrations(groupings_of(own), self.is_anomaly)
        return pd.DataFrame(
            {
                "column": [own.group.column for own in found],
                "says": [own.group.says for own in found],
                "flagged": [own.n_flagged for own in found],
                "rows": [own.n_rows for own in found],
                "flagged_others": [own.n_flagged_others for own in found],
                "others": [own.n_others for own in found],
                "p_value": [own.p_value for own in found],
            }
        )

    def clusters(self, texts: Sequence[str] = ()) -> Clusters:
        """Return which of the flagged texts are alike; without `texts` their words do not count.

        Of texts that are read in passages by the strangest of these.
        """
        if self.passages:
            texts = [own.shown for own in self.passages]
        return Flagged(
            self.scores, self.is_anomaly, self.explanation, self.embeddings, self.odd_cells, texts
        ).clusters()

    def flagged_clusters(
        self, texts: "Texts | None" = None, tongue: Tongue = "en"
    ) -> "pd.DataFrame":
        """Return which of the flagged texts are alike, the largest cluster first.

        By what the sentence encoder reads in them and by why they are flagged; rows that no model
        reads by the latter alone: by their columns, and whether numbers are too high or too low.
        Average linkage, cut where texts are less alike than is fixed; three or more make a cluster.
        Of more than 5,000 flagged texts the strangest ones are compared.

        Parameters
        ----------
        texts : sequence of str or data frame, optional
            Those that were assessed, for words that they share and how lines are worded; rows of a
            data frame name none.
        tongue : {"en", "ja"}
            Language of the reasons.

        Returns
        -------
        pandas.DataFrame
            A line a cluster: how many ``texts``; what they ``share``, "" where that is no word
            and no column; the place of the most ``central`` one, and the ``places`` of all,
            highest score first.

        Raises
        ------
        InputError
            Another number of texts than was assessed.
        """
        import pandas as pd

        from polar_detect.containers import as_texts
        from polar_detect.frames import in_pandas, is_wide

        given = in_pandas(texts)
        own = [] if texts is None or is_wide(given) else as_texts(given)
        if texts is not None and (n := len(given if is_wide(given) else own)) != len(self.scores):
            raise InputError(
                f"Got {n} texts for an assessment of {len(self.scores)}; expected those "
                "that were assessed, in the same order; pass these, or none."
            )
        by_columns = self.explanation.n_layers == 0
        language = Language(tongue, are_rows=self.are_rows, by_columns=by_columns)
        found = self.clusters(own).found
        return pd.DataFrame(
            {
                "texts": [len(own.places) for own in found],
                "share": [shared(own, language) for own in found],
                "central": [own.central for own in found],
                "places": [own.places.tolist() for own in found],
            }
        )

    def _said_of_passage(self, i: int, language: Language) -> str:
        """Return which passage a text is explained by, and what it says; "" where none is cut."""
        if not self.passages:
            return ""
        own = self.passages[i]
        text = " ".join(own.shown.split())
        return language.say("passage.shown", i=own.strangest + 1, n=len(own), text=text)

    def _said_of_repeat(self, i: int, language: Language) -> str:
        """Return which text or row one repeats, and how far; "" where it repeats none."""
        own = self.repeats[i] if self.repeats else None
        if own is None:
            return ""
        language = replace(language, are_rows=self.are_rows)
        if not self.is_screening:
            return repeat_of(own, language)
        name = str(own.place) if own.name is None else own.name
        return repeat_of(own, language, row_place(name, "", "index", language))

    def _said_of_digits(self, i: int, language: Language) -> str:
        own = self.unusual_digits[i] if self.unusual_digits else None
        return "" if own is None else digits_told(own, language)

    def _said_of_flat_runs(self, tongue: Tongue) -> list[str]:
        language = Language(tongue, are_rows=self.are_rows)
        return [flat_told(own, language) for own in self.flat_runs]

    @property
    def _kinds(self) -> dict[str, str]:
        has_layers = self.explanation.n_layers > 0
        return kinds_of_columns(
            are_rows=self.are_rows,
            has_layers=has_layers,
            has_programs=bool(self.programs),
            asides=Asides(
                passages=bool(self.passages),
                known=bool(self.known_anomalies),
                repeats=bool(self.repeats),
                digits=bool(self.unusual_digits),
                mistakes=bool(self.mistakes),
                flat_runs=bool(self.flat_runs),
            ),
        )

    def __repr__(self) -> str:
        """Return how many texts it is of: a notebook would keep their neighbours otherwise."""
        said = counted(len(self.scores), "row" if self.are_rows else "text")
        return f"Assessment({said}, {int(self.is_anomaly.sum())} flagged)"

    def _repr_html_(self) -> str | None:
        """Return the table of `to_frame` for a notebook, as pandas is set to show it.

        Of what pandas leaves out of the middle, nothing is put into words: that takes its time.
        """
        import pandas as pd

        n, most = len(self.scores), pd.get_option("display.max_rows")
        frame: Any = self.to_frame() if not most or n <= most else self._ends(most // 2)
        shown: str | None = frame._repr_html_()  # pandas-stubs take the method for a column
        return shown

    def _ends(self, n_rows: int) -> "pd.DataFrame":
        """Return the frame with its first and last rows filled, and nothing between them."""
        n = len(self.scores)
        places = np.r_[0:n_rows, n - n_rows : n]
        frame = self.rows(places).to_frame().set_axis(places).reindex(range(n))
        return frame if self.index is None else frame.set_axis(self.index)


def _joined(parts: Iterable[tuple[_T, ...]]) -> tuple[_T, ...]:
    return tuple(chain.from_iterable(parts))


def _below(parts: Iterable[Float32Array | None]) -> Float32Array | None:
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if known else None


def _with_program(result: Result, program: Program, n_layers: int) -> Result:
    return replace(
        result,
        program=str(program),
        program_length=len(program),
        n_skips=program.n_skips(n_layers),
        n_loops=program.n_loops,
    )
