"""What a cell says, and a column of cells: text, numbers, units, names."""
