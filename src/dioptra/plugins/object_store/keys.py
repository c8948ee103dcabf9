"""Which keys an index may use: relative paths that mean the same in a bucket and in a directory."""

from __future__ import annotations


def check_key(key: str) -> str:
    """Return a key that is safe as a path.

    Args:
        key: Relative, with ``/``; a trailing ``/`` is allowed.

    Raises:
        ValueError: It is empty or absolute, or has a segment or character that could leave the root.
    """
    segments = key.removesuffix("/").split("/")
    if any(segment in {"", ".", ".."} for segment in segments) or "\\" in key or "\0" in key:
        raise ValueError(f"{key!r} is no key of an index")
    return key
