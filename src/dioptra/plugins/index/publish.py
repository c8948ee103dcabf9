"""Publishing wheels: check everything, then wheel → sidecars → record → views.

A crash between two steps leaves an orphan and never a dangling link; publishing the same wheel again finishes it.
Published bytes never change: the same file is a no-op, other bytes under a published name are refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from packaging.utils import NormalizedName
from packaging.version import Version

from dioptra.plugins.clock import Clock
from dioptra.plugins.errors import PreconditionFailedError, UnsatisfiedError
from dioptra.plugins.index import layout
from dioptra.plugins.index.closed_releases import refuse_closed_releases
from dioptra.plugins.index.file_names import refuse_file_names
from dioptra.plugins.index.prepared_wheel import PreparedWheel, prepare_wheels
from dioptra.plugins.index.project_documents import list_records, read_record
from dioptra.plugins.index.publishing_mode import open_for_writing
from dioptra.plugins.index.record import Record, make_record, record_to_json
from dioptra.plugins.index.upload import other_bytes, upload_wheel
from dioptra.plugins.index.view_update import Written, update_pages
from dioptra.plugins.index.views import PublishedFile
from dioptra.plugins.object_store.port import ObjectStore

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


def publish(
    paths: Sequence[Path], store: ObjectStore, *, clock: Clock, normal_names_only: bool = True
) -> tuple[Publication, ...]:
    """Publish wheels.

    Args:
        paths: Wheel files. All of them are checked before anything is written.
        store: The index's store.
        clock: Gives upload times.
        normal_names_only: Whether file names must be spelled in the normal form, as they are by whoever builds wheels
            today; wheels that others built may not be.

    Returns:
        One publication a wheel, in the order given.

    Raises:
        ConfigurationError: A path is no wheel file.
        WheelRefusedError: Wheels have problems; carries those of all of them.
        UnsatisfiedError: A name is published already with other bytes or in another spelling, a release was removed, or
            a project is archived or quarantined; or the store does not keep conditional writes.
        IndexAccessError: There is no index, or it cannot be read or written.
    """
    descriptor, store = open_for_writing(store)
    prepared = prepare_wheels(paths)
    projects = sorted({wheel.contents.name.project for wheel in prepared})
    slash = descriptor.trailing_slash_keys
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as workers:
        listings = workers.map(partial(list_records, store), projects)
        present = {
            project: frozenset(document.wheel for document in listing.documents)
            for project, listing in zip(projects, listings, strict=True)
        }
        names = [wheel.contents.name for wheel in prepared]
        refuse_file_names(names, present, normal_only=normal_names_only)
        # A project without records has no states.
        refuse_closed_releases(store, [name for name in names if present[name.project]], workers)

        def publish_file(wheel: PreparedWheel) -> tuple[PublishedFile, Status]:
            name = wheel.contents.name
            return _publish_file(store, wheel, clock, is_recorded=name in present[name.project])

        results = list(workers.map(publish_file, prepared))
    files: dict[NormalizedName, dict[str, PublishedFile]] = {project: {} for project in projects}
    for file, _ in results:
        files[file.record.project][file.record.filename] = file
    written = {project: Written(files=files[project], is_first=not present[project]) for project in projects}
    offered = update_pages(store, projects, slash=slash, clock=clock, written=written)
    _refuse_hidden([file.record for file, _ in results], offered, store.url)
    return tuple(_publication(file.record, status) for file, status in results)


def _refuse_hidden(records: Iterable[Record], offered: Mapping[NormalizedName, Collection[str]], url: str) -> None:
    """Tell of files that the pages do not name: somebody closed their project or release after we had looked."""
    hidden = [record for record in records if record.filename not in offered[record.project]]
    if hidden:
        release = f"{hidden[0].project}=={hidden[0].version}"
        raise UnsatisfiedError(
            f"{url} does not offer what was published here",
            why="\n".join(
                f"{record.filename}: its release was removed, or {record.project} quarantined, meanwhile"
                for record in hidden
            ),
            hint=f"dioptra-plugins index remove {release} --reason REASON takes away the files of a removed release",
        )


def _publication(record: Record, status: Status) -> Publication:
    return Publication(
        filename=record.filename,
        project=record.project,
        version=record.version,
        sha256=record.sha256,
        size=record.size,
        status=status,
    )


def _publish_file(
    store: ObjectStore, wheel: PreparedWheel, clock: Clock, *, is_recorded: bool
) -> tuple[PublishedFile, Status]:
    name = wheel.contents.name
    if is_recorded:
        published, status = _published(store, name.project, name.filename), _UNCHANGED
    else:
        sidecars = upload_wheel(store, wheel, clock=clock)
        record = make_record(
            wheel.contents,
            sha256=wheel.sha256,
            size=wheel.size,
            metadata_sha256=sidecars.metadata,
            tasks_sha256=sidecars.tasks,
            upload_time=clock.now(),
        )
        published, status = _create_record(store, record)
    if published.record.sha256 != wheel.sha256:
        raise other_bytes(store, name.filename, found=published.record.sha256, ours=wheel.sha256)
    return published, status


def _published(store: ObjectStore, project: NormalizedName, filename: str) -> PublishedFile:
    record, etag = read_record(store, project, filename)
    return PublishedFile(record=record, etag=etag)


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
        return _published(store, record.project, record.filename), _UNCHANGED
    return PublishedFile(record=record, etag=etag), "published"
