"""Tables of texts: read what the command line is given, write what it found.

Every cell of a CSV stays the string that stood in the file, so that ids such as 007, dates and
empty cells are written back unchanged; other formats keep their types.
"""

from polar_detect.tables.cells import cells_as_text
from polar_detect.tables.chunks import Chunk, Rejected
from polar_detect.tables.columns import TextColumn, check_column, choose_text_column, parse_labels
from polar_detect.tables.formats import has_columns
from polar_detect.tables.opening import CHUNK_ROWS, ReadOptions, TableReader, open_table
from polar_detect.tables.reading import Table, read_table
from polar_detect.tables.writing import check_added, check_output, write_scored, write_table

__all__ = [
    "CHUNK_ROWS",
    "Chunk",
    "ReadOptions",
    "Rejected",
    "Table",
    "TableReader",
    "TextColumn",
    "cells_as_text",
    "check_added",
    "check_column",
    "check_output",
    "choose_text_column",
    "has_columns",
    "open_table",
    "parse_labels",
    "read_table",
    "write_scored",
    "write_table",
]
