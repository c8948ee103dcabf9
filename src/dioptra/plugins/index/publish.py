"""Publishing wheels: check everything, then wheel → sidecars → record → views.

A crash between two steps leaves an orphan and never a dangling link; publishing the same wheel again finishes it.
Published bytes never change: the same file is a no-op, other bytes under a published name are refused.
"""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from packaging.utils import NormalizedName
from packaging.version import Version

from dioptra.manifest.codec import manifest_to_json
from dioptra.manifest.distribution import scan_distribution
from dioptra.plugins.clock import Clock
from dioptra.plugins.errors import (
    ConfigurationError,
    PreconditionFailedError,
    UnsatisfiedError,
    WheelRefusedError,
)
from dioptra.plugins.index import layout
from dioptra.plugins.index.closed_releases import refuse_closed_releases
from dioptra.plugins.index.publishing_mode import open_for_writing
from dioptra.plugins.index.record import Record, make_record, record_from_json, record_to_json
from dioptra.plugins.index.view_update import Written, update_pages
from dioptra.plugins.index.views import PublishedFile
from dioptra.plugins.object_store.port import ObjectStore
from dioptra.plugins.wheel.archive import read_wheel
from dioptra.plugins.wheel.check import installed_path
from dioptra.plugins.wheel.model import WHEEL_LIMIT, WheelContents

REQUESTS_AT_ONCE = 32

