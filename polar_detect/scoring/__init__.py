"""Scoring of inputs of any size: in bounded memory, resumable, on one machine or many."""
