"""Describing the running interpreter as a host: its tags, its markers and what it provides."""

from __future__ import annotations

import json
import os
import platform
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from packaging import tags
from packaging.markers import default_environment
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from dioptra.manifest.environment import interpreter_key
from dioptra.plugins.host_model import Host, HostDistribution, TargetInterpreter
from dioptra.plugins.wheel.model import ENTRY_POINT_GROUP

_OWN_PROJECT = canonicalize_name("dioptra-plugins")


def describe_host(path: Sequence[str] | None = None) -> Host:
    """Describe the running interpreter and what it provides.

    Distributions are read from the names of their ``.dist-info`` folders. Editable and direct-URL installs and
    plugin packages are never provided, because a lock could not say what they are; `dioptra-plugins` always is,
    since plugins run inside it.

    Args:
        path: Where its distributions are looked for; `sys.path` by default.
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
        distributions=_distributions(sys.path if path is None else path),
    )


def _distributions(path: Sequence[str]) -> tuple[HostDistribution, ...]:
    found: dict[str, HostDistribution | None] = {}
    for entry in dict.fromkeys(path):
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
