"""Rows written out as text by a template, and read back."""
