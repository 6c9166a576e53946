"""What is learned from numbers and words alone: what tells what, and what is strange beside it."""
