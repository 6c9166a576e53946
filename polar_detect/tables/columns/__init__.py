"""Which columns of a table hold what: texts, labels, results, values that are always new."""
