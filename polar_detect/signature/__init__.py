"""Texts → signatures: named features of what the models do with a text beside normal ones."""
