"""Task plugins that most experiments need."""
