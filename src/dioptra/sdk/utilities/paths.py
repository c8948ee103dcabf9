"""Path helpers for plugin authors."""

from __future__ import annotations

import os
from pathlib import Path


def set_path_ext(filepath: str | os.PathLike[str], ext: str) -> Path:
    """Give a file path an extension, in place of the one it has.

    Args:
        filepath: The path; only its last suffix is replaced.
        ext: The extension, with or without its dot; empty removes the suffix.

    Returns:
        The path.

    Raises:
        ValueError: The path has no file name, or the extension contains a path separator.
    """
    return Path(filepath).with_suffix(f".{ext.lstrip('.')}" if ext.strip(".") else "")
