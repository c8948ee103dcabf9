"""Locks as files: PEP 751 ``pylock.plugins.toml``, which pip and uv can install too.

What PEP 751 has no place for lies under ``[tool.dioptra]``: the requirements, the target, the indexes by name and
what the host provides; each package names its index under ``[packages.tool.dioptra]``. There is no time of making, so
that the same inputs give the same bytes.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC

import tomli_w
from packaging.pylock import Package, PackageWheel, Pylock, PylockUnsupportedVersionError, PylockValidationError
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.lock.model import Lock, LockedIndex, LockedWheel, LockTarget, ProvidedDistribution
from dioptra.plugins.schema import SCHEMA

_CREATED_BY = "dioptra-plugins"


def lock_digest(body: bytes) -> str:
    """The sha256 of a lock file's bytes, by which generations name it."""
    return hashlib.sha256(body).hexdigest()


def render(lock: Lock) -> str:
    """Write a lock as TOML.

    Args:
        lock: What was pinned.

    Returns:
        The file's text; the same lock always gives the same text.
    """
    pylock = Pylock(
        lock_version=Version("1.0"),
        created_by=_CREATED_BY,
        requires_python=SpecifierSet(f"=={lock.target.python}.*"),
        packages=[_package(wheel) for wheel in lock.wheels],
        tool={
            "dioptra": {
                "schema": SCHEMA,
                "requirements": list(lock.requirements),
                "target": {
                    "python": lock.target.python,
                    "implementation": lock.target.implementation,
                    "platform": lock.target.platform,
                },
                "indexes": [{"name": index.name, "url": index.url} for index in lock.indexes],
                "provided": [
                    {
                        "name": item.project,
                        "version": str(item.version),
                        "specifier": _sorted_specifier(item.specifier),
                        "required-by": list(item.required_by),
                    }
                    for item in lock.provided
                ],
            }
        },
    )
    return tomli_w.dumps(dict(pylock.to_dict()))


def _package(wheel: LockedWheel) -> Package:
    return Package(
        name=wheel.project,
        version=wheel.version,
        requires_python=wheel.requires_python,
        dependencies=[{"name": name} for name in wheel.dependencies] or None,
        wheels=[
            PackageWheel(
                name=wheel.filename,
                url=wheel.url,
                size=wheel.size,
                upload_time=wheel.upload_time,
                hashes={"sha256": wheel.sha256},
            )
        ],
        tool={"dioptra": {"index": wheel.index, **({"requires": list(wheel.requires)} if wheel.requires else {})}},
    )


def _sorted_specifier(specifiers: SpecifierSet) -> str:
    return ",".join(sorted(str(specifier) for specifier in specifiers))


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
        target = self.table(self.own, "target", "tool.dioptra")
        if "requirements" not in self.own:
            raise _malformed(self.source, "key 'tool.dioptra.requirements' is missing")
        return Lock(
            target=LockTarget(
                python=self.string(target, "python", "tool.dioptra.target"),
                implementation=self.string(target, "implementation", "tool.dioptra.target"),
                platform=self.string(target, "platform", "tool.dioptra.target"),
            ),
            requirements=self.strings(self.own, "requirements", "tool.dioptra"),
            indexes=tuple(
                LockedIndex(name=self.string(row, "name", where), url=self.string(row, "url", where))
                for where, row in self.rows("indexes")
            ),
            wheels=tuple(self.wheel(package, f"packages[{n}]") for n, package in enumerate(pylock.packages)),
            provided=tuple(self.provided(row, where) for where, row in self.rows("provided")),
        )

    def wheel(self, package: Package, where: str) -> LockedWheel:
        wheels: Sequence[PackageWheel] = package.wheels or ()
        if len(wheels) != 1 or package.version is None:
            raise _malformed(self.source, f"'{where}' ({package.name}) does not have one version and one wheel")
        wheel = wheels[0]
        filename, sha256 = wheel.filename, wheel.hashes.get("sha256")
        if wheel.url is None or wheel.size is None or sha256 is None:
            raise _malformed(self.source, f"'{where}.wheels[0]' ({filename}) lacks url, size or hashes.sha256")
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            raise _malformed(self.source, f"key '{where}.wheels[0].hashes.sha256' is no lower-case sha256")
        try:
            project, version, _, _ = parse_wheel_filename(filename)
        except InvalidWheelFilename as problem:
            raise _malformed(self.source, f"key '{where}.wheels[0].name': {problem}") from problem
        if (project, version) != (package.name, package.version):
            raise _malformed(self.source, f"'{where}' is {package.name} {package.version}, but its wheel is {filename}")
        own = self.table(package.tool or {}, "dioptra", f"{where}.tool")
        return LockedWheel(
            project=package.name,
            version=package.version,
            index=self.string(own, "index", f"{where}.tool.dioptra"),
            filename=filename,
            url=wheel.url,
            sha256=sha256,
            size=wheel.size,
            upload_time=None if wheel.upload_time is None else wheel.upload_time.astimezone(UTC),
            requires_python=package.requires_python,
            dependencies=tuple(canonicalize_name(str(item["name"])) for item in package.dependencies or ()),
            requires=self.strings(own, "requires", f"{where}.tool.dioptra"),
        )

    def provided(self, row: Mapping[str, object], where: str) -> ProvidedDistribution:
        try:
            return ProvidedDistribution(
                project=canonicalize_name(self.string(row, "name", where)),
                version=Version(self.string(row, "version", where)),
                specifier=SpecifierSet(self.string(row, "specifier", where)),
                required_by=self.strings(row, "required-by", where),
            )
        except (InvalidVersion, InvalidSpecifier) as problem:
            raise _malformed(self.source, f"'{where}': {problem}") from problem

    def rows(self, key: str) -> list[tuple[str, Mapping[str, object]]]:
        value = self.own.get(key, [])
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            raise _malformed(self.source, f"key 'tool.dioptra.{key}' is not an array of tables")
        return [(f"tool.dioptra.{key}[{n}]", row) for n, row in enumerate(value)]

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


def _malformed(source: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{source} is no valid lock", why=why, hint="dioptra-plugins lock --upgrade makes it again"
    )
