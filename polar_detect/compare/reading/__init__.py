"""What is compared on: files as training and test rows, of texts, numbers and categories."""
