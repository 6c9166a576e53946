"""`Report`: what a detector finds in a batch, for people; shown in a notebook, or saved."""

import html
import numbers
import warnings
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import pandas as pd
from rich.cells import cell_len

from polar_detect import atomic
from polar_detect.arrays import BoolArray
from polar_detect.assessment import Assessment
from polar_detect.containers import Texts, anomalous, as_texts
from polar_detect.detector import PolarDetector
from polar_detect.errors import InputError, TrainingWarning, counted
from polar_detect.frames import in_pandas, index_of, is_wide
from polar_detect.messages.language import Language
from polar_detect.messages.tongues import Tongue
from polar_detect.pipeline.standing import is_index_in_time
from polar_detect.progress import ProgressChoice, Tracker, told
from polar_detect.report.build import build_report, screen_and_report
from polar_detect.report.content.data import ReportData
from polar_detect.report.formats.choices import Format
from polar_detect.report.formats.rendering import check_folder, check_format, format_of, render
from polar_detect.screening import Screening
from polar_detect.tables import Table

# In a frame links within the page would lead into the notebook's own page. It stands in front of
# the policy, which lets nothing else say where links lead.
_BASE = '<base href="about:srcdoc">'

_LABEL_CELLS = 7


@dataclass(frozen=True, eq=False)
class Report:
    """What a detector finds in a batch, and why; a notebook shows it as its HTML page.

    Parameters
    ----------
    data : ReportData
    tongue : {"en", "ja"}
    assessment : Assessment, optional
        What is said of each text.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from polar_detect import PolarDetector, Report
    >>> size = np.random.default_rng(0).normal(20, 1, 200).round(2)
    >>> rows = pd.DataFrame({"size": size, "weight": (3 * size).round(1)})
    >>> detector = PolarDetector().fit(rows[:150])
    >>> report = Report.of(detector, rows[150:])
    >>> report
    Report(50 rows, tongue='en')
    >>> report.save("report.html")  # doctest: +SKIP
    """

    data: ReportData
    tongue: Tongue = "en"
    assessment: Assessment | None = None

    @classmethod
    def of(  # noqa: PLR0913 - what is read, and how it is shown
        cls,
        detector: PolarDetector,
        X: Texts,
        y: Any = None,
        *,
        assessment: Assessment | None = None,
        name: str | None = None,
        top: int = 20,
        tongue: Tongue = "en",
        progress: ProgressChoice = None,
    ) -> Self:
        """Explain a batch; its texts have their names in its index, or are counted from 1.

        Parameters
        ----------
        detector : PolarDetector
            Fitted.
        X : sequence of str, or data frame
            As `PolarDetector.assess` takes them.
        y : array-like, optional
            What is known of the texts, as `PolarDetector.fit` takes it; the report then measures
            how well the scores tell them apart.
        assessment : Assessment, optional
            Of the same texts, where there is one already; with the programs of all.
        name : str, optional
            What the report calls the batch; "texts", or "rows", by default.
        top : int
            Texts to explain, worst first.
        tongue : {"en", "ja"}
            Language of the report.
        progress : bool or callable, optional
            True for bars, in a notebook or on stderr; or what is called with stage, texts done,
            texts in all.

        Raises
        ------
        InputError
            As `PolarDetector.assess` and `PolarDetector.fit` raise it; or an assessment of another
            number of texts, in another order, without some of their programs, or by a screening;
            no text to explain; or another language.
        """
        _check(top, tongue)
        if assessment is not None and assessment.is_screening:
            raise InputError(
                "Got what a screening says of the texts; expected an assessment by the detector; "
                "take Report.of_screening for a report of a screening."
            )
        X = in_pandas(X)
        texts = as_texts(X, detector.rows_)
        labels = None if y is None else anomalous(y, len(texts))
        if assessment is None:
            # X may be read but once.
            assessment = detector.assess(texts, neighbours=False, progress=progress)
        if len(assessment.scores) != len(texts):
            raise InputError(
                f"Got an assessment of {len(assessment.scores)} texts for {len(texts)}; expected "
                "one of the same texts; leave it out to have them assessed."
            )
        if _is_reordered(assessment.index, index_of(X)):
            raise InputError(
                "Got an assessment of the same texts in another order, by their index; expected "
                "one in this order; leave it out to have them assessed."
            )
        if assessment.explanation.n_layers and assessment.all_programs:  # or raises, before
            detector.normal_programs(progress=progress)  # what may be a long search
        with told(progress) as tell, Tracker(tell).whole("report", len(texts)):
            data = build_report(detector, assessment, _table(X, texts, labels), top=top)
        index = assessment.index if index_of(X) is None else index_of(X)
        return cls(_indexed(_named(data, name), index), tongue, assessment)

    @classmethod
    def of_screening(  # noqa: PLR0913 - what is read, and how it is shown
        cls,
        X: Texts,
        detector: PolarDetector | None = None,
        *,
        share: float = 0.05,
        max_texts: int = 5000,
        name: str | None = None,
        top: int = 20,
        tongue: Tongue = "en",
        progress: ProgressChoice = None,
    ) -> Self:
        """Hold each text of a set against the others, as `screen` does, and explain the strangest.

        What `screen` returns is the `assessment` of the report.

        Parameters
        ----------
        X, detector, share, max_texts, progress
            See `screen`.
        name, top, tongue
            See `of`.

        Raises
        ------
        InputError
            As `screen`; or no text to explain, or another language.

        Examples
        --------
        >>> import numpy as np
        >>> import pandas as pd
        >>> from polar_detect import Report
        >>> size = np.random.default_rng(0).normal(20, 1, 200).round(2)
        >>> rows = pd.DataFrame({"size": size, "weight": (3 * size).round(1)})
        >>> report = Report.of_screening(rows)
        >>> report.assessment
        Assessment(200 rows, 10 flagged)
        >>> report.save("screened.html")  # doctest: +SKIP
        """
        _check(top, tongue)
        X = in_pandas(X)
        screening = Screening.of(X, detector, share=share, max_texts=max_texts)
        for doubt in screening.doubts:
            warnings.warn(doubt, TrainingWarning, stacklevel=2)
        table = _table(X, screening.texts)
        with told(progress) as tell:
            found, data = screen_and_report(screening, table, top=top, progress=tell)
        return cls(_indexed(_named(data, name), found.index), tongue, found)

    def save(self, path: str | Path, *, format: Format | None = None) -> None:
        """Write the report as a whole file, in a format or that of its ending.

        Parameters
        ----------
        path : str or Path
            Ends in .html, .pdf, .png, .json or .md, unless `format` is given.
        format : {"html", "pdf", "png", "json", "md"}, optional

        Raises
        ------
        OutputError
            Another ending or format, or no such folder.
        OSError
            The file cannot be written.
        """
        path, language = Path(path), Language(self.tongue)
        kind = format or format_of(path, language)
        check_format(kind)
        check_folder(path, language)
        data = _on_paper(self.data) if kind in ("pdf", "png") else self.data
        file = render(data, kind, self.tongue)
        with atomic.staged(path) as partial:
            partial.write_bytes(file.content)
        if file.lacks_characters:
            warnings.warn(language.say("terminal.no_font"), stacklevel=2)

    def __repr__(self) -> str:
        """Return what it is of; a notebook keeps this beside the page."""
        said = counted(self.data.n_rows, "row" if self.data.are_rows else "text")
        return f"Report({said}, tongue={self.tongue!r})"

    def _repr_html_(self) -> str:
        """Return the page in a frame of its own, so that its style stays inside."""
        page = render(self.data, "html", self.tongue).content.decode("utf-8")
        page = page.replace("<head>", f"<head>{_BASE}", 1)
        return (
            f'<iframe srcdoc="{html.escape(page)}" style="width:100%;height:48rem;border:0">'
            "</iframe>"
        )