Status = Literal["published", "unchanged"]
"""Published now, or unchanged because the same bytes were published before."""
_UNCHANGED: Status = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What became of one wheel.

    Attributes:
        filename: Wheel file name.
        project: Normalized project name.
        version: Release.
        sha256: Lower-case hexadecimal digest.
        size: Bytes.
        status: What became of it.
    """

    filename: str
    project: NormalizedName
    version: Version
    sha256: str
    size: int
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """A checked wheel with everything that will be written for it."""

    path: Path
    contents: WheelContents
    sha256: str
    size: int
    tasks: bytes | None


def publish(paths: Sequence[Path], store: ObjectStore, *, clock: Clock) -> tuple[Publication, ...]:
    """Publish wheels.

    Args:
        paths: Wheel files. All of them are checked before anything is written.
        store: The index's store.
        clock: Gives upload times.

    Returns:
        One publication a wheel, in the order given.

    Raises:
        ConfigurationError: A path is no wheel file.
        WheelRefusedError: Wheels have problems; carries those of all of them.
        UnsatisfiedError: A name is published already with other bytes, a release was removed, or a project is archived
            or quarantined; or the store does not keep conditional writes.
        IndexAccessError: There is no index, or it cannot be read or written.
    """
    descriptor, store = open_for_writing(store)
    prepared = _prepare_all(paths)
    projects = sorted({wheel.contents.name.project for wheel in prepared})
    slash = descriptor.trailing_slash_keys
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as workers:
        present = dict(zip(projects, workers.map(partial(_recorded, store), projects), strict=True))
        # A project without records has no states.
        names = [wheel.contents.name for wheel in prepared if present[wheel.contents.name.project]]
        refuse_closed_releases(store, names, workers)

        def publish_file(wheel: _Prepared) -> tuple[PublishedFile, Status]:
            name = wheel.contents.name
            return _publish_file(store, wheel, clock, is_recorded=name.filename in present[name.project])

        published = list(workers.map(publish_file, prepared))
    files: dict[NormalizedName, dict[str, PublishedFile]] = {project: {} for project in projects}
    for file, _ in published:
        files[file.record.project][file.record.filename] = file
    written = {project: Written(files=files[project], is_first=not present[project]) for project in projects}
    update_pages(store, projects, slash=slash, clock=clock, written=written)
    return tuple(_publication(file.record, status) for file, status in published)


def _publication(record: Record, status: Status) -> Publication:
    return Publication(
        filename=record.filename,
        project=record.project,
        version=record.version,
        sha256=record.sha256,
        size=record.size,
        status=status,
    )


def _recorded(store: ObjectStore, project: NormalizedName) -> frozenset[str]:
    """The files that a project has records of."""
    prefix = layout.records_prefix(project)
    return frozenset(entry.key.removeprefix(prefix).removesuffix(".json") for entry in store.list(prefix))


def _prepare_all(paths: Sequence[Path]) -> list[_Prepared]:
    names = [path.name for path in paths]
    for path in paths:
        if not path.is_file():
            raise ConfigurationError(f"{path} is not a file", hint="dioptra-plugins build PROJECT makes a wheel")
        if names.count(path.name) > 1:
            raise ConfigurationError(f"{path.name} is given twice", hint="name each wheel once")
    prepared: list[_Prepared] = []
    refused: list[WheelRefusedError] = []
    for path in paths:
        try:
            prepared.append(_prepare(path))
        except WheelRefusedError as refusal:
            refused.append(refusal)
    if len(refused) == 1:
        raise refused[0]
    if refused:
        problems = [f"{refusal.wheel}: {problem}" for refusal in refused for problem in refusal.problems]
        raise WheelRefusedError(f"{len(refused)} of {len(paths)} wheels", problems)
    return prepared


def _prepare(path: Path) -> _Prepared:
    if path.stat().st_size > WHEEL_LIMIT:
        raise WheelRefusedError(path.name, [f"it has {path.stat().st_size} bytes; at most {WHEEL_LIMIT} are published"])
    contents = read_wheel(path, path.name)
    with path.open("rb") as wheel:
        sha256 = hashlib.file_digest(wheel, "sha256").hexdigest()
    return _Prepared(
        path=path, contents=contents, sha256=sha256, size=path.stat().st_size, tasks=_task_manifest(path, contents)
    )


def _task_manifest(path: Path, contents: WheelContents) -> bytes | None:
    if not contents.entry_points:
        return None
    # Entry points name what is installed: files of .data/purelib move up.
    members = {
        place: line.path
        for line in contents.files
        if (place := installed_path(line.path, contents.dist_info)) is not None
    }
    with zipfile.ZipFile(path) as archive:
        manifest = scan_distribution(
            project=contents.name.project,
            version=str(contents.name.version),
            entry_points=contents.entry_points,
            files=members,
            read=lambda place: archive.read(members[place]),
        )
    return manifest_to_json(manifest)


def _publish_file(
    store: ObjectStore, wheel: _Prepared, clock: Clock, *, is_recorded: bool
) -> tuple[PublishedFile, Status]:
    name = wheel.contents.name
    if is_recorded:
        published, status = _read_record(store, name.project, name.filename), _UNCHANGED
    else:
        _upload(store, wheel)
        record = make_record(
            wheel.contents,
            sha256=wheel.sha256,
            size=wheel.size,
            metadata_sha256=hashlib.sha256(wheel.contents.metadata_bytes).hexdigest(),
            tasks_sha256=None if wheel.tasks is None else hashlib.sha256(wheel.tasks).hexdigest(),
            upload_time=clock.now(),
        )
        published, status = _create_record(store, record)
    if published.record.sha256 != wheel.sha256:
        raise _other_bytes(store, name.filename, found=published.record.sha256, ours=wheel.sha256)
    return published, status


def _read_record(store: ObjectStore, project: NormalizedName, filename: str) -> PublishedFile:
    stored = store.read(layout.record_key(project, filename))
    return PublishedFile(record=record_from_json(stored.body, source=stored.url), etag=stored.etag)


def _create_record(store: ObjectStore, record: Record) -> tuple[PublishedFile, Status]:
    """Write the record, or return the one that another publisher wrote first."""
    try:
        etag = store.write(
            layout.record_key(record.project, record.filename),
            record_to_json(record),
            expected=None,
            content_type=layout.JSON,
            cache_control=layout.IMMUTABLE,
        )
    except PreconditionFailedError:
        return _read_record(store, record.project, record.filename), _UNCHANGED
    return PublishedFile(record=record, etag=etag), "published"


def _upload(store: ObjectStore, wheel: _Prepared) -> None:
    name = wheel.contents.name
    key = layout.file_key(name.project, name.filename)
    try:
        store.write(key, wheel.path, expected=None, content_type=layout.WHEEL, cache_control=layout.IMMUTABLE)
    except PreconditionFailedError:
        # Left by an interrupted publication, or just written by another publisher: ours only if the bytes agree.
        found = _digest_of(store, key)
        if found != wheel.sha256:
            raise _other_bytes(store, name.filename, found=found, ours=wheel.sha256) from None
    metadata_key = layout.metadata_key(name.project, name.filename)
    _write_sidecar(store, metadata_key, wheel.contents.metadata_bytes, layout.METADATA)
    if wheel.tasks is not None:
        _write_sidecar(store, layout.tasks_key(name.project, name.filename), wheel.tasks, layout.JSON)


def _digest_of(store: ObjectStore, key: str) -> str:
    with tempfile.TemporaryFile() as copy:
        store.download(key, copy, limit=WHEEL_LIMIT)
        copy.seek(0)
        return hashlib.file_digest(copy, "sha256").hexdigest()


def _write_sidecar(store: ObjectStore, key: str, body: bytes, content_type: str) -> None:
    expected: str | None = None
    try:
        store.write(key, body, expected=None, content_type=content_type, cache_control=layout.IMMUTABLE)
    except PreconditionFailedError:
        # No record names this sidecar yet, so that one of an interrupted publication by another version of this
        # program may be replaced.
        present = store.read(key)
        if present.body != body:
            expected = present.etag
            store.write(key, body, expected=expected, content_type=content_type, cache_control=layout.IMMUTABLE)


def _other_bytes(store: ObjectStore, filename: str, *, found: str, ours: str) -> UnsatisfiedError:
    return UnsatisfiedError(
        f"{filename} is published at {store.url} already, with other bytes",
        why=f"published sha256 {found}, this file's sha256 {ours}; published files never change",
        hint="raise the version in pyproject.toml, build and publish again",
    )
