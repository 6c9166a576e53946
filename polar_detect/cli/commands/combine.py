"""`polar-detect combine`."""

from polar_detect import tables
from polar_detect.cli.commands.output import check_not_input, say, tell, tell_of_rejected
from polar_detect.cli.options import CombineOptions
from polar_detect.errors import listing
from polar_detect.messages.language import Language

_MAX_LISTED = 5


def combine(options: CombineOptions) -> None:
    """Write the rows of several files and sheets as one table."""
    language, out = Language(options.lang), options.out
    rejected = tables.rejected_path(out)
    tables.check_output(out)
    check_not_input(out, *options.inputs, rejected=rejected)
    combined = tables.Combined.open(
        options.inputs,
        tables.ReadOptions(
            encoding=options.encoding, sheet=options.sheet, whole_files=options.whole_files
        ),
        but=(out, rejected),
        file=language.say("combine.file"),
        sheet=language.say("combine.sheet"),
    )
    for names, notice in combined.notices():
        tell(f"{names}: {language.notice(notice)}")
    rows = tables.CombinedRows.of(combined, drops_copies=options.drop_copies)
    tables.check_size(out, rows.n_rows, len(combined.columns) + 1)
    for name, n in rows.n_copies.items():
        key = "combine.dropped" if options.drop_copies else "combine.copies"
        tell(f"{name}: {language.say(key, n=n)}")
    readers = [part.reader for part in combined.parts]
    has_mark = any(own.needs_mark for own in readers) or language.tongue == "ja"
    layout = tables.Layout(has_mark=has_mark, formats=combined.formats)
    with tables.open_writer(out, layout) as writer:
        for frame in rows.frames():
            writer.write(frame)
    if not rows.rejected:  # they may be there of an earlier run
        tables.write_rejected((), rejected)
    else:
        tables.write_table(rows.rejected_frame(said=language.fault), rejected, layout)
        tell_of_rejected(str(out), len(rows.rejected), rows.n_rows, rejected, language)
    passed_over = {
        "combine.empty": rows.empty,
        "combine.left_out": combined.left_out,
        "combine.unread": combined.unread,
    }
    for key, left in passed_over.items():
        if left:
            tell(language.say(key, names=listing(left, _MAX_LISTED)))
    tell(language.say("combine.done", n=rows.n_rows, n_tables=len(readers) - len(rows.empty)))
    say(out)
