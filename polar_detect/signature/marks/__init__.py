"""What reports mark in a text, and how strange it is there."""
