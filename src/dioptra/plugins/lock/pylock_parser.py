"""Reading locks (PEP 751) that `dioptra.plugins.lock.pylock` wrote; every error names the key."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC

from packaging.markers import InvalidMarker, Marker
from packaging.pylock import Package, PackageWheel, Pylock, PylockUnsupportedVersionError, PylockValidationError
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.lock.model import (
    Lock,
    LockedIndex,
    LockedWheel,
    LockTarget,
    ProvidedDistribution,
    TargetLock,
)
from dioptra.plugins.schema import SCHEMA


def parse(text: str, *, source: str) -> Lock:
    """Read a lock.

    Args:
        text: The file's text.
        source: Its path, for errors.

    Returns:
        The lock.

    Raises:
        ConfigurationError: It is no TOML (names the line), no valid lock (names the key), not made by
            dioptra-plugins, or has a newer major schema.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise _malformed(source, str(problem)) from problem
    try:
        pylock = Pylock.from_dict(document)
    except (PylockValidationError, PylockUnsupportedVersionError) as problem:
        raise _malformed(source, str(problem)) from problem
    own = (pylock.tool or {}).get("dioptra")
    if not isinstance(own, Mapping):
        raise ConfigurationError(
            f"{source} was not made by dioptra-plugins",
            why="it has no [tool.dioptra], which says what the host provides",
            hint="dioptra-plugins lock REQUIREMENT --index URL",
        )
    schema = str(own.get("schema", ""))
    if schema.partition(".")[0] != SCHEMA.partition(".")[0]:
        raise ConfigurationError(
            f"{source} has schema '{schema}'",
            why=f"this version of dioptra-plugins reads {SCHEMA}",
            hint="install a dioptra-plugins that supports it, or lock again",
        )
    return _Reader(source, own).lock(pylock)


