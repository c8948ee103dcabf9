"""Errors of entering plugin directories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from dioptra.sdk.exceptions.base import DioptraSDKError


class PluginDirectoryError(DioptraSDKError):
    """An entry of ``DIOPTRA_PLUGIN_DIR``, or a directory given to `plugin_dirs`, is missing or unusable.

    Attributes:
        path: The entry.
    """

    exit_code = 2

    def __init__(self, path: str, *, why: str, hint: str | None = None) -> None:
        super().__init__(f"plugin directory {path!r} cannot be used", why=why, hint=hint)
        self.path = path


class EnvironmentInUseError(DioptraSDKError):
    """A process serves one environment at a time, and another one is active (nested or in another thread).

    Attributes:
        active: Path entries of the plugin directories that are active.
        wanted: Path entries that were to be entered.
    """

    exit_code = 2

    def __init__(self, active: Sequence[str], wanted: Sequence[str]) -> None:
        super().__init__(
            "other plugin directories are active in this process",
            why=f"active: {', '.join(active)}; wanted: {', '.join(wanted)}",
            hint="leave the first plugin_dirs() before entering the second, or run the second in a child process",
        )
        self.active, self.wanted = tuple(active), tuple(wanted)


class RevokedEnvironmentError(DioptraSDKError):
    """An environment holds wheels that are revoked, and must not run.

    Attributes:
        directory: The entry that was to be entered.
        wheels: File names of the revoked wheels, with the reasons.
    """

    exit_code = 4

    def __init__(self, directory: str, wheels: Mapping[str, str]) -> None:
        super().__init__(
            f"the environment of {directory} holds revoked wheels and must not run",
            why="; ".join(f"{filename}: {reason}" for filename, reason in sorted(wheels.items())),
            hint="lock other releases and sync again",
        )
        self.directory, self.wheels = directory, dict(wheels)


class StaleModuleError(DioptraSDKError):
    """Something of an environment that was left stays in the process, so a different one cannot be entered safely.

    Attributes:
        modules: Extension modules that stay loaded; or modules, functions and classes that are still referenced.
        previous: Path entries of the earlier environment.
        wanted: Path entries that were to be entered.
    """

    exit_code = 2

    def __init__(
        self, modules: Sequence[str], previous: Sequence[str], wanted: Sequence[str], *, referenced: bool = False
    ) -> None:
        found = ", ".join(modules[:5]) + (f" and {len(modules) - 5} more" if len(modules) > 5 else "")
        what = "is still referenced" if referenced else "are extension modules, which stay loaded"
        release = "drop the variables and exceptions that hold it, or run" if referenced else "run"
        super().__init__(
            "other plugin directories cannot be entered in this process now",
            why=f"of {', '.join(previous)} {what}: {found}; wanted: {', '.join(wanted)}",
            hint=f"{release} the second environment in a child process of its own",
        )
        self.modules, self.previous, self.wanted = tuple(modules), tuple(previous), tuple(wanted)


class Collision(NamedTuple):
    """An import name that an environment brings and the host has already.

    Attributes:
        name: Dotted import name.
        distribution: The environment's distribution that brings it.
        host_location: Where the host imports it from.
    """

    name: str
    distribution: str
    host_location: str


class HostCollisionError(DioptraSDKError):
    """An environment brings import names that the host can import already: one would shadow the other.

    Attributes:
        environment: The environment that was refused.
        collisions: Every import name that collides.
    """

    exit_code = 4

    def __init__(self, environment: str, collisions: Sequence[Collision]) -> None:
        found = "; ".join(f"{c.name} ({c.distribution}) is in the host at {c.host_location}" for c in collisions)
        super().__init__(
            f"environment {environment} collides with the host",
            why=found,
            hint="dioptra-plugins lock and dioptra-plugins sync on this host, or remove the host's copies",
        )
        self.environment, self.collisions = environment, tuple(collisions)
