"""What a project's pages show: its records with their states, without releases that were removed."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor

from packaging.utils import NormalizedName

from dioptra.plugins.index import layout, views
from dioptra.plugins.index.project_documents import (
    ListedDocument,
    list_records,
    list_states,
    read_file_state,
    read_project_state,
    read_record,
)
from dioptra.plugins.index.state import ACTIVE, UNTOUCHED, FileState, ProjectState
from dioptra.plugins.object_store.port import ListedReader


def published_files(
    store: ListedReader, project: NormalizedName, known: Mapping[str, views.PublishedFile], executor: Executor
) -> tuple[list[views.PublishedFile], ProjectState]:
    """Collect what a project's pages show.

    Args:
        store: The index's store.
        project: Whose files.
        known: Files by name whose records and states need not be read if they still have the same ETags.
        executor: Reads records and states side by side.

    Returns:
        Its files without those that were removed, and its status.

    Raises:
        IndexAccessError: The store failed, or a record or state is malformed.
    """
    records = list_records(store, project).documents
    states = list_states(store, project)

    def read_state(document: ListedDocument) -> tuple[FileState, str | None]:
        file = known.get(document.wheel.filename)
        if file is not None and file.state_etag == document.etag:
            return FileState(yanked=file.yanked), file.state_etag
        return read_file_state(store, project, document.wheel.filename)

    by_name = {
        document.wheel.filename: state
        for document, state in zip(states.documents, executor.map(read_state, states.documents), strict=True)
    }
    removed = {
        document.wheel.version
        for document in states.documents
        if by_name[document.wheel.filename][0].removed is not None
    }

    def load(document: ListedDocument) -> views.PublishedFile:
        filename = document.wheel.filename
        file = known.get(filename)
        if file is None or file.etag != document.etag:
            record, etag = read_record(store, project, filename)
        else:
            record, etag = file.record, file.etag
        state, state_etag = by_name.get(filename, (UNTOUCHED, None))
        return views.PublishedFile(record=record, etag=etag, yanked=state.yanked, state_etag=state_etag)

    # Nothing of a release that was removed is offered, whichever of its files has the tombstone.
    files = list(executor.map(load, (document for document in records if document.wheel.version not in removed)))
    if layout.project_state_key(project) not in states.others:
        return files, ACTIVE
    return files, read_project_state(store, project)
