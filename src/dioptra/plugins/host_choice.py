"""Which hosts a lock is made for: the one that is here, another interpreter, or workers that were described."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import packaging
from packaging import tags
from packaging.utils import NormalizedName
from packaging.version import Version

from dioptra.plugins import errors
from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.host import describe_host
from dioptra.plugins.host_description import host_from_json
from dioptra.plugins.host_model import Host, HostDistribution, TargetInterpreter
from dioptra.plugins.lock.model import TargetLock
from dioptra.plugins.platforms import platform_markers, platform_name, platform_tag, platform_tags

_DESCRIBE = """
import sys
if sys.version_info < (3, 11):
    sys.exit("it is Python %d.%d" % sys.version_info[:2])
path = list(sys.path)
sys.path[:0] = {own!r}
from dioptra.plugins.host import describe_host
from dioptra.plugins.host_description import host_to_json
sys.stdout.buffer.write(host_to_json(describe_host(path)))
"""


def choose_hosts(
    *,
    descriptions: Sequence[Path] = (),
    pythons: Sequence[str] = (),
    platforms: Sequence[str] = (),
    host_python: Path | None = None,
    provide: bool = True,
    declared: Mapping[NormalizedName, Version] = MappingProxyType({}),
) -> tuple[Host, ...]:
    """The hosts to lock for.

    Args:
        descriptions: Files that ``worker describe`` wrote.
        pythons: Other Python versions (``X.Y``).
        platforms: Other platforms, as tags; each with each Python.
        host_python: Another interpreter that is here.
        provide: Whether what hosts have counts.
        declared: The releases that their own builds of projects stand for.

    Returns:
        The described ones if there are any; else the running interpreter, or what takes its place.

    Raises:
        ConfigurationError: A description is malformed, a text is no version or platform, or what is asked for provides
            something that cannot be seen from here.
    """
    if descriptions:
        hosts = tuple(read_description(path) for path in descriptions)
    elif host_python is not None:
        hosts = (describe_interpreter(host_python),)
    else:
        hosts = _described(pythons, platforms, provide=provide)
    if not provide:
        return tuple(replace(host, distributions=()) for host in hosts)
    return tuple(_declare(host, declared) for host in hosts)


def read_description(path: Path) -> Host:
    """Read the description of a worker.

    Raises:
        ConfigurationError: It cannot be read or is malformed.
    """
    try:
        return host_from_json(path.read_bytes(), source=str(path))
    except OSError as problem:
        raise ConfigurationError(f"{path} cannot be read", why=str(problem)) from problem


def describe_interpreter(python: Path) -> Host:
    """Describe another interpreter of this machine; nothing needs to be installed in it.

    Args:
        python: Its executable.

    Raises:
        ConfigurationError: It cannot be run, or is too old.
    """
    # The code that describes is ours, run by that interpreter; what is installed is looked for on its own path.
    own = {Path(module.__file__ or "").parents[depth] for module, depth in ((packaging, 1), (errors, 2))}
    script = _DESCRIBE.format(own=[str(path) for path in sorted(own)])
    try:
        done = subprocess.run([python, "-P", "-c", script], capture_output=True, check=False)
    except OSError as problem:
        raise ConfigurationError(f"{python} cannot be run", why=str(problem)) from problem
    if done.returncode != 0:
        told = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise ConfigurationError(f"{python} cannot be described", why=told[-1], hint="Python 3.11 or newer is needed")
    return host_from_json(done.stdout, source=str(python))


def host_of_target(lock: TargetLock) -> Host:
    """The host that a lock was made for, as far as the lock tells.

    Args:
        lock: What one kind of worker installs.

    Raises:
        ConfigurationError: Its platform is of no known kind.
    """
    target, running = lock.target, describe_host()
    distributions = tuple(
        HostDistribution(project=item.project, version=item.version, declared=item.declared) for item in lock.provided
    )
    here = (running.python, running.interpreter.implementation, running.interpreter.platform)
    if here == (target.python, target.implementation, target.platform):
        return replace(running, distributions=distributions, name=target.name, is_described=target.is_described)
    platform = None if target.platform == running.interpreter.platform else platform_tag(target.platform)
    interpreter = target_for_python(target.python, running.interpreter, platform)
    return Host(
        interpreter=interpreter,
        key=None,
        distributions=distributions,
        name=target.name,
        is_described=target.is_described,
    )


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
        platform=running.platform if platform is None else platform_name(platform),
        tags=tuple(supported),
        marker_environment=tuple(sorted(markers.items())),
    )


def _described(pythons: Sequence[str], platforms: Sequence[str], *, provide: bool) -> tuple[Host, ...]:
    """Every Python on every platform; the running ones where none is named."""
    running = describe_host()
    found = []
    for python in pythons or [running.python]:
        if not re.fullmatch(r"3\.\d+", python):
            raise ConfigurationError(f"'{python}' is no Python version", why="wanted X.Y, such as 3.12")
        for platform_text in platforms or [""]:
            if python == running.python and not platform_text:
                # Without its distributions it is not this host any more, but any like it.
                found.append(replace(running, is_described=not provide))
                continue
            if provide:
                raise ConfigurationError(
                    f"what a Python {python}{f' on {platform_text}' if platform_text else ''} provides cannot be seen "
                    "from here",
                    why=f"this is Python {running.interpreter.python_full_version} on {running.interpreter.platform}",
                    hint="add --no-host to lock everything, or describe such a worker: dioptra-plugins worker describe",
                )
            target = target_for_python(python, running.interpreter, platform_text or None)
            name = "" if not platform_text else f"{target.implementation}{python}-{platform_text}"
            found.append(Host(interpreter=target, key=None, distributions=(), name=name, is_described=True))
    return tuple(found)


def _declare(host: Host, declared: Mapping[NormalizedName, Version]) -> Host:
    distributions = (replace(item, declared=declared.get(item.project)) for item in host.distributions)
    return replace(host, distributions=tuple(distributions))
