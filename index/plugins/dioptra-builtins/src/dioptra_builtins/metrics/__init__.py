"""Measures of results."""
