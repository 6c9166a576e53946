"""The minimal programs of texts: criteria, menus, verification, a predictor, PoLar's files."""
