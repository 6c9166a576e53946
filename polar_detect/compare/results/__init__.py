"""What a comparison found, as values, as a table, and in sentences that say what to do."""
