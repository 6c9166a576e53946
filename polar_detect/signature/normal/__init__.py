"""Normal texts and rows, as what new ones are held against."""
