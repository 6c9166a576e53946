"""The quick form of a layer: what its own forward makes of states, in fewer passes over them."""
