"""Which releases take no more files: those of closed projects (PEP 792), and those that were removed."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Executor

from packaging.utils import NormalizedName
from packaging.version import Version

from dioptra.plugins.errors import UnsatisfiedError
from dioptra.plugins.index import layout
from dioptra.plugins.index.project_documents import list_states, read_file_state, read_project_state
from dioptra.plugins.object_store.port import ListedReader
from dioptra.plugins.wheel.model import WheelName

_CLOSED = frozenset({"archived", "quarantined"})


def refuse_closed_releases(store: ListedReader, wheels: Iterable[WheelName], executor: Executor) -> None:
    """Refuse wheels of projects that take no files, and of releases that were removed.

    Args:
        store: The index's store.
        wheels: What is to be published.
        executor: Asks for several projects side by side.

    Raises:
        UnsatisfiedError: Some are refused; names all of them.
        IndexAccessError: The store cannot be read.
    """
    by_project: dict[NormalizedName, list[WheelName]] = {}
    for wheel in wheels:
        by_project.setdefault(wheel.project, []).append(wheel)
    problems = [
        line for lines in executor.map(lambda item: _problems(store, *item), by_project.items()) for line in lines
    ]
    if problems:
        raise UnsatisfiedError(
            f"{store.url} does not take what is published here",
            why="\n".join(problems),
            hint="dioptra-plugins index status PROJECT active opens a project; publish under another version otherwise",
        )


def _problems(store: ListedReader, project: NormalizedName, wheels: list[WheelName]) -> list[str]:
    listed = list_states(store, project)
    problems: dict[Version | None, str] = {}
    if layout.project_state_key(project) in listed.others:
        state = read_project_state(store, project)
        if state.status in _CLOSED:
            problems[None] = f"{project} is {state.status}: {state.reason or 'no reason is given'}"
    # A tombstone closes its whole release: another file of it would carry the same name and version.
    wanted = {wheel.version for wheel in wheels}
    for document in listed.documents:
        version = document.wheel.version
        if version not in wanted or version in problems:
            continue
        removed = read_file_state(store, project, document.wheel.filename)[0].removed
        if removed is not None:
            problems[version] = f"{project} {version} was removed on {removed.time:%Y-%m-%d}: {removed.reason}"
    return list(problems.values())
