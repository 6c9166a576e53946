"""Which part of a sheet or text file is the table: its names, rows of units and limits, totals."""
