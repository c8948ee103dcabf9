"""Loading and changing data."""
