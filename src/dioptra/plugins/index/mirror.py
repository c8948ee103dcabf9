"""Copying wheels of other indexes into one, so that a closed network needs no other.

What is copied is published like anything else: checked, recorded, never replaced. Each group of wheels is published
before the next is downloaded, so that an interrupted run goes on where it was.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from packaging.utils import NormalizedName

from dioptra.plugins.clock import Clock
from dioptra.plugins.errors import ObjectNotFoundError
from dioptra.plugins.host_model import Host
from dioptra.plugins.index import layout, views
from dioptra.plugins.index.catalogue_port import Catalogue
from dioptra.plugins.index.publish import Publication, publish
from dioptra.plugins.index.publishing_mode import open_for_writing
from dioptra.plugins.index.view_update import update_pages
from dioptra.plugins.lock.download import download_locked
from dioptra.plugins.lock.locking import make_lock
from dioptra.plugins.lock.model import LockedWheel
from dioptra.plugins.object_store.port import ListedReader, ObjectStore

_AT_ONCE = 16


def wheels_for(
    requirements: Sequence[str], catalogues: Sequence[Catalogue], targets: Iterable[Host]
) -> tuple[LockedWheel, ...]:
    """Resolve requirements for every target.

    Args:
        requirements: What is asked for (PEP 508).
        catalogues: Indexes in the order they are searched.
        targets: For whom.

    Returns:
        All wheels that any of them needs, each once, by file name.

    Raises:
        UnsatisfiedError: There is no resolution for one of them.
        ConfigurationError: A text is no requirement.
        IndexAccessError: An index cannot be read.
    """
    found: dict[str, LockedWheel] = {}
    for target in targets:
        found.update((wheel.filename, wheel) for wheel in make_lock(requirements, catalogues, [target]).wheels)
    return tuple(found[filename] for filename in sorted(found))


def mirror(
    wheels: Sequence[LockedWheel], catalogues: Mapping[str, Catalogue], store: ObjectStore, *, clock: Clock
) -> Iterator[Publication]:
    """Copy wheels into an index.

    Args:
        wheels: What to copy, with digests and sizes.
        catalogues: The indexes they come from, by name.
        store: The index they go to.
        clock: Gives upload times.

    Yields:
        One publication a wheel; wheels that are there already are not downloaded.

    Raises:
        UnsatisfiedError: A name is published there with other bytes, or is closed.
        WheelRefusedError: A wheel has problems.
        IntegrityError: A wheel is not the file that its index or lock says.
        IndexAccessError: An index cannot be read or written.
    """
    listed = _listed(store, {wheel.project for wheel in wheels})
    missing = []
    for wheel in wheels:
        if listed.get(wheel.filename) == wheel.sha256:
            yield Publication(
                filename=wheel.filename,
                project=wheel.project,
                version=wheel.version,
                sha256=wheel.sha256,
                size=wheel.size,
                status="unchanged",
            )
        else:
            missing.append(wheel)
    for group in _groups(missing):
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(_AT_ONCE) as workers:

            def fetch(wheel: LockedWheel, folder: str = folder) -> Path:
                place = Path(folder) / wheel.filename
                with place.open("xb") as file:
                    download_locked(wheel, catalogues[wheel.index], file)
                return place

            yield from publish(list(workers.map(fetch, group)), store, clock=clock, normal_names_only=False)
    # A run that was killed may have left pages behind of wheels that are there.
    left = sorted({wheel.project for wheel in wheels} - {wheel.project for wheel in missing})
    if left:
        descriptor, writer = open_for_writing(store)
        update_pages(writer, left, slash=descriptor.trailing_slash_keys, clock=clock)


def _groups(wheels: Sequence[LockedWheel]) -> Iterator[Sequence[LockedWheel]]:
    return (wheels[start : start + _AT_ONCE] for start in range(0, len(wheels), _AT_ONCE))


def _listed(store: ListedReader, projects: Iterable[NormalizedName]) -> Mapping[str, str]:
    """Digests by file name, of what the pages name: what only a record names was not published to its end."""

    def read(project: NormalizedName) -> Mapping[str, views.PublishedFile]:
        try:
            return views.files_of_view(store.read(layout.project_page_json_key(project)).body)
        except ObjectNotFoundError:
            return {}

    with ThreadPoolExecutor(_AT_ONCE) as readers:
        pages = readers.map(read, sorted(projects))
        return {filename: file.record.sha256 for page in pages for filename, file in page.items()}
