"""Where the names of a text table stand: in its first record, or below what a device says first."""

from collections.abc import Collection

from polar_detect.tables.structure.cell_types import Records, are_units, reach
from polar_detect.tables.structure.header_place import place_of_names
from polar_detect.tables.structure.header_rows import Grid, Header, header_from
from polar_detect.tables.structure.totals import without_end


def find_text_header(records: Records, expected: Collection[str] = ()) -> Header:
    """Return the header of a text table.

    Its first record is that of `place_of_names`; what belongs to it of the next two is as in a
    sheet, and of these a row of units may end before the last column.
    """
    top = place_of_names(records, expected)
    width = len(records[top])
    rows: list[list[str | None]] = []
    filled = [top]
    for i, record in enumerate(records):
        row = without_end([*record], width)
        is_short = len(row) < width and i <= top + 2 and are_units(row)
        row += [""] * (width - len(row) if is_short else 0)
        rows.append([cell if cell.strip() else None for cell in row])
        if i > top and len(row) == width and reach(row):
            filled.append(i)
    header = header_from(Grid(rows, filled, expected), top, is_text=True)
    for j, name in enumerate(records[top]):
        if not name.strip() and f"column_{j + 1}" in expected:  # of a detector before 0.2
            header.names[j] = name
    return header


def is_doubtful(records: Records, header: Header) -> bool:
    """Return whether most records reach beyond the header, so that they cannot be its rows."""
    width = len(records[header.top])
    below = [own for record in records[header.end + 1 :] if (own := reach(record))]
    return 2 * sum(own > width for own in below) > len(below)
