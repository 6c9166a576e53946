"""Texts as people see them, in any script: signs, letters and words, and which say the same."""