def _check(top: int, tongue: Tongue) -> None:
    """Raise `InputError` for what is no number of texts, and no language, before the long work."""
    Language(tongue)
    if not isinstance(top, numbers.Integral) or top < 1:
        raise InputError(
            f"Got top {top!r}; expected a whole number from 1; it counts the texts to explain."
        )


def _table(X: Texts, texts: list[str], labels: BoolArray | None = None) -> Table:
    """Return texts, which are rows of a frame or stand alone, as if they came from a file."""
    frame = X.reset_index(drop=True) if is_wide(X) else pd.DataFrame({"text": texts})
    text_column = None if is_wide(X) else "text"
    return Table(frame=frame, texts=texts, labels=labels, text_column=text_column, source="")


def _named(data: ReportData, name: str | None) -> ReportData:
    """Return a report with the name of its batch, which is no path, whatever it looks like."""
    return replace(data, source=name or ("rows" if data.are_rows else "texts"))


def _indexed(data: ReportData, index: "pd.Index[Any] | None") -> ReportData:
    """Return a report whose rows have their names in an index, if it tells them apart.

    One that counts from 0 says no more than the numbers of the rows. One of moments in their order
    says when rows were.
    """
    if index is None or index.equals(pd.RangeIndex(len(index))):
        return data
    names: dict[int | str, int | str] = {i: _label(own) for i, own in enumerate(index, start=1)}
    named = tuple(names[row] for row in data.batch_rows)
    if is_index_in_time(index):
        data = replace(data, batch_times=tuple(map(str, named)))
    if not index.is_unique:
        return data
    rows = tuple(
        replace(row, row=names[row.row], repeated=row.repeated and row.repeated.named(names))
        for row in data.rows
    )
    listed = tuple(replace(row, row=names[row.row]) for row in data.listed)
    clusters = None if data.clusters is None else data.clusters.named(names)
    data = replace(data, rows=rows, listed=listed, batch_rows=named, clusters=clusters)
    return replace(
        data,
        repeats=data.repeats.named(names),
        digits=data.digits.named(names),
        mistakes=data.mistakes.named(names),
        flat_runs=data.flat_runs.named(names),
        numbering="index",
    )


def _on_paper(data: ReportData) -> ReportData:
    """Return a report in whose list long names stand before the texts: a page has no room else."""
    listed = tuple(
        replace(row, row="…", text=f"{row.row}: {row.text}")
        if data.numbering == "index" and cell_len(str(row.row)) > _LABEL_CELLS
        else row
        for row in data.listed
    )
    return replace(data, listed=listed)


def _label(own: Any) -> int | str:
    """Return a name in an index as it is shown; of several levels all.

    >>> _label(("line 2", 7)), _label(240117)
    ('line 2, 7', 240117)
    """
    if isinstance(own, numbers.Integral):
        return int(own)
    said = ", ".join(map(str, own)) if isinstance(own, tuple) else str(own)
    return " ".join(said.split())


def _is_reordered(before: "pd.Index[Any] | None", now: "pd.Index[Any] | None") -> bool:
    """Return whether rows have the names that they had, as they do once a frame was sorted."""
    if before is None or now is None or before.equals(now):
        return False
    return Counter(before) == Counter(now)
