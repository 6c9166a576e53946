"""A fitted detector as a folder: JSON, safetensors, and the head's own text formats. No pickle."""
