"""Making a lock from requirements."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from dioptra.plugins.errors import ConfigurationError, UnsatisfiedError
from dioptra.plugins.host_model import Host
from dioptra.plugins.index.catalogue_port import Catalogue
from dioptra.plugins.lock.model import (
    Lock,
    LockedIndex,
    LockedWheel,
    LockTarget,
    ProvidedDistribution,
    TargetLock,
)
from dioptra.plugins.lock.targets import refuse_ambiguous, refuse_repeated_labels, target_markers
from dioptra.plugins.resolution.model import (
    Ask,
    HostCandidate,
    Policy,
    WheelCandidate,
    parse_requirement,
)
from dioptra.plugins.resolution.resolve import resolve
from dioptra.plugins.wheel.model import WHEEL_LIMIT

Pins = Mapping[NormalizedName, Version]
"""Versions to keep where they still satisfy."""


def make_lock(
    requirements: Sequence[str],
    catalogues: Sequence[Catalogue],
    hosts: Sequence[Host],
    policy: Policy = Policy(),  # noqa: B008 - it is immutable
    pins: Mapping[str, Pins] = MappingProxyType({}),
) -> Lock:
    """Resolve requirements for every kind of worker and pin every file.

    Each kind takes what the kinds before it took where that satisfies, so that a fleet differs no more than it must.

    Args:
        requirements: What is asked for, as written (PEP 508).
        catalogues: Indexes in the order they are searched.
        hosts: The targets and what they provide; at least one, each with a label of its own.
        policy: Which releases are wanted beyond that.
        pins: Versions to keep where they still satisfy, by label.

    Returns:
        The lock.

    Raises:
        ConfigurationError: A text is no requirement, or two hosts have one label.
        UnsatisfiedError: There is no resolution for one of them, or two that no marker tells apart need different
            releases of one project.
        IndexAccessError: An index cannot be read.
    """
    refuse_repeated_labels(hosts)
    parsed = [parse_requirement(text) for text in requirements]
    markers = target_markers(hosts)
    targets: list[TargetLock] = []
    taken: dict[NormalizedName, Version] = {}
    for host, marker in zip(hosts, markers, strict=True):
        own = replace(policy, pins={**taken, **pins.get(host.label, policy.pins)})
        try:
            targets.append(_lock_target(parsed, catalogues, host, own, marker))
        except UnsatisfiedError as refusal:
            if len(hosts) == 1:
                raise
            what = f"there is no lock for workers like {host.label}: {refusal.what}"
            raise UnsatisfiedError(what, why=refusal.why, hint=refusal.hint) from refusal
        taken |= {wheel.project: wheel.version for wheel in targets[-1].wheels if wheel.project not in taken}
    refuse_ambiguous(targets)
    return Lock(
        requirements=tuple(sorted({str(requirement) for requirement in parsed})),
        indexes=tuple(LockedIndex(name=catalogue.name, url=catalogue.url) for catalogue in catalogues),
        targets=tuple(targets),
    )


def _lock_target(
    requirements: Sequence[Requirement], catalogues: Sequence[Catalogue], host: Host, policy: Policy, marker: str
) -> TargetLock:
    resolution = resolve(requirements, catalogues, host, policy)
    wheels = [item for item in resolution.candidates if isinstance(item, WheelCandidate)]
    asks_by: dict[str, list[Ask]] = defaultdict(list)
    for ask in resolution.asks:
        asks_by[ask.by].append(ask)
    locked = {wheel.project for wheel in wheels}
    return TargetLock(
        target=LockTarget(
            name=host.label,
            python=host.python,
            implementation=host.interpreter.implementation,
            platform=host.interpreter.platform,
            marker=marker,
            is_described=host.is_described,
        ),
        wheels=tuple(_locked(wheel, asks_by[wheel.project], locked) for wheel in wheels),
        provided=tuple(
            _provided(item, [ask for ask in resolution.asks if ask.project == item.project])
            for item in resolution.candidates
            if isinstance(item, HostCandidate)
        ),
    )


def read_requirement_file(path: Path) -> tuple[str, ...]:
    """Read requirements from a file: one a line, ``#`` comments, ``-r`` for another file.

    Raises:
        ConfigurationError: It cannot be read, includes itself, or has a line that is something else.
    """
    return tuple(_read_requirements(path, ()))


def _without_marker(requirement: Requirement) -> str:
    if requirement.marker is None:
        return str(requirement)
    plain = Requirement(str(requirement))
    plain.marker = None
    return str(plain)


def _locked(wheel: WheelCandidate, asks: Sequence[Ask], locked: Set[NormalizedName]) -> LockedWheel:
    # The bond between a project and its own extras is nothing that it asks of others.
    others = [ask for ask in asks if ask.project != wheel.project]
    file = wheel.file
    url = wheel.catalogue.file_url(wheel.page, file)
    sha256, size = file.sha256, file.size
    if sha256 is None or size is None:
        measured_sha256, measured_size = _measure(wheel, url)
        sha256, size = sha256 or measured_sha256, measured_size
    return LockedWheel(
        project=wheel.project,
        version=wheel.version,
        index=wheel.catalogue.name,
        filename=file.filename,
        url=url,
        sha256=sha256,
        size=size,
        upload_time=file.upload_time,
        requires_python=file.requires_python,
        dependencies=tuple(sorted({ask.project for ask in others} & locked)),
        requires=tuple(sorted({_without_marker(ask.requirement) for ask in others})),
    )


def _measure(wheel: WheelCandidate, url: str) -> tuple[str, int]:
    """Digest and size of a file whose index does not give both."""
    sink = _HashingSink()
    wheel.catalogue.download(wheel.project, wheel.file.filename, url, sink, limit=WHEEL_LIMIT)
    return sink.digest.hexdigest(), sink.size


class _HashingSink:
    def __init__(self) -> None:
        self.digest, self.size = hashlib.sha256(), 0

    def write(self, data: bytes, /) -> None:
        self.digest.update(data)
        self.size += len(data)


def _provided(item: HostCandidate, asks: Sequence[Ask]) -> ProvidedDistribution:
    specifiers = {str(specifier) for ask in asks for specifier in ask.requirement.specifier}
    return ProvidedDistribution(
        project=item.project,
        version=item.distribution.version,
        declared=item.distribution.declared,
        specifier=SpecifierSet(",".join(sorted(specifiers))),
        required_by=tuple(sorted({ask.by for ask in asks})),
    )


def _read_requirements(path: Path, including: tuple[Path, ...]) -> list[str]:
    if path in including:
        raise ConfigurationError(f"{path} includes itself", why=" → ".join(str(item) for item in (*including, path)))
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigurationError(f"{path} cannot be read", why=str(problem)) from problem
    found: list[str] = []
    for number, line in enumerate(lines, start=1):
        # A comment starts a line or follows white space; a "#" inside a URL is none, as for pip.
        text = line.partition(" #")[0].strip() if not line.lstrip().startswith("#") else ""
        if not text:
            continue
        option, _, value = text.partition(" ")
        if option in {"-r", "--requirement"} and value.strip():
            found += _read_requirements(path.parent / value.strip(), (*including, path))
        elif text.startswith("-"):
            raise ConfigurationError(
                f"{path}, line {number}: '{option}' is not understood",
                why="a requirement file holds requirements, comments and -r FILE",
                hint="give indexes with --index",
            )
        else:
            try:
                parse_requirement(text)
            except ConfigurationError as problem:
                raise ConfigurationError(
                    f"{path}, line {number}: {problem.what}", why=problem.why, hint=problem.hint
                ) from problem
            found.append(text)
    return found
