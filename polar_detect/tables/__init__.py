"""Tables of texts: read what the command line is given, write what it found.

Every cell stays the string that stood in the file, so that ids such as 007, dates and empty
cells are written back unchanged.
"""

from polar_detect.tables.reading import Table, has_columns, read_table
from polar_detect.tables.writing import check_added, check_output, write_scored, write_table

__all__ = [
    "Table",
    "check_added",
    "check_output",
    "has_columns",
    "read_table",
    "write_scored",
    "write_table",
]
