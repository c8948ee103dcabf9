"""Task plugins; each public module of this package is one plugin."""
