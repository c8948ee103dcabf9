"""Checking a whole index, and restoring its pages from what is immutable.

Records are the source of truth: files and sidecars must have the digests that they state, pages must be what records
and states give. One project at a time is held in memory, a few side by side.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from dioptra.plugins.clock import Clock
from dioptra.plugins.errors import MalformedDocumentError, ObjectNotFoundError
from dioptra.plugins.index import layout, views
from dioptra.plugins.index.descriptor import read_descriptor
from dioptra.plugins.index.project_documents import (
    ListedDocument,
    list_records,
    list_states,
    read_file_state,
    read_record,
    recorded_projects,
    stored_wheel,
)
from dioptra.plugins.index.published_files import published_files
from dioptra.plugins.index.publishing_mode import open_for_writing
from dioptra.plugins.index.record import Record
from dioptra.plugins.index.view_update import (
    render_project,
    render_root,
    rewrite_root_view,
    update_project_view,
)
from dioptra.plugins.object_store.port import ListedReader, ObjectStore
from dioptra.plugins.wheel.model import WHEEL_LIMIT

_PROJECTS_AT_ONCE = 8
_FILES_AT_ONCE = 16
_KEYS_OF_A_FILE = (layout.file_key, layout.metadata_key, layout.tasks_key)

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something that is not what it should be.

    Attributes:
        key: Where, relative to the index's root.
        problem: What was found and what was wanted.
        is_integrity: Whether published bytes are not those that were published; else pages or leftovers.
    """

    key: str
    problem: str
    is_integrity: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectCheck:
    """What was found for one project.

    Attributes:
        project: Its name; empty for the list of projects.
        files: Published files that were looked at.
        differences: What is wrong, by key.
    """

    project: str
    files: int
    differences: tuple[Difference, ...]


def count_files(store: ListedReader) -> Counter[NormalizedName]:
    """Count the records of every project, with one listing of everything but states.

    Args:
        store: The index's store.

    Returns:
        Records by project; zero for a project that only has pages or files.

    Raises:
        IndexAccessError: The store cannot be listed.
    """
    found = recorded_projects(store)
    for prefix in ("files/", "simple/"):
        for entry in store.list(prefix):
            parts = entry.key.split("/")
            if len(parts) > 2 and parts[1]:
                found[canonicalize_name(parts[1])] += 0
    return found


def verify_index(store: ListedReader, projects: Counter[NormalizedName]) -> Iterator[ProjectCheck]:
    """Recompute every digest and page.

    Args:
        store: The index's store.
        projects: What `count_files` found.

    Yields:
        One check a project in the order of their names, and one for the list of projects at the end.

    Raises:
        IndexAccessError: There is no index, or it cannot be read.
    """
    slash = read_descriptor(store).trailing_slash_keys
    with ThreadPoolExecutor(_PROJECTS_AT_ONCE) as checkers, ThreadPoolExecutor(_FILES_AT_ONCE) as readers:
        yield from _side_by_side(
            checkers, lambda project: _check_project(store, project, slash=slash, readers=readers), sorted(projects)
        )
    wanted = render_root((name for name, count in projects.items() if count), slash=slash)
    yield ProjectCheck(project="", files=0, differences=tuple(_compare_pages(store, wanted)))


def rebuild_index(store: ObjectStore, projects: Counter[NormalizedName], *, clock: Clock) -> Iterator[NormalizedName]:
    """Render all pages anew from records and states.

    Args:
        store: The index's store.
        projects: What `count_files` found.
        clock: Waits between two tries at a page.

    Yields:
        Each project when its pages are done; the list of projects is done at the end.

    Raises:
        IndexAccessError: There is no index, it cannot be read or written, or a record or state is malformed.
    """
    descriptor, store = open_for_writing(store)
    slash = descriptor.trailing_slash_keys
    with ThreadPoolExecutor(_PROJECTS_AT_ONCE) as writers, ThreadPoolExecutor(_FILES_AT_ONCE) as readers:

        def rebuild(project: NormalizedName) -> NormalizedName:
            update_project_view(store, project, slash=slash, clock=clock, executor=readers, trust_page=False)
            return project

        yield from _side_by_side(writers, rebuild, sorted(projects))
    rewrite_root_view(store, slash=slash, clock=clock)


