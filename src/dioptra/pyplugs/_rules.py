"""What a registry may use: blocked and allowed names, and which distribution is preferred. Pure values.

A name is a distribution (``fog-attack``), a plugin module (``fog_attack.tasks``), a task (``fog_attack.tasks.rescale``)
or a pattern of such names (``fog_attack.*``; `fnmatch`, where ``*`` matches dots as well). What is blocked is not there
unless it is allowed: an allowed name is an exception to the blocked ones, so that blocking ``*`` leaves only what is
allowed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dioptra.sdk.exceptions import ALLOW_VARIABLE, BLOCK_VARIABLE, PREFER_VARIABLE


class Rules(NamedTuple):
    """The rules of a registry.

    Attributes:
        block: Patterns of what is not used.
        allow: Patterns of exceptions to it.
        prefer: Normalized distribution names; of several that declare a task the first one here is used.
    """

    block: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    prefer: tuple[str, ...] = ()

    def with_environment(self) -> Rules:
        """These rules, then those of the environment variables."""
        return Rules(
            _joined(self.block, _listed(BLOCK_VARIABLE)),
            _joined(self.allow, _listed(ALLOW_VARIABLE)),
            _joined(self.prefer, map(normalized_project, _listed(PREFER_VARIABLE))),
        )

    def blocking(self, *, distribution: str | None, module: str, func: str | None = None) -> str | None:
        """The pattern that blocks a task, or a whole plugin; None if nothing does.

        Args:
            distribution: Normalized name of the distribution that brings it, or None.
            module: Dotted name of the plugin module.
            func: The task's name; None for the plugin, which is blocked if all of its tasks are.
        """
        if not self.block:
            return None
        names = _names(distribution, module, func)
        pattern = _first_match(self.block, names)
        if pattern is None or _first_match(self.allow, names) is not None:
            return None
        if func is None and any(allowed.startswith(f"{module}.") for allowed in self.allow):
            return None  # some of its tasks may be allowed
        return pattern

    def preferred(self, distributions: Sequence[str]) -> str | None:
        """Which of several distributions is preferred; None if none of them is.

        Args:
            distributions: Their normalized names.
        """
        return next((name for name in self.prefer if name in distributions), None)


def normalized_project(name: str) -> str:
    """A project name as the PyPA specification normalizes it."""
    import re

    return re.sub(r"[-_.]+", "-", name).lower()


def _names(distribution: str | None, module: str, func: str | None) -> list[str]:
    names = [module] if func is None else [module, f"{module}.{func}"]
    # A package names everything below it, as it does in an entry point.
    parts = module.split(".")
    names += [".".join(parts[:count]) for count in range(1, len(parts))]
    return names if distribution is None else [distribution, *names]


def _first_match(patterns: Iterable[str], names: Sequence[str]) -> str | None:
    from fnmatch import fnmatchcase

    for pattern in patterns:
        if any(fnmatchcase(name, pattern) for name in names) or normalized_project(pattern) == names[0]:
            return pattern
    return None


def _listed(variable: str) -> list[str]:
    return [name.strip() for name in os.environ.get(variable, "").split(",") if name.strip()]


def _joined(first: Iterable[str], second: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))
