"""Explain once, render many: HTML, JSON, Markdown, PDF, PNG, SVG and terminal."""
