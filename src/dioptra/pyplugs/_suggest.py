"""Nearest names for error messages."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, choices: Iterable[str]) -> tuple[str, ...]:
    """Find the names most like a misspelt one.

    Args:
        name: What was asked for.
        choices: What there is.

    Returns:
        At most three names, best first; the same for every order of the choices.
    """
    import difflib

    return tuple(difflib.get_close_matches(name, sorted(set(choices)), n=3, cutoff=0.6))
