"""Platforms that are only described: which platform tags they support, and what markers are there. Pure.

The tags are those of PyPA's platform compatibility tags (PEP 600 for manylinux).
"""

from __future__ import annotations

import re

from packaging import tags

from dioptra.plugins.errors import ConfigurationError

_MANYLINUX = re.compile(r"manylinux_2_(?P<minor>\d+)_(?P<machine>\w+)")
_MACOS = re.compile(r"macosx_(?P<major>\d+)_(?P<minor>\d+)_(?P<machine>x86_64|arm64)")
_WINDOWS = re.compile(r"win_(?P<machine>amd64|arm64)|win32")
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
"""Older names of manylinux tags, by the minor version of glibc."""


def platform_tags(platform: str) -> list[str]:
    """List the platform tags that a platform supports, the most wanted first.

    Args:
        platform: The newest tag that it supports.

    Raises:
        ConfigurationError: It is none of a known kind.
    """
    if match := _MANYLINUX.fullmatch(platform):
        machine, found = match["machine"], []
        for minor in range(int(match["minor"]), 4, -1):
            found.append(f"manylinux_2_{minor}_{machine}")
            if minor in _LEGACY:
                found.append(f"{_LEGACY[minor]}_{machine}")
        return [*found, f"linux_{machine}"]
    if match := _MACOS.fullmatch(platform):
        return list(tags.mac_platforms((int(match["major"]), int(match["minor"])), match["machine"]))
    if _WINDOWS.fullmatch(platform):
        return [platform]
    raise ConfigurationError(
        f"'{platform}' is no platform that can be described",
        why="wanted manylinux_2_28_x86_64, macosx_12_0_arm64, win_amd64 or the like",
    )


def platform_name(platform: str) -> str:
    """What `sysconfig.get_platform` would say on a platform.

    Args:
        platform: A tag that `platform_tags` accepts.
    """
    if match := _MANYLINUX.fullmatch(platform):
        return f"linux-{match['machine']}"
    if match := _MACOS.fullmatch(platform):
        return f"macosx-{match['major']}.{match['minor']}-{match['machine']}"
    return platform.replace("_", "-")


def platform_tag(name: str) -> str:
    """A tag of the platform that `sysconfig.get_platform` names; of Linux one that most workers today support.

    Args:
        name: Such as ``linux-x86_64`` or ``macosx-14.0-arm64``.
    """
    system, _, machine = name.partition("-")
    if system == "linux":
        return f"manylinux_2_28_{machine}"
    return name.replace("-", "_").replace(".", "_")


def platform_markers(platform: str) -> dict[str, str]:
    """What environment markers say on a platform, as far as its tag tells.

    Args:
        platform: A tag that `platform_tags` accepts.

    Raises:
        ConfigurationError: It is none of a known kind.
    """
    if match := _MANYLINUX.fullmatch(platform):
        return _markers("posix", "linux", "Linux", match["machine"])
    if match := _MACOS.fullmatch(platform):
        return _markers("posix", "darwin", "Darwin", match["machine"])
    platform_tags(platform)
    return _markers("nt", "win32", "Windows", {"win_arm64": "ARM64", "win32": "x86"}.get(platform, "AMD64"))


def _markers(os_name: str, sys_platform: str, system: str, machine: str) -> dict[str, str]:
    return {
        "os_name": os_name,
        "sys_platform": sys_platform,
        "platform_system": system,
        "platform_machine": machine,
        "platform_release": "",
        "platform_version": "",
    }
