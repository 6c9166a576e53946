"""Texts → readings: what both models do with each text on its own."""
