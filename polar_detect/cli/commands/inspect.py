"""`polar-detect inspect`."""

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from polar_detect.artifact.contents import read_contents
from polar_detect.cli.commands.output import err, out, show, tell
from polar_detect.cli.options import InspectOptions
from polar_detect.cli.progress import progress_bars
from polar_detect.cli.streams import can_write
from polar_detect.errors import InputError
from polar_detect.messages.formatting import p_value
from polar_detect.messages.language import Language

# Beyond what JSON has escaped: what steers a terminal, or cannot be seen in one.
_UNSEEN = re.compile("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def inspect(options: InspectOptions) -> None:
    """Print what a detector is and keeps, or the training texts that it keeps."""
    language = Language(options.lang)
    contents = read_contents(options.detector)
    if options.detection_limits:
        _show_limits(options.detector, language, reads_texts=contents.reads_texts)
        return
    if options.texts:
        _list_texts((*(contents.texts or ()), *contents.held_out, *contents.labelled))
        if contents.texts is None:
            tell(language.say("inspect.lists_none", folder=options.detector))
        return
    for name, said in contents.facts:
        label, value = map(language.inspected, (name, said))
        show(language.say("fact", label=label, value=value))
    show(language.say("inspect.kept"))
    for kept in contents.kept:
        size = f"{kept.n_bytes / 1e6:.2f} MB"
        show(f"{size:>12}  {language.inspected(kept.what)}")
    texts = language.say("inspect.no_texts" if contents.texts is None else "inspect.texts")
    leaks = language.say("space") + language.say("inspect.leaks") if contents.reads_texts else ""
    show(texts + leaks)


def _show_limits(folder: Path, language: Language, *, reads_texts: bool) -> None:
    if reads_texts:
        raise InputError(
            f"Got --detection-limits for the detector '{folder}', which has models read the "
            "texts; expected one that goes by columns, whose cells can be changed one by one; fit "
            "with --detector columns."
        )
    from polar_detect.detector import PolarDetector  # takes a second, which others need not
    from polar_detect.report.formats.limits import limit_tables

    detector = PolarDetector.load(folder)
    with progress_bars(err, language) as progress:
        found = detector.detection_limits(progress=progress)
    show(language.count("limits.lead", found.n_rows, alpha=p_value(found.alpha)))
    for table in limit_tables(found, language):
        out.print(table)
    show(language.say("limits.note"))


def _list_texts(texts: Iterable[str]) -> None:
    """Print a JSON string a line: what a text holds reaches no terminal as a control code."""
    for text in texts:
        line = _UNSEEN.sub(
            lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False)
        )
        written = line if can_write(sys.stdout, line) else json.dumps(text)
        sys.stdout.write(f"{written}\n")
