"""What a detector goes through from its settings to what it says of texts, step by step."""
