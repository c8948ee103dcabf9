"""Deciding how several wheels share one path entry; pure.

A folder that one wheel owns alone is linked whole. A folder of several wheels must be a PEP 420 namespace in all of
them and becomes a real folder whose entries are decided one by one. Everything else is an overlap.
"""

from __future__ import annotations

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
        why: What is wrong, in words.
    """

    path: str
    sha256s: tuple[str, ...]
    why: str


@dataclass(slots=True)
class _Node:
    owners: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    children: dict[str, _Node] = field(default_factory=dict)


def plan_site(wheels: Mapping[str, Iterable[str]]) -> tuple[tuple[SiteLink, ...], tuple[Overlap, ...]]:
    """Decide the links of an environment.

    Args:
        wheels: Installed file paths of each wheel, by its sha256.

    Returns:
        The links, sorted by path, and all overlaps; the links are of use only if there is no overlap.
    """
    root = _Node()
    for sha256, paths in wheels.items():
        for path in paths:
            node = root
            for part in path.split("/"):
                node = node.children.setdefault(part, _Node())
                node.owners.add(sha256)
            node.files.add(sha256)
    links: list[SiteLink] = []
    overlaps: list[Overlap] = []
    _decide(root, "", links, overlaps)
    return tuple(sorted(links, key=lambda link: link.path)), tuple(sorted(overlaps, key=lambda item: item.path))


def _decide(parent: _Node, prefix: str, links: list[SiteLink], overlaps: list[Overlap]) -> None:
    for name, node in parent.children.items():
        path = f"{prefix}{name}"
        if len(node.owners) == 1:
            links.append(SiteLink(path=path, sha256=next(iter(node.owners))))
        elif node.files:
            overlaps.append(Overlap(path=path, sha256s=tuple(sorted(node.owners)), why="is brought by several wheels"))
        elif any(child.startswith("__init__.") for child in node.children):
            overlaps.append(
                Overlap(
                    path=path,
                    sha256s=tuple(sorted(node.owners)),
                    why="is a regular package of one wheel that others put modules into",
                )
            )
        else:
            _decide(node, f"{path}/", links, overlaps)
