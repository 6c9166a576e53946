"""Rows of numbers and words, column by column, against normal rows; without any model."""
