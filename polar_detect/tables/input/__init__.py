"""An input of any format: bytes to records to frames, chunk by chunk."""
