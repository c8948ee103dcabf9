"""Locks: what a resolution pinned, written down for workers."""
