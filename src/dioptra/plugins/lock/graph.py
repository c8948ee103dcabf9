"""Who needs what in a lock: the tree of it, and the ways that lead to a project; pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from dioptra.plugins.errors import UnsatisfiedError
from dioptra.plugins.lock.model import Lock, TargetLock


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """A requirement and what satisfies it.

    Attributes:
        project: What is needed.
        requirement: How it is asked for.
    """

    project: NormalizedName
    requirement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockGraph:
    """A lock as a graph.

    Attributes:
        versions: The version of every locked and provided project.
        provided: Projects that the host provides.
        asked: What the user asked for, sorted.
        needs: What each locked project needs, sorted.
    """

    versions: Mapping[NormalizedName, Version]
    provided: frozenset[NormalizedName]
    asked: tuple[Link, ...]
    needs: Mapping[NormalizedName, tuple[Link, ...]]


@dataclass(frozen=True, slots=True)
class TreeLine:
    """One line of a tree.

    Attributes:
        depth: How far from the root: 0 for what the user asked for.
        link: The project and how it is asked for.
        version: Its version.
        is_provided: Whether the host provides it.
        is_repeated: Whether its own needs stand further up.
        branches: For each level above and for itself, whether more siblings follow.
    """

    depth: int
    link: Link
    version: Version
    is_provided: bool
    is_repeated: bool
    branches: tuple[bool, ...]


def lock_graph(lock: Lock, target: TargetLock) -> LockGraph:
    """Read the graph of what one kind of worker installs.

    Args:
        lock: The lock.
        target: The kind of worker.
    """
    versions = {wheel.project: wheel.version for wheel in target.wheels}
    versions |= {item.project: item.version for item in target.provided}

    def links(requirements: tuple[str, ...]) -> tuple[Link, ...]:
        # What is not locked had a marker that does not hold for the target.
        found = [Link(canonicalize_name(Requirement(text).name), text) for text in requirements]
        return tuple(sorted(link for link in found if link.project in versions))

    return LockGraph(
        versions=versions,
        provided=frozenset(item.project for item in target.provided),
        asked=links(lock.requirements),
        needs={wheel.project: links(wheel.requires) for wheel in target.wheels},
    )


def tree(graph: LockGraph) -> Iterator[TreeLine]:
    """The lines of a lock's tree; what a project needs is told once.

    Args:
        graph: The lock.
    """
    seen: set[NormalizedName] = set()

    def below(links: tuple[Link, ...], branches: tuple[bool, ...]) -> Iterator[TreeLine]:
        for position, link in enumerate(links):
            needs = graph.needs.get(link.project, ())
            is_repeated = link.project in seen and bool(needs)
            own = (*branches, position < len(links) - 1)
            yield TreeLine(
                depth=len(branches),
                link=link,
                version=graph.versions[link.project],
                is_provided=link.project in graph.provided,
                is_repeated=is_repeated,
                branches=own,
            )
            if not is_repeated:
                seen.add(link.project)
                yield from below(needs, own)

    return below(graph.asked, ())


def ways_to(graph: LockGraph, project: NormalizedName) -> tuple[tuple[Link, ...], ...]:
    """Why a project is in a lock: the shortest way from the user to each that asks for it.

    Args:
        graph: The lock.
        project: The project.

    Returns:
        Ways, each a chain of links that ends in the project; the shortest first, then sorted.

    Raises:
        UnsatisfiedError: It is not in the lock.
    """
    if project not in graph.versions:
        raise UnsatisfiedError(
            f"{project} is not in the lock",
            why=f"it has {', '.join(sorted(graph.versions))}",
            hint="dioptra-plugins tree shows what needs what",
        )
    way_of: dict[NormalizedName, tuple[Link, ...]] = {}
    queue: deque[tuple[Link, ...]] = deque((link,) for link in graph.asked)
    while queue:
        way = queue.popleft()
        if way[-1].project not in way_of:
            way_of[way[-1].project] = way
            queue.extend((*way, link) for link in graph.needs.get(way[-1].project, ()))
    found: list[tuple[Link, ...]] = [(link,) for link in graph.asked if link.project == project]
    found += [
        (*way, link)
        for asker, way in way_of.items()
        if asker != project
        for link in graph.needs.get(asker, ())
        if link.project == project and project not in {step.project for step in way}
    ]
    return tuple(sorted(found, key=lambda way: (len(way), way)))
