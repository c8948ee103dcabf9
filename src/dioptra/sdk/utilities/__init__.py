"""Utilities for plugins and flows, each in a module of its own: `contexts`, `decorators` and `paths`."""
