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

from dioptra.plugins.clock import Clock
from dioptra.plugins.errors import MalformedDocumentError, ObjectNotFoundError
from dioptra.plugins.index import layout, views
from dioptra.plugins.index.descriptor import read_descriptor
from dioptra.plugins.index.publishing_mode import open_for_writing
from dioptra.plugins.index.record import Record, record_from_json
from dioptra.plugins.index.release_state import read_file_state
from dioptra.plugins.index.state import UNTOUCHED
from dioptra.plugins.index.view_update import (
    published_files,
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
    """Count the records of every project, with one listing.

    Args:
        store: The index's store.

    Returns:
        Records by project; zero for a project that only has pages or files.

    Raises:
        IndexAccessError: The store cannot be listed.
    """
    found: Counter[NormalizedName] = Counter()
    for prefix, weight in (("records/", 1), ("files/", 0), ("simple/", 0)):
        for entry in store.list(prefix):
            parts = entry.key.split("/")
            if len(parts) > 2 and parts[1]:
                found[canonicalize_name(parts[1])] += weight
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
    present = {entry.key: entry.size for entry in store.list(f"files/{project}/")}
    keys = [entry.key for entry in store.list(layout.records_prefix(project))]
    states = frozenset(entry.key for entry in store.list(layout.state_prefix(project)))
    differences: list[Difference] = []
    known: dict[str, views.PublishedFile] = {}
    named: set[str] = set()
    for key, checked in zip(
        keys, readers.map(lambda key: _check_record(store, project, key, present, states), keys), strict=True
    ):
        filename = key.rpartition("/")[2].removesuffix(".json")
        named |= {make(project, filename) for make in _KEYS_OF_A_FILE}
        differences += checked.differences
        if checked.file is not None:
            known[filename] = checked.file
    differences += (
        Difference(key=key, problem="no record names it: a publication was interrupted; publish again or delete it")
        for key in sorted(present.keys() - named)
    )
    try:
        shown, state = published_files(store, project, known, readers)
    except MalformedDocumentError as problem:
        differences.append(Difference(key=layout.records_prefix(project), problem=str(problem)))
    else:
        differences += _compare_pages(store, render_project(project, shown, state, slash=slash))
    return ProjectCheck(project=project, files=len(keys), differences=tuple(differences))


@dataclass(frozen=True, slots=True)
class _Checked:
    """What came of a record: what is wrong with it and its files, and the record if it can be read."""

    differences: Sequence[Difference]
    file: views.PublishedFile | None = None


def _check_record(
    store: ListedReader, project: NormalizedName, key: str, present: Mapping[str, int], states: Collection[str]
) -> _Checked:
    filename = key.rpartition("/")[2].removesuffix(".json")
    stored = store.read(key)
    try:
        record = record_from_json(stored.body, source=stored.url)
    except MalformedDocumentError as problem:
        return _Checked([Difference(key=key, problem=problem.why or str(problem), is_integrity=True)])
    if record.filename != filename or record.project != project:
        found = f"it is the record of {record.project}/{record.filename}"
        return _Checked([Difference(key=key, problem=found, is_integrity=True)])
    file = views.PublishedFile(record=record, etag=stored.etag)
    state_key = layout.file_state_key(project, filename)
    try:
        state = read_file_state(store, project, filename) if state_key in states else UNTOUCHED
    except MalformedDocumentError as problem:
        return _Checked([Difference(key=state_key, problem=problem.why or str(problem))], file)
    if state.removed is not None:
        left = sorted({make(project, filename) for make in _KEYS_OF_A_FILE} & present.keys())
        return _Checked([Difference(key=item, problem="it was removed, and is still there") for item in left], file)
    return _Checked(list(_check_files(store, record, present)), file)


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