def _side_by_side(executor: Executor, do: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
    """Results in order, with only a few items begun ahead, so that their number does not matter."""
    begun: deque[Future[_Result]] = deque()
    for item in items:
        begun.append(executor.submit(do, item))
        if len(begun) > 2 * _PROJECTS_AT_ONCE:
            yield begun.popleft().result()
    while begun:
        yield begun.popleft().result()


def _check_project(store: ListedReader, project: NormalizedName, *, slash: bool, readers: Executor) -> ProjectCheck:
    present = {entry.key: entry.size for entry in store.list(layout.files_prefix(project))}
    records, states = list_records(store, project), list_states(store, project)
    removed, differences = _removed_versions(store, project, states.documents)
    kept = [document for document in records.documents if document.wheel.version not in removed]
    checks = list(readers.map(lambda document: _check_record(store, project, document, present), kept))
    differences += (difference for check in checks for difference in check.differences)
    strangers = [*records.others, *(key for key in states.others if key != layout.project_state_key(project))]
    differences += (Difference(key=key, problem="it is no document of the index; delete it") for key in strangers)
    filenames = [document.wheel.filename for document in kept]
    named = {make(project, filename) for filename in filenames for make in _KEYS_OF_A_FILE}
    differences += (_leftover(key, project, removed) for key in sorted(present.keys() - named))
    known = {check.file.record.filename: check.file for check in checks if check.file is not None}
    try:
        shown, state = published_files(store, project, known, readers)
    except MalformedDocumentError as problem:
        differences.append(Difference(key=layout.records_prefix(project), problem=str(problem)))
    else:
        differences += _compare_pages(store, render_project(project, shown, state, slash=slash))
    return ProjectCheck(project=project, files=len(records.documents), differences=tuple(differences))


def _removed_versions(
    store: ListedReader, project: NormalizedName, states: Iterable[ListedDocument]
) -> tuple[frozenset[Version], list[Difference]]:
    removed: set[Version] = set()
    differences = []
    for document in states:
        try:
            state, _ = read_file_state(store, project, document.wheel.filename)
        except MalformedDocumentError as problem:
            differences.append(Difference(key=document.key, problem=problem.why or str(problem)))
        else:
            removed |= {document.wheel.version} if state.removed is not None else set()
    return frozenset(removed), differences


def _leftover(key: str, project: NormalizedName, removed: Collection[Version]) -> Difference:
    wheel = stored_wheel(key, project)
    if wheel is not None and wheel.version in removed:
        command = f"dioptra-plugins index remove {project}=={wheel.version}"
        return Difference(key=key, problem=f"its release was removed, and it is still there: {command} deletes it")
    return Difference(key=key, problem="no record names it: a publication was interrupted; publish again or delete it")


@dataclass(frozen=True, slots=True)
class _Checked:
    """What came of a record: what is wrong with it and its files, and the record if it can be read."""

    differences: Sequence[Difference]
    file: views.PublishedFile | None = None


def _check_record(
    store: ListedReader, project: NormalizedName, document: ListedDocument, present: Mapping[str, int]
) -> _Checked:
    try:
        record, etag = read_record(store, project, document.wheel.filename)
    except MalformedDocumentError as problem:
        return _Checked([Difference(key=document.key, problem=problem.why or str(problem), is_integrity=True)])
    if record.filename != document.wheel.filename:
        found = f"it is the record of {record.project}/{record.filename}"
        return _Checked([Difference(key=document.key, problem=found, is_integrity=True)])
    return _Checked(list(_check_files(store, record, present)), views.PublishedFile(record=record, etag=etag))


def _check_files(store: ListedReader, record: Record, present: Mapping[str, int]) -> Iterator[Difference]:
    wanted = {
        layout.file_key(record.project, record.filename): record.sha256,
        layout.metadata_key(record.project, record.filename): record.metadata_sha256,
    }
    if record.tasks_sha256 is not None:
        wanted[layout.tasks_key(record.project, record.filename)] = record.tasks_sha256
    for key, sha256 in wanted.items():
        if key not in present:
            yield Difference(key=key, problem="it is missing", is_integrity=True)
            continue
        sink = _Digest()
        store.download(key, sink, limit=max(WHEEL_LIMIT, present[key]))
        if sink.sha256.hexdigest() != sha256:
            problem = f"found sha256 {sink.sha256.hexdigest()}, its record says {sha256}"
            yield Difference(key=key, problem=problem, is_integrity=True)


def _compare_pages(store: ListedReader, wanted: dict[str, bytes]) -> Iterator[Difference]:
    for key, body in wanted.items():
        try:
            found = store.read(key).body
        except ObjectNotFoundError:
            yield Difference(key=key, problem="the page is missing")
            continue
        if found != body:
            yield Difference(key=key, problem=f"the page is not what the records give{_file_changes(key, found, body)}")


def _file_changes(key: str, found: bytes, wanted: bytes) -> str:
    """Which files a project's JSON page has too many or too few of."""
    if not key.endswith(".json"):
        return ""
    there, right = views.files_of_view(found).keys(), views.files_of_view(wanted).keys()
    changes = [f"lacks {name}" for name in sorted(right - there)] + [f"has {name}" for name in sorted(there - right)]
    return f": it {', '.join(changes)}" if changes else ""


class _Digest:
    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes, /) -> None:
        self.sha256.update(data)
