"""What a signature says by name: features, and tables of them for many texts."""
