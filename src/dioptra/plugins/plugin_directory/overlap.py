"""Deciding how several wheels share one path entry; pure.

A folder that one wheel owns alone is linked whole. A folder of several wheels must be a PEP 420 namespace in all of
them and becomes a real folder whose entries are decided one by one. Everything else is an overlap.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteLink:
    """One link of an environment's ``site`` folder.

    Attributes:
        path: Where it lies, relative to ``site``, with ``/``. The folders above it are real.
        sha256: The wheel that owns what it leads to.
    """

    path: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """A path that several wheels claim.

    Attributes:
        path: The path, relative to ``site``.
        sha256s: The wheels, sorted.
        why: What is wrong, in words that follow the path.
    """

    path: str
    sha256s: tuple[str, ...]
    why: str


@dataclass(slots=True)
class _Entry:
    """What the wheels have under one name of a folder: each wheel's paths below it, and who has a file there."""

    spellings: set[str] = field(default_factory=set)
    below: dict[str, list[str]] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)


def plan_site(wheels: Mapping[str, Iterable[str]]) -> tuple[tuple[SiteLink, ...], tuple[Overlap, ...]]:
    """Decide the links of an environment.

    Args:
        wheels: Installed file paths of each wheel, by its sha256.

    Returns:
        The links, sorted by path, and all overlaps; the links are of use only if there is no overlap.
    """
    links: list[SiteLink] = []
    overlaps: list[Overlap] = []
    _decide("", wheels, links, overlaps)
    return tuple(sorted(links, key=lambda link: link.path)), tuple(sorted(overlaps, key=lambda item: item.path))


def _decide(prefix: str, wheels: Mapping[str, Iterable[str]], links: list[SiteLink], overlaps: list[Overlap]) -> None:
    for entry in _entries(wheels).values():
        path = f"{prefix}{min(entry.spellings)}"
        owners = sorted(entry.below)
        if len(owners) == 1:
            links += [SiteLink(path=f"{prefix}{spelling}", sha256=owners[0]) for spelling in entry.spellings]
            continue
        if len(entry.spellings) > 1:
            spellings = " and ".join(sorted(entry.spellings))
            why = f"is one name in different spellings ({spellings}), which some file systems cannot tell apart"
        elif entry.files:
            why = "is brought by several wheels"
        elif any(_makes_regular(path) for below in entry.below.values() for path in below):
            why = "is a regular package of one wheel that others put files into"
        else:
            _decide(f"{path}/", entry.below, links, overlaps)
            continue
        overlaps.append(Overlap(path=path, sha256s=tuple(owners), why=why))


def _entries(wheels: Mapping[str, Iterable[str]]) -> Mapping[str, _Entry]:
    entries: dict[str, _Entry] = {}
    for sha256, paths in wheels.items():
        for path in paths:
            name, slash, rest = path.partition("/")
            entry = entries.setdefault(unicodedata.normalize("NFC", name).casefold(), _Entry())
            entry.spellings.add(name)
            below = entry.below.setdefault(sha256, [])
            if slash:
                below.append(rest)
            else:
                entry.files.add(sha256)
    return entries


def _makes_regular(path: str) -> bool:
    """Whether a file directly in a folder makes that folder a regular package."""
    return path == "__init__.py" or (
        path.startswith("__init__.") and path.endswith((".so", ".pyd")) and "/" not in path
    )
