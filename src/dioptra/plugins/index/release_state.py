"""Changing the state of releases and projects: yank, project status, removal.

State first, pages second, files last: whoever is killed in between leaves pages that the next change, or
``index rebuild``, brings up to date, and never a page that names a file which is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from packaging.utils import NormalizedName
from packaging.version import Version

from dioptra.plugins.clock import Clock
from dioptra.plugins.errors import UnsatisfiedError
from dioptra.plugins.index import layout
from dioptra.plugins.index.compare_and_swap import replace_document
from dioptra.plugins.index.project_documents import list_records, read_record, stored_wheel
from dioptra.plugins.index.publishing_mode import open_for_writing
from dioptra.plugins.index.record import Record
from dioptra.plugins.index.state import (
    ACTIVE,
    UNTOUCHED,
    FileState,
    ProjectState,
    Removal,
    file_state_from_json,
    file_state_to_json,
    project_state_to_json,
)
from dioptra.plugins.index.view_update import update_project_view
from dioptra.plugins.object_store.port import ListedReader, ObjectStore, StoredObject

_REQUESTS_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """What became of one file.

    Attributes:
        filename: The wheel's file name.
        changed: Whether its state is another one now.
    """

    filename: str
    changed: bool


def yank(
    store: ObjectStore, project: NormalizedName, version: Version, *, reason: str, clock: Clock
) -> tuple[StateChange, ...]:
    """Yank all files of a release (PEP 592): clients skip them unless they are pinned. Nothing is deleted.

    Args:
        store: The index's store.
        project: The project.
        version: The release.
        reason: Why; shown to people by their clients.
        clock: Waits between two tries.

    Returns:
        Its files.

    Raises:
        UnsatisfiedError: There is no such release.
        IndexAccessError: There is no index, or it cannot be read or written.
    """
    return _change(store, project, version, lambda _, state: replace(state, yanked=reason), clock)


def unyank(store: ObjectStore, project: NormalizedName, version: Version, *, clock: Clock) -> tuple[StateChange, ...]:
    """Undo `yank`; arguments and errors as there."""
    return _change(store, project, version, lambda _, state: replace(state, yanked=None), clock)


def remove(
    store: ObjectStore, project: NormalizedName, version: Version, *, reason: str, clock: Clock
) -> tuple[StateChange, ...]:
    """Remove the files of a release for good, where the law asks for it. Records stay, as tombstones do.

    Args:
        store: The index's store.
        project: The project.
        version: The release; nothing can be published under it any more.
        reason: Why.
        clock: Gives the time of the tombstones.

    Returns:
        Its files.

    Raises:
        UnsatisfiedError: There is no such release.
        IndexAccessError: There is no index, or it cannot be read or written.
    """
    now = clock.now().replace(microsecond=0)

    def buried(record: Record, state: FileState) -> FileState:
        if state.removed is not None:
            return state
        return replace(state, removed=Removal(sha256=record.sha256, reason=reason, time=now))

    changed: dict[str, bool] = {}
    while True:
        # Again until nothing changes: a file that was being published meanwhile is of the release too.
        step = _change(store, project, version, buried, clock)
        changed = {item.filename: item.changed or changed.get(item.filename, False) for item in step}
        if not any(item.changed for item in step):
            break
    for entry in list(store.list(layout.files_prefix(project))):
        # By the listing and not by the records: an interrupted publication left files without one.
        wheel = stored_wheel(entry.key, project)
        if wheel is not None and wheel.version == version:
            store.delete(entry.key)
    return tuple(StateChange(filename=filename, changed=changed[filename]) for filename in sorted(changed))


def set_project_status(store: ObjectStore, project: NormalizedName, state: ProjectState, *, clock: Clock) -> bool:
    """Set the status of a project (PEP 792).

    Args:
        store: The index's store.
        project: The project.
        state: Its status and the reason.
        clock: Waits between two tries.

    Returns:
        Whether it was another one before.

    Raises:
        UnsatisfiedError: There is no such project.
        IndexAccessError: There is no index, or it cannot be read or written.
    """
    descriptor, store = open_for_writing(store)
    if not list_records(store, project).documents:
        raise UnsatisfiedError(f"there is no project '{project}' at {store.url}")

    def change(present: StoredObject | None) -> bytes | None:
        return None if present is None and state == ACTIVE else project_state_to_json(state)

    changed = replace_document(store, layout.project_state_key(project), change, clock)
    with ThreadPoolExecutor(_REQUESTS_AT_ONCE) as executor:
        update_project_view(store, project, slash=descriptor.trailing_slash_keys, clock=clock, executor=executor)
    return changed


def release_records(store: ListedReader, project: NormalizedName, version: Version) -> tuple[Record, ...]:
    """Read the records of a release's files.

    Args:
        store: The index's store.
        project: The project.
        version: The release.

    Raises:
        UnsatisfiedError: There is no such release.
        IndexAccessError: The index cannot be read.
    """
    listed = list_records(store, project).documents
    of_it = [document.wheel.filename for document in listed if document.wheel.version == version]
    if not of_it:
        known = ", ".join(str(item) for item in sorted({document.wheel.version for document in listed})[-5:])
        raise UnsatisfiedError(
            f"there is no {project} {version} at {store.url}",
            why=f"its newest releases are {known}" if known else "it has no such project",
        )
    return tuple(read_record(store, project, filename)[0] for filename in of_it)


def _change(
    store: ObjectStore,
    project: NormalizedName,
    version: Version,
    change: Callable[[Record, FileState], FileState],
    clock: Clock,
) -> tuple[StateChange, ...]:
    descriptor, store = open_for_writing(store)
    records: Sequence[Record] = release_records(store, project, version)
    changes = []
    for record in records:

        def document(present: StoredObject | None, record: Record = record) -> bytes | None:
            state = UNTOUCHED if present is None else file_state_from_json(present.body, source=present.url)
            wanted = change(record, state)
            return None if wanted == state else file_state_to_json(wanted)

        key = layout.file_state_key(project, record.filename)
        changes.append(StateChange(filename=record.filename, changed=replace_document(store, key, document, clock)))
    with ThreadPoolExecutor(_REQUESTS_AT_ONCE) as executor:
        # Also where nothing changed: a run that was killed may have left the pages behind.
        update_project_view(store, project, slash=descriptor.trailing_slash_keys, clock=clock, executor=executor)
    return tuple(changes)
