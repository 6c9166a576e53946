"""Tables of texts: read what the command line is given, write what it found.

Every cell of a CSV stays the string that stood in the file, so that ids such as 007, dates and
empty cells are written back unchanged; other formats keep their types. README.md
here has the map: a package a stage, and where each rule lives.
"""

from polar_detect.tables.cells.text import cells_as_text
from polar_detect.tables.columns.identifiers import is_id_name
from polar_detect.tables.columns.kinds import said_kinds
from polar_detect.tables.columns.labels import called_anomalous, warn_of_judged, warn_of_verdicts
from polar_detect.tables.columns.new_values import dates_in_order, new_later, warn_of_new_values
from polar_detect.tables.columns.results import (
    Asides,
    check_added,
    result_columns,
    said_of_results,
    warn_of_taken,
    were_unflagged,
)
from polar_detect.tables.columns.selection import RowColumns
from polar_detect.tables.columns.text_column import (
    TextColumn,
    choose_text_column,
    no_column,
    obvious_text_column,
)
from polar_detect.tables.combined_rows import CombinedRows
from polar_detect.tables.combined_runs import CombinedRuns
from polar_detect.tables.combining import Combined
from polar_detect.tables.copies import Copies, find_copies
from polar_detect.tables.document_table import (
    Documents,
    DocumentTable,
    DocumentWords,
    read_documents,
)
from polar_detect.tables.formats import has_columns
from polar_detect.tables.input.chunks import Chunk, Numbering
from polar_detect.tables.input.opening import (
    ReadOptions,
    RowSample,
    TableReader,
    open_frame,
    open_table,
)
from polar_detect.tables.output.layout import Layout, SheetNames
from polar_detect.tables.output.staging import check_output, check_size, check_texts
from polar_detect.tables.output.writing import (
    TableWriter,
    join_columns,
    open_writer,
    rejected_frame,
    rejected_path,
    write_rejected,
    write_scored,
    write_table,
)
from polar_detect.tables.reading import Table, TableRows, read_rows, read_table
from polar_detect.tables.readings import RunWords
from polar_detect.tables.rows.fitting import numeric_names
from polar_detect.tables.rows.template import RowTemplate, is_filled, texts_of_file
from polar_detect.tables.rows.warnings import (
    LostNumbers,
    warn_of_empty,
    warn_of_forms,
    warn_of_length,
    warn_of_lost_numbers,
    warn_of_sides,
    warn_of_words,
)
from polar_detect.tables.runs import RunTable, summarise_runs
from polar_detect.tables.sessions import SessionPattern

__all__ = [
    "Asides",
    "Chunk",
    "Combined",
    "CombinedRows",
    "CombinedRuns",
    "Copies",
    "DocumentTable",
    "DocumentWords",
    "Documents",
    "Layout",
    "LostNumbers",
    "Numbering",
    "ReadOptions",
    "RowColumns",
    "RowSample",
    "RowTemplate",
    "RunTable",
    "RunWords",
    "SessionPattern",
    "SheetNames",
    "Table",
    "TableReader",
    "TableRows",
    "TableWriter",
    "TextColumn",
    "called_anomalous",
    "cells_as_text",
    "check_added",
    "check_output",
    "check_size",
    "check_texts",
    "choose_text_column",
    "dates_in_order",
    "find_copies",
    "has_columns",
    "is_filled",
    "is_id_name",
    "join_columns",
    "new_later",
    "no_column",
    "numeric_names",
    "obvious_text_column",
    "open_frame",
    "open_table",
    "open_writer",
    "read_documents",
    "read_rows",
    "read_table",
    "rejected_frame",
    "rejected_path",
    "result_columns",
    "said_kinds",
    "said_of_results",
    "summarise_runs",
    "texts_of_file",
    "warn_of_empty",
    "warn_of_forms",
    "warn_of_judged",
    "warn_of_length",
    "warn_of_lost_numbers",
    "warn_of_new_values",
    "warn_of_sides",
    "warn_of_taken",
    "warn_of_verdicts",
    "warn_of_words",
    "were_unflagged",
    "write_rejected",
    "write_scored",
    "write_table",
]
