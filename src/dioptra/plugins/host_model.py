"""A host (a worker's own Python installation) as values: what it is, what it has, what it can install."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.tags import Tag
from packaging.utils import NormalizedName
from packaging.version import Version

from dioptra.manifest.model import InterpreterKey


@dataclass(frozen=True, slots=True, kw_only=True)
class HostDistribution:
    """A distribution that is installed in the host and may satisfy a requirement.

    Attributes:
        project: Normalized name.
        version: Its version.
        declared: The release that the settings say this version stands for; None where they say nothing.
    """

    project: NormalizedName
    version: Version
    declared: Version | None = None

    @property
    def counts_as(self) -> Version:
        """The version that requirements are compared with."""
        return self.version if self.declared is None else self.declared


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetInterpreter:
    """The interpreter that wheels are chosen for.

    Attributes:
        python_full_version: Such as ``3.11.7``.
        implementation: `sys.implementation.name`.
        platform: `sysconfig.get_platform`.
        tags: Supported wheel tags, most wanted first.
        marker_environment: Values of the environment markers (PEP 508), sorted by name.
    """

    python_full_version: str
    implementation: str
    platform: str
    tags: tuple[Tag, ...]
    marker_environment: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The interpreter with its distributions.

    Attributes:
        interpreter: Which wheels it can install.
        key: The interpreter key of environments made on it; None where only tags are known (another Python).
        distributions: What it provides, sorted; empty under ``--no-host``. Editable, direct-URL and plugin
            distributions are left out, `dioptra-plugins` itself is always in.
        name: What people call this kind of worker; empty for a name made of interpreter and platform.
        is_described: Whether somebody described it on purpose; else it is simply the one that is here.
    """

    interpreter: TargetInterpreter
    key: InterpreterKey | None
    distributions: tuple[HostDistribution, ...]
    name: str = ""
    is_described: bool = False

    @property
    def python(self) -> str:
        """Its Python version, ``X.Y``."""
        return ".".join(self.interpreter.python_full_version.split(".")[:2])

    @property
    def label(self) -> str:
        """Its name, or ``cpython3.11-linux-x86_64`` and the like."""
        return self.name or f"{self.interpreter.implementation}{self.python}-{self.interpreter.platform}"
