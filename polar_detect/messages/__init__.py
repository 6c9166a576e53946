"""What people are told, in English and Japanese, and how numbers and texts stand in it."""
