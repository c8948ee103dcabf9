"""Small questions to the URLs of stores."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit


def without_credentials(url: str) -> str:
    """A URL without user name and password."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def file_path(url: str) -> Path:
    """The path of a ``file:`` URL."""
    return Path(unquote(urlsplit(url).path))
