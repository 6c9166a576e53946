"""Explain once, render many: HTML and terminal."""
