"""Listing and reading what an index holds of a project: one JSON document a wheel, named by the wheel's file name.

Records and file states are named alike. Whatever else lies beside them, such as a file that an operating system left
there, is no part of the index: it is skipped here and told by ``index verify``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from packaging.utils import InvalidWheelFilename, NormalizedName, canonicalize_name

from dioptra.plugins.errors import ObjectNotFoundError
from dioptra.plugins.index import layout
from dioptra.plugins.index.record import Record, record_from_json
from dioptra.plugins.index.state import (
    ACTIVE,
    UNTOUCHED,
    FileState,
    ProjectState,
    file_state_from_json,
    project_state_from_json,
)
from dioptra.plugins.object_store.port import ListedReader, ObjectEntry
from dioptra.plugins.wheel.model import WheelName

_SUFFIXES = (".metadata", ".tasks.json", "")


@dataclass(frozen=True, slots=True)
class ListedDocument:
    """A document about a wheel, as a listing shows it.

    Attributes:
        key: Its key.
        etag: Its entity tag.
        wheel: The wheel it is about.
    """

    key: str
    etag: str
    wheel: WheelName


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies below a project's prefix.

    Attributes:
        documents: Documents about its wheels, in the order of their keys.
        others: Keys of everything else.
    """

    documents: tuple[ListedDocument, ...]
    others: tuple[str, ...]


def list_records(store: ListedReader, project: NormalizedName) -> Listing:
    """List the records of a project.

    Args:
        store: The index's store.
        project: The project.

    Raises:
        IndexAccessError: The store cannot be listed.
    """
    return _sorted_out(store.list(layout.records_prefix(project)), project)


def list_states(store: ListedReader, project: NormalizedName) -> Listing:
    """List the states of a project's files; the key of the project's own state is among the others.

    Args:
        store: The index's store.
        project: The project.

    Raises:
        IndexAccessError: The store cannot be listed.
    """
    return _sorted_out(store.list(layout.state_prefix(project)), project)


def recorded_projects(store: ListedReader) -> Counter[NormalizedName]:
    """Count the records of every project, with one listing of them all.

    Args:
        store: The index's store.

    Raises:
        IndexAccessError: The store cannot be listed.
    """
    found: Counter[NormalizedName] = Counter()
    for entry in store.list("records/"):
        _, folder, *rest = entry.key.split("/")
        if len(rest) == 1 and rest[0].endswith(".whl.json"):
            found[canonicalize_name(folder)] += 1
    return found


def read_record(store: ListedReader, project: NormalizedName, filename: str) -> tuple[Record, str]:
    """Read a record and its entity tag.

    Args:
        store: The index's store.
        project: The project.
        filename: The wheel.

    Raises:
        ObjectNotFoundError: There is none.
        IndexAccessError: It cannot be read or is malformed.
    """
    stored = store.read(layout.record_key(project, filename))
    return record_from_json(stored.body, source=stored.url), stored.etag


def read_file_state(store: ListedReader, project: NormalizedName, filename: str) -> tuple[FileState, str | None]:
    """Read the state of a file and its entity tag; untouched, and None, where it has none.

    Args:
        store: The index's store.
        project: The project.
        filename: The wheel.

    Raises:
        IndexAccessError: It cannot be read or is malformed.
    """
    try:
        stored = store.read(layout.file_state_key(project, filename))
    except ObjectNotFoundError:
        return UNTOUCHED, None
    return file_state_from_json(stored.body, source=stored.url), stored.etag


def read_project_state(store: ListedReader, project: NormalizedName) -> ProjectState:
    """Read the state of a project; active where it has none.

    Args:
        store: The index's store.
        project: The project.

    Raises:
        IndexAccessError: It cannot be read or is malformed.
    """
    try:
        stored = store.read(layout.project_state_key(project))
    except ObjectNotFoundError:
        return ACTIVE
    return project_state_from_json(stored.body, source=stored.url)


def stored_wheel(key: str, project: NormalizedName) -> WheelName | None:
    """The wheel that an object below ``files/`` is, or is a sidecar of; None for anything else.

    Args:
        key: The object's key.
        project: Whose folder it lies in.
    """
    name = key.rpartition("/")[2]
    suffix = next(suffix for suffix in _SUFFIXES if name.endswith(suffix))
    return _wheel_of(name.removesuffix(suffix), project)


def _sorted_out(entries: Iterable[ObjectEntry], project: NormalizedName) -> Listing:
    documents, others = [], []
    for entry in entries:
        folder, _, name = entry.key.rpartition("/")
        is_direct = folder.count("/") == 1 and name.endswith(".json")
        wheel = _wheel_of(name.removesuffix(".json"), project) if is_direct else None
        if wheel is None:
            others.append(entry.key)
        else:
            documents.append(ListedDocument(entry.key, entry.etag, wheel))
    return Listing(tuple(documents), tuple(others))


def _wheel_of(filename: str, project: NormalizedName) -> WheelName | None:
    try:
        wheel = WheelName.parse(filename)
    except InvalidWheelFilename:
        return None
    return wheel if wheel.project == project else None
