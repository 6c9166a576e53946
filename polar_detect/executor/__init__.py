"""Programs run on a backbone: many of many texts at once, what they share once."""
