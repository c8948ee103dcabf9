"""Several kinds of worker in one lock: what tells them apart, and which of them a worker is; pure."""

from __future__ import annotations

from collections.abc import Sequence

from packaging.utils import NormalizedName
from packaging.version import Version

from dioptra.plugins.errors import ConfigurationError, UnsatisfiedError
from dioptra.plugins.host_model import Host
from dioptra.plugins.lock.model import TargetLock

_KEYS = ("implementation_name", "python_version", "sys_platform")
_MACHINE = "platform_machine"


def refuse_repeated_labels(hosts: Sequence[Host]) -> None:
    """Refuse hosts that are called the same.

    Raises:
        ConfigurationError: Two are.
    """
    labels = [host.label for host in hosts]
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    if repeated:
        raise ConfigurationError(
            f"two kinds of worker are called '{repeated[0]}'",
            hint="dioptra-plugins worker describe --name NAME gives one a name of its own",
        )


def target_markers(hosts: Sequence[Host]) -> tuple[str, ...]:
    """Environment markers (PEP 508) that hold on one kind of worker each.

    The processor is named only where another kind differs in nothing else: wheels say by their tags where they run.
    What a host provides has no marker, so that kinds which differ in that alone get the same.

    Args:
        hosts: The kinds of worker.
    """
    values = [_values(host) for host in hosts]
    plain = [tuple(value[key] for key in _KEYS) for value in values]
    machines: dict[tuple[str, ...], set[str]] = {}
    for value, own in zip(values, plain, strict=True):
        machines.setdefault(own, set()).add(value[_MACHINE])
    return tuple(
        " and ".join(
            f'{key} == "{value[key]}"' for key in (*_KEYS, _MACHINE) if key != _MACHINE or len(machines[own]) > 1
        )
        for value, own in zip(values, plain, strict=True)
    )


def refuse_ambiguous(targets: Sequence[TargetLock]) -> None:
    """Refuse targets of which pip could not tell what to install: one marker, and two releases of one project.

    Raises:
        UnsatisfiedError: There are such.
    """
    releases: dict[tuple[str, NormalizedName], dict[Version, str]] = {}
    for item in targets:
        for wheel in item.wheels:
            releases.setdefault((item.target.marker, wheel.project), {}).setdefault(wheel.version, item.target.name)
    clashes = [(project, found) for (_, project), found in releases.items() if len(found) > 1]
    if clashes:
        raise UnsatisfiedError(
            "kinds of worker that no environment marker tells apart need different releases",
            why="\n".join(
                f"{project}: " + ", ".join(f"{version} for {name}" for version, name in found.items())
                for project, found in clashes
            ),
            hint="make a lock for each of them",
        )


def _values(host: Host) -> dict[str, str]:
    found = dict(host.interpreter.marker_environment)
    return {key: found.get(key, "") for key in (*_KEYS, _MACHINE)}
