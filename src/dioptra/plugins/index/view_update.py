"""Bringing the simple pages up to date with records and states, while others do the same.

The order makes a lost update impossible: every page's ETag is read first, then records and states are listed, then each
page is replaced only if it still has that ETag. Whoever listed fewer records, or older states, therefore also holds an
older ETag and has to start again. A page is written only if its bytes change.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType

from packaging.utils import NormalizedName, canonicalize_name

from dioptra.plugins.clock import Clock
from dioptra.plugins.errors import ObjectNotFoundError, PreconditionFailedError
from dioptra.plugins.index import layout, views
from dioptra.plugins.index.compare_and_swap import until_won
from dioptra.plugins.index.project_documents import recorded_projects
from dioptra.plugins.index.published_files import published_files
from dioptra.plugins.index.state import ACTIVE, ProjectState
from dioptra.plugins.object_store.port import ObjectStore, StoredObject

_REQUESTS_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a key held when it was read; both None where it held nothing."""

    etag: str | None
    body: bytes | None


_NOTHING = _Seen(None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a publisher knows of a project.

    Attributes:
        files: Files whose records it has read or written, by file name.
        is_first: Whether the project had no record before.
    """

    files: Mapping[str, views.PublishedFile]
    is_first: bool


_UNKNOWN = Written(files={}, is_first=False)


def update_pages(
    store: ObjectStore,
    projects: Sequence[NormalizedName],
    *,
    slash: bool,
    clock: Clock,
    written: Mapping[NormalizedName, Written] = MappingProxyType({}),
) -> Mapping[NormalizedName, frozenset[str]]:
    """Bring the pages of projects, and the list of projects, up to date.

    Args:
        store: The index's store.
        projects: Whose pages; they are listed from now on.
        slash: Whether the store keeps keys that end in ``/``.
        clock: Waits between two tries.
        written: What is known of them already.

    Returns:
        The files that the pages of each offer.

    Raises:
        IndexAccessError: The store failed, or others kept winning.
    """
    with ThreadPoolExecutor(_REQUESTS_AT_ONCE) as writers, ThreadPoolExecutor(_REQUESTS_AT_ONCE) as readers:

        def update(project: NormalizedName) -> frozenset[str]:
            known = written.get(project, _UNKNOWN)
            if known.is_first and _create_pages(store, project, known.files.values(), slash=slash):
                return frozenset(known.files)
            return update_project_view(store, project, slash=slash, clock=clock, executor=readers, written=known.files)

        offered = dict(zip(projects, writers.map(update, projects), strict=True))
    update_root_view(store, projects, slash=slash, clock=clock)
    return offered


def _create_pages(
    store: ObjectStore, project: NormalizedName, files: Iterable[views.PublishedFile], *, slash: bool
) -> bool:
    """Create the pages of a project that had no record, and so no state either; False if there is one by now.

    Nothing has to be listed: whoever has written another record since, or a state, renders after that. Either a page
    of theirs is there, and this one is not created, or they meet this one and render again.
    """
    seen = dict.fromkeys(_keys(layout.project_page(project), slash=slash), _NOTHING)
    try:
        _write_changed(store, seen, render_project(project, files, ACTIVE, slash=slash))
    except PreconditionFailedError:
        return False
    return True


def update_project_view(
    store: ObjectStore,
    project: NormalizedName,
    *,
    slash: bool,
    clock: Clock,
    executor: Executor,
    trust_page: bool = True,
    written: Mapping[str, views.PublishedFile] = MappingProxyType({}),
) -> frozenset[str]:
    """Render a project's pages from its records.

    Args:
        store: The index's store.
        project: Whose pages to write.
        slash: Whether the store keeps keys that end in ``/``.
        clock: Waits between two tries.
        executor: Reads records side by side.
        trust_page: Whether to take from the present page what it carries of unchanged records; else all are read.
        written: Files by name whose records the caller has written, so that they are not read again.

    Returns:
        The files that the pages offer.

    Raises:
        IndexAccessError: The store failed, or others kept winning.
    """
    keys = layout.project_page(project)

    def attempt() -> frozenset[str]:
        seen = {key: _look(store, key) for key in _keys(keys, slash=slash)}
        page = seen[keys.json].body if trust_page else None
        known = {**(views.files_of_view(page) if page is not None else {}), **written}
        files, state = published_files(store, project, known, executor)
        _write_changed(store, seen, render_project(project, files, state, slash=slash))
        return frozenset(file.record.filename for file in views.offered(files, state))

    return until_won(attempt, f"the pages of {project} at {store.url}", clock)


def update_root_view(store: ObjectStore, projects: Iterable[NormalizedName], *, slash: bool, clock: Clock) -> None:
    """Make sure that the list of projects names `projects`.

    The list is not rendered from all records: that would make publishing dearer with every project in the index.

    Args:
        store: The index's store.
        projects: Projects that must be listed.
        slash: Whether the store keeps keys that end in ``/``.
        clock: Waits between two tries.

    Raises:
        IndexAccessError: The store failed, or others kept winning.
    """
    wanted = frozenset(projects)

    def attempt() -> None:
        seen = {key: _look(store, key) for key in _keys(layout.ROOT_PAGE, slash=slash)}
        if all(page.body is not None and views.root_page_names(page.body, wanted) for page in seen.values()):
            return
        listed = wanted | _listed_projects(store, seen[layout.ROOT_PAGE.json].body)
        _write_changed(store, seen, render_root(listed, slash=slash))

    until_won(attempt, f"the list of projects at {store.url}", clock)


def rewrite_root_view(store: ObjectStore, *, slash: bool, clock: Clock) -> None:
    """Make the list of projects name exactly those that have records.

    Args:
        store: The index's store.
        slash: Whether the store keeps keys that end in ``/``.
        clock: Waits between two tries.

    Raises:
        IndexAccessError: The store failed, or others kept winning.
    """

    def attempt() -> None:
        seen = {key: _look(store, key) for key in _keys(layout.ROOT_PAGE, slash=slash)}
        _write_changed(store, seen, render_root(recorded_projects(store), slash=slash))

    until_won(attempt, f"the list of projects at {store.url}", clock)


def render_project(
    project: NormalizedName, files: Iterable[views.PublishedFile], state: ProjectState, *, slash: bool
) -> dict[str, bytes]:
    """Render the pages of a project, by key.

    Args:
        project: Its name.
        files: Its files without those that were removed.
        state: Its status.
        slash: Whether the store keeps keys that end in ``/``.
    """
    shown = list(files)
    json_page = views.render_project_json(project, shown, state)
    return _for_keys(layout.project_page(project), json_page, views.render_project_html(project, shown, state), slash)


def render_root(projects: Iterable[NormalizedName], *, slash: bool) -> dict[str, bytes]:
    """Render the list of projects, by key.

    Args:
        projects: Their names.
        slash: Whether the store keeps keys that end in ``/``.
    """
    names = frozenset(projects)
    return _for_keys(layout.ROOT_PAGE, views.render_root_json(names), views.render_root_html(names), slash)


def _keys(keys: layout.ViewKeys, *, slash: bool) -> tuple[str, ...]:
    return (keys.json, keys.html, keys.slash) if slash else (keys.json, keys.html)


def _for_keys(keys: layout.ViewKeys, json_page: bytes, html_page: bytes, slash: bool) -> dict[str, bytes]:
    return {key: json_page if key == keys.json else html_page for key in _keys(keys, slash=slash)}


def _look(store: ObjectStore, key: str) -> _Seen:
    try:
        stored: StoredObject = store.read(key)
    except ObjectNotFoundError:
        return _NOTHING
    return _Seen(stored.etag, stored.body)


def _write_changed(store: ObjectStore, seen: Mapping[str, _Seen], rendered: Mapping[str, bytes]) -> None:
    for key, body in rendered.items():
        if body != seen[key].body:
            store.write(
                key,
                body,
                expected=seen[key].etag,
                content_type=layout.SIMPLE_JSON if key.endswith(".json") else layout.SIMPLE_HTML,
                cache_control=layout.REVALIDATE,
            )


def _listed_projects(store: ObjectStore, view: bytes | None) -> frozenset[NormalizedName]:
    if view is None:
        return frozenset(recorded_projects(store))
    try:
        return frozenset(canonicalize_name(entry["name"]) for entry in json.loads(view)["projects"])
    except (ValueError, KeyError, TypeError):
        return frozenset(recorded_projects(store))
