"""Random numbers that can be repeated."""
