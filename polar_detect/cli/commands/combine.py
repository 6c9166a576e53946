"""`polar-detect combine`."""

import re
from collections.abc import Iterator
from dataclasses import fields

import pandas as pd

from polar_detect import tables
from polar_detect.cli.commands.output import check_not_input, say, tell, tell_of_rejected
from polar_detect.cli.options import CombineOptions
from polar_detect.errors import InputError, listing
from polar_detect.messages.language import Language

_MAX_LISTED = 5
_OPTIONS = {
    "by": "--by",
    "along": "--along",
    "label_column": "--label-column",
    "entries": "--entries",
}


def combine(options: CombineOptions) -> None:
    """Write the rows of several files and sheets as one table, or one row for each run."""
    language, out = Language(options.lang), options.out
    rejected = tables.rejected_path(out)
    tables.check_output(out)
    check_not_input(out, *options.inputs, rejected=rejected)
    if options.documents:
        _documents(options, language)
        return
    combined = tables.Combined.open(
        options.inputs,
        tables.ReadOptions(encoding=options.encoding, sheet=options.sheet),
        but=(out, rejected),
        file=language.say("combine.file"),
        sheet=language.say("combine.sheet"),
    )
    for names, notice in combined.notices():
        tell(f"{names}: {language.notice(notice)}")
    rows = tables.CombinedRows.of(combined, drops_copies=options.drop_copies)
    if options.are_runs:
        runs = _runs(rows, options, language)
        frames, n_rows, done = iter([runs]), len(runs), "combine.runs"
        tables.check_size(out, *runs.shape)
    else:
        frames, n_rows, done = rows.frames(), rows.n_rows, "combine.done"
        tables.check_size(out, n_rows, len(combined.columns) + 1)
        _tell_of_copies(rows, options, language)
    _write(frames, rows, options, language)
    passed_over = {
        "combine.empty": rows.empty,
        "combine.left_out": combined.left_out,
        "combine.unread": combined.unread,
    }
    for key, left in passed_over.items():
        if left:
            tell(language.say(key, names=listing(left, _MAX_LISTED)))
    for error in rows.broken:
        tell(language.say("combine.broken", why=language.error(str(error))))
    tell(language.count(done, n_rows, n_tables=rows.n_tables, n_readings=rows.n_rows))
    say(out)


def _documents(options: CombineOptions, language: Language) -> None:
    """Write one row for each document, and say what is not in it."""
    out = options.out
    words = {
        own.name: language.say(f"documents.{own.name}") for own in fields(tables.DocumentWords)
    }
    documents = tables.Documents.open(
        options.inputs,
        encoding=options.encoding,
        drops_copies=options.drop_copies,
        but=(out, tables.rejected_path(out)),
        words=tables.DocumentWords(**words),
    )
    n_rows = 0
    with tables.open_writer(out, tables.Layout(has_mark=language.tongue == "ja")) as writer:
        for frame in documents.frames():
            tables.check_texts(out, frame)
            writer.write(frame)
            n_rows += len(frame)
    for names, notice in documents.notices():
        tell(f"{names}: {language.notice(notice)}")
    passed_over = {
        "combine.empty_documents": documents.empty,
        "combine.unread": [*map(str, documents.unread)],
        "combine.same_dropped" if options.drop_copies else "combine.same": documents.copies,
    }
    for key, left in passed_over.items():
        if left:
            tell(language.say(key, names=listing(left, _MAX_LISTED)))
    for error in documents.broken:
        tell(language.say("combine.broken", why=language.error(str(error))))
    tell(language.count("combine.documents", n_rows))
    say(out)


def _runs(rows: tables.CombinedRows, options: CombineOptions, language: Language) -> pd.DataFrame:
    """Return one row for each run, and say what could not be told."""
    if not rows.combined.parts[0].reader.has_columns and options.by_pattern is None:
        raise InputError(
            "Got lines of text; expected tables of readings for --one-row-each and --by; leave "
            "these out, tell sessions by --by-pattern, or name other files."
        )
    as_is = {name: f"{{{name}}}" for name in ("name", "low", "high", "n")}
    columns = (own.name for own in fields(tables.RunWords) if own.name not in _OPTIONS)
    named = {name: language.say(f"runs.{name}", **as_is) for name in columns} | _OPTIONS
    by = tables.RowColumns(options.by, "--by").names
    present = [*rows.combined.columns]
    asked = tables.RowColumns(options.entries, "--entries")
    entries = asked.choose(present) if asked.names else []
    pattern = _pattern(rows, options, language)
    if pattern is not None:
        by, entries = [*by, pattern.name], entries or present

    def summarised(readings: pd.DataFrame) -> tables.RunTable:
        return tables.summarise_runs(
            readings if pattern is None else pattern.told(readings, entries),
            by,
            along=options.along,
            label_column=options.label_column,
            words=tables.RunWords(**named),
            entries=entries,
        )

    found = tables.CombinedRuns.of(rows, summarised)
    for names, notice in found.notices:
        tell(f"{names}: {language.notice(notice)}")
    return found.frame


def _pattern(
    rows: tables.CombinedRows, options: CombineOptions, language: Language
) -> tables.SessionPattern | None:
    """Return what tells sessions apart, if anything was asked for that does."""
    if options.by_pattern is None:
        return None
    if rows.combined.parts[0].reader.has_columns and options.entries is None:
        raise InputError(
            "Got --by-pattern for a table; expected the columns that it looks into; name them in "
            "--entries."
        )
    try:
        pattern = re.compile(options.by_pattern)
    except re.error as error:
        raise InputError(
            f"Got --by-pattern {options.by_pattern!r}, which is no regular expression ({error}); "
            r"expected one such as session=(\d+); put a \ before signs that stand for themselves."
        ) from error
    name = language.say("runs.session")
    if name in rows.combined.columns:
        name = f"{name} (--by-pattern)"
    return tables.SessionPattern(pattern, name)


def _tell_of_copies(rows: tables.CombinedRows, options: CombineOptions, language: Language) -> None:
    for name, n in rows.n_copies.items():
        key = "combine.dropped" if options.drop_copies else "combine.copies"
        tell(f"{name}: {language.say(key, n=n)}")


def _write(
    frames: Iterator[pd.DataFrame],
    rows: tables.CombinedRows,
    options: CombineOptions,
    language: Language,
) -> None:
    """Write a table, and beside it which rows could not be read."""
    out, combined = options.out, rows.combined
    rejected = tables.rejected_path(out)
    has_mark = any(part.reader.needs_mark for part in combined.parts) or language.tongue == "ja"
    layout = tables.Layout(has_mark=has_mark, formats=combined.formats)
    with tables.open_writer(out, layout) as writer:
        for frame in frames:
            tables.check_texts(out, frame)
            writer.write(frame)
    if not rows.rejected:  # they may be there of an earlier run
        tables.write_rejected((), rejected)
    else:
        tables.write_table(rows.rejected_frame(said=language.fault), rejected, layout)
        tell_of_rejected(str(out), len(rows.rejected), rows.n_rows, rejected, language)
