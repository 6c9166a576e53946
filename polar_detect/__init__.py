"""Anomaly and out-of-distribution detection in text from minimal layer programs."""

__version__ = "0.1.0"
