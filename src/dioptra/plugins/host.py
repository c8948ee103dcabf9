"""Describing the running interpreter as a host: its tags, its markers and what it provides."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from packaging import tags
from packaging.markers import default_environment
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from dioptra.manifest.environment import interpreter_key
from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.host_model import Host, HostDistribution, TargetInterpreter
from dioptra.plugins.platforms import platform_markers, platform_tags
from dioptra.plugins.wheel.model import ENTRY_POINT_GROUP

_OWN_PROJECT = canonicalize_name("dioptra-plugins")


def describe_host() -> Host:
    """Describe the running interpreter and what it provides.

    Distributions are read from the names of their ``.dist-info`` folders. Editable and direct-URL installs and
    plugin packages are never provided, because a lock could not say what they are; `dioptra-plugins` always is,
    since plugins run inside it.
    """
    markers = {name: str(value) for name, value in default_environment().items()}
    return Host(
        interpreter=TargetInterpreter(
            python_full_version=platform.python_version(),
            implementation=sys.implementation.name,
            platform=sysconfig.get_platform(),
            tags=tuple(tags.sys_tags()),
            marker_environment=tuple(sorted(markers.items())),
        ),
        key=interpreter_key(),
        distributions=_distributions(),
    )


def choose_host(*, python: str | None, provide: bool) -> Host:
    """The host to lock for.

    Args:
        python: Another Python version (``X.Y``) on this platform, or None for the running interpreter.
        provide: Whether the host's distributions count.

    Raises:
        ConfigurationError: `python` is no version, or another Python is asked for together with its distributions,
            which cannot be seen from here.
    """
    running = describe_host()
    if python is not None and not re.fullmatch(r"3\.\d+", python):
        raise ConfigurationError(f"'{python}' is no Python version", why="wanted X.Y, such as 3.12")
    if python is None or python == f"{sys.version_info.major}.{sys.version_info.minor}":
        return running if provide else replace(running, distributions=())
    if provide:
        raise ConfigurationError(
            f"what a Python {python} provides cannot be seen from here",
            why=f"this is Python {running.interpreter.python_full_version}",
            hint="add --no-host to lock everything, or run the command with that Python",
        )
    return Host(interpreter=target_for_python(python, running.interpreter), key=None, distributions=())


def host_of_lock(python: str, *, provide: bool) -> Host:
    """The host that a lock was made for, as far as it can be seen from here.

    Args:
        python: The lock's Python, ``X.Y``.
        provide: Whether the lock has provided distributions; of another Python they cannot be seen.
    """
    is_running = python == f"{sys.version_info.major}.{sys.version_info.minor}"
    return choose_host(python=python, provide=provide and is_running)


def target_for_python(python: str, running: TargetInterpreter, platform: str | None = None) -> TargetInterpreter:
    """CPython of another version, on the same platform or on another.

    Args:
        python: ``X.Y``.
        running: The running interpreter, which gives the platform.
        platform: A platform tag that the target supports, such as ``manylinux_2_28_x86_64`` or ``macosx_12_0_arm64``;
            older ones of the same kind are supported too. None for the running platform.

    Raises:
        ConfigurationError: `platform` is no such tag.
    """
    major, minor = (int(part) for part in python.split("."))
    platforms = list(tags.platform_tags()) if platform is None else platform_tags(platform)
    interpreter = f"cp{major}{minor}"
    supported = [
        *tags.cpython_tags((major, minor), platforms=platforms),
        *tags.compatible_tags((major, minor), interpreter, platforms),
    ]
    full_version = f"{python}.0"
    markers = {
        **dict(running.marker_environment),
        "implementation_name": "cpython",
        "implementation_version": full_version,
        "platform_python_implementation": "CPython",
        "python_full_version": full_version,
        "python_version": python,
        **({} if platform is None else platform_markers(platform)),
    }
    return TargetInterpreter(
        python_full_version=full_version,
        implementation="cpython",
        platform=running.platform if platform is None else platform.replace("_", "-"),
        tags=tuple(supported),
        marker_environment=tuple(sorted(markers.items())),
    )


def mirror_targets(pythons: Sequence[str], platforms: Sequence[str]) -> tuple[Host, ...]:
    """Describe hosts without distributions, for every Python on every platform.

    Args:
        pythons: ``X.Y``; none for the running one.
        platforms: Platform tags; none for the running platform.

    Raises:
        ConfigurationError: One of them is malformed.
    """
    running = describe_host()
    found = []
    for python in pythons or [f"{sys.version_info.major}.{sys.version_info.minor}"]:
        if not platforms:
            found.append(choose_host(python=python, provide=False))
            continue
        if not re.fullmatch(r"3\.\d+", python):
            raise ConfigurationError(f"'{python}' is no Python version", why="wanted X.Y, such as 3.12")
        for platform_tag in platforms:
            target = target_for_python(python, running.interpreter, platform_tag)
            found.append(Host(interpreter=target, key=None, distributions=()))
    return tuple(found)


def _distributions() -> tuple[HostDistribution, ...]:
    found: dict[str, HostDistribution | None] = {}
    for entry in dict.fromkeys(sys.path):
        try:
            names = os.listdir(entry or ".")  # noqa: PTH208 - names only, of many entries
        except OSError:
            continue  # an entry that is no folder holds no distributions
        for name in sorted(names):
            if not name.endswith(".dist-info"):
                continue
            project, _, text = name.removesuffix(".dist-info").partition("-")
            normalized = canonicalize_name(project)
            if normalized in found:
                continue  # the first path entry wins, as it does for imports
            try:
                version = Version(text)
            except InvalidVersion:
                continue  # pip does not see such a folder as a distribution either
            folder = Path(entry or ".") / name
            provided = normalized == _OWN_PROJECT or not (_is_direct(folder) or _is_plugin(folder))
            found[normalized] = HostDistribution(project=normalized, version=version) if provided else None
    return tuple(sorted((item for item in found.values() if item is not None), key=lambda item: item.project))


def _is_direct(folder: Path) -> bool:
    """Whether a distribution came from a URL or a folder (PEP 610)."""
    try:
        document = json.loads((folder / "direct_url.json").read_bytes())
    except FileNotFoundError:
        return False
    except ValueError:
        return True
    return isinstance(document, dict)


def _is_plugin(folder: Path) -> bool:
    try:
        return f"[{ENTRY_POINT_GROUP}]" in (folder / "entry_points.txt").read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return False
