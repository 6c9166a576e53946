"""A pretrained model as embed → any layers → read out: all that knows of its internals."""
