"""Two kinds of models and their tokenizers without transformers, equal to its own bit for bit.

Importing its code takes longer than all else that a new process does before it reads a text. So a
folder whose every setting is known is loaded here; any other, and whatever is wrong with one, is
left to transformers.
"""
