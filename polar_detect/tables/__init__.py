"""Tables of texts: read what the command line is given, write what it found.

Every cell of a CSV stays the string that stood in the file, so that ids such as 007, dates and
empty cells are written back unchanged; other formats keep their types.
"""

from polar_detect.tables.asked_columns import RowColumns
from polar_detect.tables.cells import cells_as_text
from polar_detect.tables.chunks import Chunk, Numbering, Rejected
from polar_detect.tables.columns import (
    TextColumn,
    check_column,
    choose_text_column,
    obvious_text_column,
    parse_labels,
)
from polar_detect.tables.copies import copied_rows
from polar_detect.tables.formats import has_columns
from polar_detect.tables.judged import called_anomalous, warn_of_judged, warn_of_verdicts
from polar_detect.tables.layout import Layout, SheetNames
from polar_detect.tables.lost_numbers import LostNumbers, warn_of_lost_numbers
from polar_detect.tables.new_values import new_later, new_values, warn_of_new_values
from polar_detect.tables.opening import CHUNK_ROWS, ReadOptions, RowSample, TableReader, open_table
from polar_detect.tables.read_rows import NumericColumns
from polar_detect.tables.reading import Table, TableRows, read_rows, read_table
from polar_detect.tables.results import check_added, result_columns, said_of_results
from polar_detect.tables.row_fitting import numeric_names
from polar_detect.tables.row_warnings import (
    warn_of_forms,
    warn_of_hours,
    warn_of_length,
    warn_of_words,
)
from polar_detect.tables.rows import RowTemplate, is_filled, texts_of_file
from polar_detect.tables.staging import check_output, check_size
from polar_detect.tables.writing import (
    TableWriter,
    join_columns,
    open_writer,
    rejected_frame,
    rejected_path,
    write_rejected,
    write_scored,
    write_table,
)

__all__ = [
    "CHUNK_ROWS",
    "Chunk",
    "Layout",
    "LostNumbers",
    "Numbering",
    "NumericColumns",
    "ReadOptions",
    "Rejected",
    "RowColumns",
    "RowSample",
    "RowTemplate",
    "SheetNames",
    "Table",
    "TableReader",
    "TableRows",
    "TableWriter",
    "TextColumn",
    "called_anomalous",
    "cells_as_text",
    "check_added",
    "check_column",
    "check_output",
    "check_size",
    "choose_text_column",
    "copied_rows",
    "has_columns",
    "is_filled",
    "join_columns",
    "new_later",
    "new_values",
    "numeric_names",
    "obvious_text_column",
    "open_table",
    "open_writer",
    "parse_labels",
    "read_rows",
    "read_table",
    "rejected_frame",
    "rejected_path",
    "result_columns",
    "said_of_results",
    "texts_of_file",
    "warn_of_forms",
    "warn_of_hours",
    "warn_of_judged",
    "warn_of_length",
    "warn_of_lost_numbers",
    "warn_of_new_values",
    "warn_of_verdicts",
    "warn_of_words",
    "write_rejected",
    "write_scored",
    "write_table",
]
