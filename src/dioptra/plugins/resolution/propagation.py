"""Resolving without a search, where that is enough.

Every project takes the best release that all present requirements of it accept; where that changes, so do the
requirements of others, until nothing changes any more. Most inputs end here, in time that grows with their size. Where
a project has no release left, or the changes do not come to an end, this says nothing: the search, which weighs all
choices, decides.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from packaging.utils import NormalizedName

from dioptra.plugins.resolution.finder import Finder, Need
from dioptra.plugins.resolution.model import Candidate, WheelCandidate

_USER = ""
_VISITS = 30
"""How often a project may be looked at on average before the search takes over."""


@dataclass(frozen=True, slots=True)
class _Pin:
    """What a project has taken, with the extras that are asked of it."""

    candidate: Candidate
    extras: frozenset[str]


def propagate(needs: Sequence[Need], finder: Finder) -> dict[NormalizedName, Candidate] | None:
    """Find one candidate for every project that is needed.

    Args:
        needs: What the user asks for.
        finder: What there is.

    Returns:
        The candidates, which satisfy each other; None if this way does not tell.

    Raises:
        IndexAccessError: A page or metadata could not be read.
        IntegrityError: Metadata does not have the hash that its page gives.
    """
    asked: dict[NormalizedName, dict[str, list[Need]]] = {}
    targets: dict[str, frozenset[NormalizedName]] = {}
    pins: dict[NormalizedName, _Pin] = {}
    waiting: deque[NormalizedName] = deque()

    def ask(asker: str, new: Sequence[Need]) -> None:
        """Replace what somebody asks for, and look again at every project that this concerns."""
        old = targets.get(asker, frozenset())
        for project in old:
            del asked[project][asker]
        for need in new:
            asked.setdefault(need.ask.project, {}).setdefault(asker, []).append(need)
        targets[asker] = frozenset(need.ask.project for need in new)
        waiting.extend(sorted(old | targets[asker]))

    ask(_USER, needs)
    visits = 0
    while waiting:
        visits += 1
        if visits > _VISITS * (len(asked) + 10):
            return None
        project = waiting.popleft()
        wanted = [need for group in asked[project].values() for need in group]
        if not wanted:
            if pins.pop(project, None) is not None:
                ask(project, ())
            continue
        found = finder.matching(project, wanted)
        if not found:
            return None
        pin = _Pin(found[0], frozenset(need.extra for need in wanted))
        if pins.get(project) == pin:
            continue
        pins[project] = pin
        dependencies = _dependencies(pin, finder)
        if dependencies is None:
            return None
        ask(project, dependencies)
    return {project: pin.candidate for project, pin in pins.items()}


def _dependencies(pin: _Pin, finder: Finder) -> list[Need] | None:
    """What a pin needs; None if it cannot be used at all."""
    if not isinstance(pin.candidate, WheelCandidate):
        return []
    found: list[Need] = []
    for extra in sorted({"", *pin.extras}):
        for need in finder.dependencies(pin.candidate, extra):
            if not isinstance(need, Need):
                return None
            found.append(need)
    return found
