"""How like the labelled anomalies texts and rows are."""