class _Reader:
    """Reads ``[tool.dioptra]``; every error names the key."""

    def __init__(self, source: str, own: Mapping[str, object]) -> None:
        self.source, self.own = source, own

    def lock(self, pylock: Pylock) -> Lock:
        if "requirements" not in self.own:
            raise _malformed(self.source, "key 'tool.dioptra.requirements' is missing")
        targets = [
            (where, row, self.target(row, where)) for where, row in self.rows(self.own, "targets", "tool.dioptra")
        ]
        names = [target.name for _, _, target in targets]
        if not names or len(set(names)) < len(names):
            raise _malformed(self.source, "'tool.dioptra.targets' is empty, or has one name twice")
        wheels: dict[str, list[LockedWheel]] = {name: [] for name in names}
        for number, package in enumerate(pylock.packages):
            for name, wheel in self.wheels(package, f"packages[{number}]", names):
                wheels[name].append(wheel)
        return Lock(
            requirements=self.strings(self.own, "requirements", "tool.dioptra"),
            indexes=tuple(
                LockedIndex(name=self.string(row, "name", where), url=self.string(row, "url", where))
                for where, row in self.rows(self.own, "indexes", "tool.dioptra")
            ),
            targets=tuple(
                TargetLock(
                    target=target,
                    wheels=_within(wheels[target.name]),
                    provided=tuple(self.provided(item, place) for place, item in self.rows(row, "provided", where)),
                )
                for where, row, target in targets
            ),
        )

    def target(self, row: Mapping[str, object], where: str) -> LockTarget:
        marker, described = self.string(row, "marker", where), row.get("described")
        try:
            Marker(marker)
        except InvalidMarker as problem:
            raise _malformed(self.source, f"key '{where}.marker': {problem}") from problem
        if not isinstance(described, bool):
            raise _malformed(self.source, f"key '{where}.described' is {described!r}, wanted true or false")
        return LockTarget(
            name=self.string(row, "name", where),
            python=self.string(row, "python", where),
            implementation=self.string(row, "implementation", where),
            platform=self.string(row, "platform", where),
            marker=marker,
            is_described=described,
        )

    def wheels(self, package: Package, where: str, targets: Sequence[str]) -> Iterator[tuple[str, LockedWheel]]:
        """The wheel that each target takes of a package."""
        found = {wheel.filename: wheel for wheel in package.wheels or ()}
        if not found or package.version is None:
            raise _malformed(self.source, f"'{where}' ({package.name}) has no version or no wheel")
        place = f"{where}.tool.dioptra"
        own = self.table(package.tool or {}, "dioptra", f"{where}.tool")
        if len(found) == 1:
            chosen = dict.fromkeys(self.strings(own, "targets", place) or targets, next(iter(found)))
        else:
            table = self.table(own, "wheels", place)
            chosen = {name: self.string(table, name, f"{place}.wheels") for name in table}
        strangers = [*(chosen.keys() - set(targets)), *(set(chosen.values()) - found.keys())]
        if strangers:
            raise _malformed(self.source, f"'{place}' names {', '.join(sorted(strangers))}, which is not in the lock")
        for name, filename in chosen.items():
            yield name, self.wheel(package, found[filename], own, where, name)

    def wheel(
        self, package: Package, wheel: PackageWheel, own: Mapping[str, object], where: str, target: str
    ) -> LockedWheel:
        filename, sha256 = wheel.filename, wheel.hashes.get("sha256")
        if wheel.url is None or wheel.size is None or sha256 is None:
            raise _malformed(self.source, f"'{where}.wheels' ({filename}) lacks url, size or hashes.sha256")
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            raise _malformed(self.source, f"'{where}.wheels' ({filename}): hashes.sha256 is no lower-case sha256")
        try:
            project, version, _, _ = parse_wheel_filename(filename)
        except InvalidWheelFilename as problem:
            raise _malformed(self.source, f"'{where}.wheels': {problem}") from problem
        if (project, version) != (package.name, package.version):
            raise _malformed(self.source, f"'{where}' is {package.name} {package.version}, but its wheel is {filename}")
        place = f"{where}.tool.dioptra"
        requires = own.get("requires", [])
        if isinstance(requires, Mapping):
            texts = self.strings(requires, target, f"{place}.requires")
        else:
            texts = self.strings(own, "requires", place)
        return LockedWheel(
            project=package.name,
            version=version,
            index=self.string(own, "index", place),
            filename=filename,
            url=wheel.url,
            sha256=sha256,
            size=wheel.size,
            upload_time=None if wheel.upload_time is None else wheel.upload_time.astimezone(UTC),
            requires_python=package.requires_python,
            dependencies=tuple(canonicalize_name(str(item["name"])) for item in package.dependencies or ()),
            requires=texts,
        )

    def provided(self, row: Mapping[str, object], where: str) -> ProvidedDistribution:
        try:
            return ProvidedDistribution(
                project=canonicalize_name(self.string(row, "name", where)),
                version=Version(self.string(row, "version", where)),
                declared=Version(self.string(row, "declared", where)) if "declared" in row else None,
                specifier=SpecifierSet(self.string(row, "specifier", where)),
                required_by=self.strings(row, "required-by", where),
            )
        except (InvalidVersion, InvalidSpecifier) as problem:
            raise _malformed(self.source, f"'{where}': {problem}") from problem

    def rows(self, parent: Mapping[str, object], key: str, where: str) -> list[tuple[str, Mapping[str, object]]]:
        value = parent.get(key, [])
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            raise _malformed(self.source, f"key '{where}.{key}' is not an array of tables")
        return [(f"{where}.{key}[{n}]", row) for n, row in enumerate(value)]

    def table(self, parent: Mapping[str, object], key: str, where: str) -> Mapping[str, object]:
        value = parent.get(key)
        if not isinstance(value, Mapping):
            raise _malformed(self.source, f"table '{where}.{key}' is missing")
        return value

    def strings(self, table: Mapping[str, object], key: str, where: str) -> tuple[str, ...]:
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise _malformed(self.source, f"key '{where}.{key}' is not a list of strings")
        return tuple(value)

    def string(self, table: Mapping[str, object], key: str, where: str) -> str:
        value = table.get(key)
        if not isinstance(value, str):
            raise _malformed(self.source, f"key '{where}.{key}' is {value!r}, wanted a string")
        return value


def _within(wheels: Sequence[LockedWheel]) -> tuple[LockedWheel, ...]:
    """Wheels without dependencies that only other kinds of worker lock."""
    locked = {wheel.project for wheel in wheels}
    return tuple(
        replace(wheel, dependencies=tuple(name for name in wheel.dependencies if name in locked)) for wheel in wheels
    )


def _malformed(source: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{source} is no valid lock", why=why, hint="dioptra-plugins lock --upgrade makes it again"
    )
