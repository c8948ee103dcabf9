"""Bringing the simple pages up to date with the records, while others do the same.

The order makes a lost update impossible: every page's ETag is read first, then the records are listed, then each page
is replaced only if it still has that ETag. Whoever listed fewer records therefore also holds an older ETag and has
to start again. A page is written only if its bytes change.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass

from packaging.utils import NormalizedName, canonicalize_name

from dioptra.plugins.clock import Clock
from dioptra.plugins.errors import IndexAccessError, ObjectNotFoundError, PreconditionFailedError
from dioptra.plugins.index import layout, views
from dioptra.plugins.index.record import record_from_json
from dioptra.plugins.object_store.port import ObjectEntry, ObjectStore, StoredObject

ATTEMPTS = 40
"""Tries at one view before giving up; with 24 publishers at once a dozen are seen."""

_FIRST_WAIT, _LONGEST_WAIT = 0.02, 2.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a key held when it was read; both None where it held nothing."""

    etag: str | None
    body: bytes | None


def update_project_view(
    store: ObjectStore, project: NormalizedName, *, slash: bool, clock: Clock, executor: Executor
) -> None:
    """Render a project's pages from its records.

    Args:
        store: The index's store.
        project: Whose pages to write.
        slash: Whether the store keeps keys that end in ``/``.
        clock: Waits between two tries.
        executor: Reads records side by side.

    Raises:
        IndexAccessError: The store failed, or others kept winning.
    """
    keys = layout.project_page(project)

    def attempt() -> None:
        seen = {key: _look(store, key) for key in _keys(keys, slash=slash)}
        files = _published_files(store, project, seen[keys.json].body, executor)
        rendered = _for_keys(
            keys, views.render_project_json(project, files), views.render_project_html(project, files), slash=slash
        )
        _write_changed(store, seen, rendered)

    _until_won(attempt, f"the pages of {project} at {store.url}", clock)


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
    wanted, keys = frozenset(projects), layout.ROOT_PAGE

    def attempt() -> None:
        seen = {key: _look(store, key) for key in _keys(keys, slash=slash)}
        listed = wanted | _listed_projects(store, seen[keys.json].body)
        rendered = _for_keys(keys, views.render_root_json(listed), views.render_root_html(listed), slash=slash)
        _write_changed(store, seen, rendered)

    _until_won(attempt, f"the list of projects at {store.url}", clock)


def _keys(keys: layout.ViewKeys, *, slash: bool) -> tuple[str, ...]:
    return (keys.json, keys.html, keys.slash) if slash else (keys.json, keys.html)


def _for_keys(keys: layout.ViewKeys, json_page: bytes, html_page: bytes, *, slash: bool) -> Mapping[str, bytes]:
    return {key: json_page if key == keys.json else html_page for key in _keys(keys, slash=slash)}


def _look(store: ObjectStore, key: str) -> _Seen:
    try:
        stored: StoredObject = store.read(key)
    except ObjectNotFoundError:
        return _Seen(None, None)
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


def _published_files(
    store: ObjectStore, project: NormalizedName, view: bytes | None, executor: Executor
) -> list[views.PublishedFile]:
    carried = views.files_of_view(view) if view is not None else {}

    def load(entry: ObjectEntry) -> views.PublishedFile:
        filename = entry.key.removeprefix(layout.records_prefix(project)).removesuffix(".json")
        known = carried.get(filename)
        if known is not None and known.etag == entry.etag:
            return known
        stored = store.read(entry.key)
        return views.PublishedFile(record=record_from_json(stored.body, source=stored.url), etag=entry.etag)

    return list(executor.map(load, store.list(layout.records_prefix(project))))


def _listed_projects(store: ObjectStore, view: bytes | None) -> frozenset[NormalizedName]:
    if view is None:
        return _recorded_projects(store)
    try:
        return frozenset(canonicalize_name(entry["name"]) for entry in json.loads(view)["projects"])
    except (ValueError, KeyError, TypeError):
        return _recorded_projects(store)


def _recorded_projects(store: ObjectStore) -> frozenset[NormalizedName]:
    """All projects that have a record: the long way, for a list that is missing or unreadable."""
    return frozenset(canonicalize_name(entry.key.split("/")[1]) for entry in store.list("records/"))


def _until_won(attempt: Callable[[], None], what: str, clock: Clock) -> None:
    wait = _FIRST_WAIT
    for _ in range(ATTEMPTS):
        try:
            return attempt()
        except PreconditionFailedError:
            # Full jitter keeps many publishers from meeting again at the same moment.
            clock.sleep(random.uniform(0, wait))  # noqa: S311 - spreads load, guards nothing
            wait = min(wait * 1.6, _LONGEST_WAIT)
    raise IndexAccessError(
        f"{what} could not be written",
        why=f"other publishers won {ATTEMPTS} times in a row",
        hint="run the same publish again: what is uploaded already is kept",
    )
