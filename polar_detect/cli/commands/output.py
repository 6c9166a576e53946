"""Where a command's results and messages go: stdout, stderr, files written whole."""

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from polar_detect import atomic
from polar_detect.errors import OutputError
from polar_detect.messages.formatting import rate_by_chance
from polar_detect.messages.language import Language
from polar_detect.report.content import cluster_phrases
from polar_detect.report.content.data import FlaggedClusters, FlaggedGroups, ReportData
from polar_detect.report.content.group_phrases import concentration
from polar_detect.report.formats.terminal import score_summary
from polar_detect.shell import as_argument
from polar_detect.tables.cells.names import on_one_line
from polar_detect.tables.formats import STDIN
from polar_detect.texts.visible import visible

err = Console(stderr=True)
out = Console()


def say(path: Path) -> None:
    """Print a result's path, alone on its line; nothing where stdout was closed."""
    out.file.write(f"{path}\n")


def show(line: str) -> None:
    """Print a line on stdout, unbroken; it may quote what a file holds."""
    out.print(visible(line), highlight=False, markup=False, soft_wrap=True)


def tell(line: str) -> None:
    """Print a line on stderr, unbroken; it may quote what a file holds, of several lines too."""
    err.print(visible(line).replace("\n", " "), highlight=False, markup=False, soft_wrap=True)


def said_of_cut(n_cut: int, n: int, n_tokens: int, language: Language) -> str:
    """Return that so many texts are longer than what is read of them."""
    return language.say("texts.cut", n_cut=n_cut, n=n, n_tokens=n_tokens)


def tell_of_rejected(source: str, n: int, n_read: int, path: Path, language: Language) -> None:
    """Say how many rows of a source could not be read, beside those that were, and where."""
    said = language.say("terminal.rejected", n=n, n_all=n + n_read, path=path)
    tell(f"{source}: {said}")


def tell_of_new(columns: Mapping[str, int], n: int, language: Language) -> None:
    """Say which columns hold what no normal row does in most of the `n` rows: in how many of them.

    As of lots that count as words, so that all rows of a new one look strange.
    """
    for name, n_new in columns.items():
        own = on_one_line(name)
        option = as_argument(own)
        tell(language.say("terminal.new_column", name=own, n_new=n_new, n=n, option=option))


def tell_of_groups(found: FlaggedGroups | None, language: Language) -> None:
    """Say of which group of rows more are flagged than of others, if there is one."""
    for own in () if found is None else found.found[:1]:
        tell(concentration(own, language))


def tell_of_clusters(found: FlaggedClusters | None, language: Language) -> None:
    """Say which flagged rows are alike, if that is known."""
    lines = [] if found is None else cluster_phrases.lines(found, language)
    for i, line in enumerate(lines):
        tell(f"  {line}" if i else line)


def summarise(data: ReportData, language: Language) -> None:
    """Print how many rows were flagged, how many would be by chance, and the drift."""
    summary = score_summary(
        data.n_rows,
        data.n_flagged,
        rate=rate_by_chance(data.alpha, len(data.calibration_scores)),
        n_empty=data.n_empty,
        drift=data.drift,
        language=language,
    )
    err.print(summary, soft_wrap=True)


def check_not_input(
    out: Path, *inputs: Path, rejected: Path | None = None, option: str = "--out"
) -> None:
    """Raise `OutputError` where a result would take the place of an input.

    Parameters
    ----------
    out : Path
        A file, or a folder that is replaced with all that it holds.
    inputs : Path
        `-` is stdin.
    rejected : Path, optional
        Where the rows that cannot be read go.
    option : str
        Which names `out`.
    """
    for path in inputs:
        if _is_same(path, out):
            what = "is the input"
        elif path != STDIN and out.resolve() in path.resolve().parents:
            what = "holds the input"
        elif rejected is not None and _is_same(path, rejected):
            what = "would put rejected rows into the input"
        else:
            continue
        raise OutputError(
            f"Got {option} {out}, which {what}; expected another "
            f"{'folder' if out.is_dir() else 'file'}; choose another."
        )


def check_not_in_detector(out: Path, detector: Path, *, option: str = "--out") -> None:
    """Raise `OutputError` where a result would stand in a detector, which is sealed as it is."""
    place = out.resolve()
    if detector.resolve() in (place, *place.parents):
        raise OutputError(
            f"Got {option} {out} in the folder of the detector, which would not load any more; "
            "expected another folder; choose another."
        )


def _is_same(path: Path, target: Path) -> bool:
    """Return whether both are one file, by whatever names, links among them."""
    try:
        own = os.fstat(sys.stdin.fileno()) if path == STDIN else path.stat()
        # Some network drives on Windows number no files: there all have 0.
        return os.path.samestat(own, target.stat()) if own.st_ino else _are_same(path, target)
    except OSError:  # one of them is not there, or stdin is no file
        return False


def _are_same(path: Path, target: Path) -> bool:
    return path != STDIN and path.resolve() == target.resolve()


def check_place(path: Path, *, option: str = "--out") -> None:
    """Raise `OutputError` where `write_text` could not write a file; for use before long work."""
    with _told(path, option):
        atomic.check_place(path)


def write_text(path: Path, text: str | bytes, *, option: str = "--out") -> None:
    """Write a file that an option names whole or not at all, however many runs write it at once."""
    with _told(path, option), atomic.staged(path) as partial:
        partial.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)


def make_folder(folder: Path, option: str = "--out") -> None:
    """Create the folder for results that an option names, unless it is there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"Got {option} '{folder}', which cannot be created ({error.strerror}); expected a "
            "folder; choose another."
        ) from error


def load_pictures() -> None:
    """Load matplotlib before long work, as it wants a folder for its list of fonts.

    Where the home cannot be written, as in containers, it takes a temporary one and says so twice;
    nothing comes of that but a second for the list.
    """
    matplotlib = logging.getLogger("matplotlib")
    level = matplotlib.level
    matplotlib.setLevel(logging.ERROR)
    try:
        from polar_detect.report.formats import figures  # noqa: F401
    except OSError as error:
        raise OutputError(
            "Got no folder for temporary files; expected one that can be written, for pictures; "
            "set TMPDIR to one."
        ) from error
    finally:
        matplotlib.setLevel(level)


@contextmanager
def _told(path: Path, option: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        close = "close it where it is open, or " if isinstance(error, PermissionError) else ""
        raise OutputError(
            f"Got an error while writing '{path}' ({error.strerror}); expected a file that can "
            f"be written; {close}choose another {option}."
        ) from error
