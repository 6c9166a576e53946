"""Tables written in any format, whole or not at all."""
