"""Wheels: what they say of themselves, whether they are sound, and their files."""
