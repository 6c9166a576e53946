"""Word, PDF, mail, HTML and text files as documents: one text each, paragraphs kept apart."""
