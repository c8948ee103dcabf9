"""The notation of resolver scenarios: a catalogue, what is asked, and what must come out.

A file holds one scenario or more, each under a heading ``# name``. Lines of a scenario:

- ``PROJECT VERSION [flags] [needs REQ | REQ …]`` publishes a wheel. Flags: ``yanked``, ``revoked``, ``python=SPEC``,
  ``tag=TAG``, ``build=N``, ``uploaded=DAY``, ``sdist``, ``index=NAME`` (indexes are searched in the order in which they
  appear).
- ``host PROJECT VERSION`` is installed in the host.
- ``on X.Y`` is the target's Python, 3.11 by default.
- ``plugins INDEX PATTERN`` says that such projects are taken from that index only.
- ``pin PROJECT VERSION`` was locked before; ``pre`` takes pre-releases; ``before DAY`` leaves out what is newer.
- ``ask REQ; REQ …``, or ``asks REQ`` for one with a marker.
- ``file PROJECT FILENAME`` is the wheel that is taken.
- ``picks PROJECT VERSION, …`` are the wheels, or ``fails TEXT`` a part of the error; ``provided PROJECT, …`` is what
  the host gives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import parse_tag
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from dioptra.plugins.host_model import Host, HostDistribution, TargetInterpreter
from dioptra.plugins.index.model import IndexFile, InlineMetadata, ProjectPage
from dioptra.plugins.index.pages import parse_inline_metadata
from dioptra.plugins.index.revocation import Revocation
from dioptra.plugins.object_store.port import Sink
from dioptra.plugins.resolution.model import Policy
from dioptra.plugins.wheel.model import CoreMetadata

TAGS = (
    "{0}-{0}-linux_x86_64",
    "{0}-abi3-linux_x86_64",
    "cp38-abi3-linux_x86_64",
    "py3-none-linux_x86_64",
    "py3-none-any",
)


class ScenarioCatalogue:
    """A catalogue in memory; counts the pages it was asked for."""

    def __init__(self, name: str) -> None:
        self.name, self.url, self.is_local = name, f"memory:{name}", False
        self.files: dict[NormalizedName, list[IndexFile]] = {}
        self.asked: list[NormalizedName] = []
        self.revoked: dict[str, Revocation] = {}

    def project(self, project: NormalizedName) -> ProjectPage | None:
        self.asked.append(project)
        files = self.files.get(project)
        return None if files is None else ProjectPage(project=project, url=self.url, files=tuple(files))

    def project_names(self) -> tuple[NormalizedName, ...]:
        return tuple(sorted(self.files))

    def revocations(self) -> Mapping[str, Revocation]:
        return self.revoked

    def metadata(self, page: ProjectPage, file: IndexFile) -> CoreMetadata:
        assert page.project in self.files
        assert file.inline_metadata is not None
        return parse_inline_metadata(page, file, file.inline_metadata)

    def file_url(self, page: ProjectPage, file: IndexFile) -> str:
        return f"{self.url}/{page.project}/{file.filename}"

    def download(self, project: NormalizedName, filename: str, url: str, sink: Sink, *, limit: int) -> None:
        raise AssertionError(f"resolving downloads no file ({project} {filename} {url} {sink} {limit})")


@dataclass
class Scenario:
    """One scenario as it was read."""

    name: str
    catalogues: dict[str, ScenarioCatalogue] = field(default_factory=dict)
    provided: list[HostDistribution] = field(default_factory=list)
    asks: list[str] = field(default_factory=list)
    picks: set[tuple[str, str]] | None = None
    from_host: set[str] = field(default_factory=set)
    fails: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    python: str = "3.11"
    policy: Policy = field(default_factory=Policy)

    @property
    def host(self) -> Host:
        """CPython on Linux with the scenario's distributions."""
        interpreter = f"cp{self.python.replace('.', '')}"
        markers = {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.7",
            "os_name": "posix",
            "platform_machine": "x86_64",
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{self.python}.7",
            "python_version": self.python,
            "sys_platform": "linux",
        }
        return Host(
            interpreter=TargetInterpreter(
                python_full_version=f"{self.python}.7",
                implementation="cpython",
                platform="linux-x86_64",
                tags=tuple(tag for text in TAGS for tag in parse_tag(text.format(interpreter))),
                marker_environment=tuple(sorted(markers.items())),
            ),
            key=None,
            distributions=tuple(self.provided),
        )

    def add(self, line: str) -> None:
        """Take one line."""
        word, _, rest = line.partition(" ")
        if word == "ask":
            self.asks += _items(rest, ";")
        elif word == "asks":
            self.asks.append(rest)
        elif word == "picks":
            self.picks = {(item.split()[0], item.split()[1]) for item in _items(rest, ",")}
        elif word == "file":
            project, filename = rest.split()
            self.files[project] = filename
        elif word == "provided":
            self.from_host = set(_items(rest, ","))
        elif word == "fails":
            self.fails.append(rest)
        elif word == "on":
            self.python = rest
        elif word == "plugins":
            index, pattern = rest.split()
            self.policy = replace(self.policy, plugins={**self.policy.plugins, index: (pattern,)})
        elif word == "pre":
            self.policy = replace(self.policy, prereleases=True)
        elif word == "before":
            self.policy = replace(self.policy, uploaded_before=_day(rest))
        elif word == "pin":
            project, version = rest.split()
            pins = {**self.policy.pins, canonicalize_name(project): Version(version)}
            self.policy = replace(self.policy, pins=pins)
        elif word == "host":
            project, version = rest.split()
            self.provided.append(HostDistribution(project=canonicalize_name(project), version=Version(version)))
        else:
            self._publish(word, rest)

    def _publish(self, project: str, rest: str) -> None:
        head, _, needs = rest.partition("needs ")
        version, *flags = head.split()
        options = dict(flag.partition("=")[::2] for flag in flags)
        index = options.get("index", "main")
        catalogue = self.catalogues.setdefault(index, ScenarioCatalogue(index))
        name = canonicalize_name(project)
        stem = f"{name.replace('-', '_')}-{version}"
        requirements = tuple(Requirement(text) for text in _items(needs, "|"))
        extras = {extra for item in requirements for extra in _extras_of(item)}
        build = f"{options['build']}-" if "build" in options else ""
        wheel = f"{stem}-{build}{options.get('tag', 'py3-none-any')}.whl"
        filename = f"{stem}.tar.gz" if "sdist" in options else wheel
        sha256 = hashlib.sha256(f"{index}/{filename}".encode()).hexdigest()
        if "revoked" in options:
            catalogue.revoked[sha256] = Revocation(
                sha256=sha256, project=name, version=version, filename=filename, reason="bad", time=_day("2026-01-01")
            )
        file = IndexFile(
            filename=filename,
            url="x",
            hashes=(("sha256", sha256),),
            size=1,
            upload_time=_day(options["uploaded"]) if "uploaded" in options else None,
            requires_python=SpecifierSet(options["python"]) if "python" in options else None,
            yanked="" if "yanked" in options else None,
            inline_metadata=InlineMetadata(tuple(map(str, requirements)), tuple(extras)),
        )
        catalogue.files.setdefault(name, []).append(file)


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _items(text: str, separator: str) -> list[str]:
    return [item.strip() for item in text.split(separator) if item.strip()]


def _extras_of(requirement: Requirement) -> list[str]:
    text = str(requirement.marker or "")
    return [text.split('"')[1]] if text.startswith("extra ==") else []


def read_scenarios(folder: Path) -> Iterator[Scenario]:
    """All scenarios of a folder's ``.txt`` files."""
    for path in sorted(folder.glob("*.txt")):
        scenario: Scenario | None = None
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("# "):
                if scenario is not None:
                    yield scenario
                scenario = Scenario(f"{path.stem}: {line.removeprefix('# ')}")
            elif line.strip():
                assert scenario is not None, f"{path} starts without a heading"
                scenario.add(line.strip())
        if scenario is not None:
            yield scenario
