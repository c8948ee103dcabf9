"""Rendering the simple pages from records and states (PEP 503, 592, 629, 658, 691, 700, 714, 792).

Views are derived: everything in them comes from records and states, the HTML carries what the JSON carries, and the
same records and states always give the same bytes. Our own keys in the JSON start with an underscore, as PEP 691 asks;
with them an entry is a whole record again, so that a page is brought up to date without reading the records it has.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from types import MappingProxyType
from urllib.parse import quote

from packaging.utils import InvalidWheelFilename, NormalizedName

from dioptra.plugins import schema
from dioptra.plugins.index.record import Record, record_from_fields
from dioptra.plugins.index.state import ACTIVE, ProjectState

API_VERSION = "1.4"
"""Repository API version of our pages: PEP 792 adds the status of projects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFile:
    """A record and state together with the entity tags they were read with.

    Attributes:
        record: What was published.
        etag: Entity tag of the record.
        yanked: None if it is not yanked; else the reason, which may be empty.
        state_etag: Entity tag of the state; None where there is none.
    """

    record: Record
    etag: str
    yanked: str | None = None
    state_etag: str | None = None


def offered(files: Iterable[PublishedFile], state: ProjectState) -> list[PublishedFile]:
    """The files that a project's pages name, in their order.

    Args:
        files: Its files without those that were removed.
        state: Its status; a quarantined project offers no files (PEP 792).
    """
    if state.status == "quarantined":
        return []
    return sorted(files, key=lambda file: (file.record.version, file.record.filename))


def render_project_json(project: NormalizedName, files: Iterable[PublishedFile], state: ProjectState = ACTIVE) -> bytes:
    """The PEP 691 page of a project.

    Args:
        project: Its name.
        files: Its files without those that were removed.
        state: Its status; a quarantined project offers no files (PEP 792).
    """
    ordered = offered(files, state)
    status = {"status": state.status, **({"reason": state.reason} if state.reason else {})}
    return _json(
        {
            "meta": {"api-version": API_VERSION},
            "name": project,
            **({} if state == ACTIVE else {"project-status": status}),
            "versions": list(dict.fromkeys(str(file.record.version) for file in ordered)),
            "files": [_entry(file) for file in ordered],
        }
    )


def render_project_html(project: NormalizedName, files: Iterable[PublishedFile], state: ProjectState = ACTIVE) -> bytes:
    """The PEP 503 page of a project; arguments as for `render_project_json`."""
    status: dict[str, str] = {} if state == ACTIVE else {"pypi:project-status": state.status}
    if state.reason:
        status["pypi:project-status-reason"] = state.reason
    return _html(f"Links for {project}", map(_anchor, offered(files, state)), status)


def render_root_json(projects: Iterable[NormalizedName]) -> bytes:
    """The PEP 691 list of projects."""
    return _json(
        {
            "meta": {"api-version": API_VERSION},
            "projects": [{"name": project} for project in sorted(projects)],
        }
    )


def render_root_html(projects: Iterable[NormalizedName]) -> bytes:
    """The PEP 503 list of projects."""
    links = (f'<a href="{quote(project)}/">{escape(project)}</a>' for project in sorted(projects))
    return _html("Simple index", links)


def root_page_names(body: bytes, projects: Iterable[NormalizedName]) -> bool:
    """Tell whether a root page of ours, of either kind, names projects; without reading all that it names.

    Args:
        body: The page.
        projects: Their names.
    """
    # As both pages are rendered. A normalized name needs no escape in either.
    return all(f'{{"name":"{name}"}}'.encode() in body or f'href="{name}/"'.encode() in body for name in projects)


def files_of_view(body: bytes) -> Mapping[str, PublishedFile]:
    """The files that a PEP 691 page of ours carries, by file name.

    An entry that is not whole is left out: it is then read from its record again, as an unknown one is.
    """
    try:
        entries = json.loads(body)["files"]
    except (ValueError, KeyError, TypeError):
        return {}
    if not isinstance(entries, list):
        return {}
    found: dict[str, PublishedFile] = {}
    for entry in entries:
        try:
            file = _file_of_entry(entry)
        except (KeyError, TypeError, ValueError, InvalidWheelFilename):
            continue
        found[file.record.filename] = file
    return found


def _href(record: Record) -> str:
    # "+" of a local version is escaped too: S3 servers read a bare one in a path as a space.
    return f"../../files/{quote(record.project, safe='')}/{quote(record.filename, safe='')}"


def _entry(file: PublishedFile) -> dict[str, object]:
    record = file.record
    sidecar = {"sha256": record.metadata_sha256}
    entry: dict[str, object] = {
        "filename": record.filename,
        "url": _href(record),
        "hashes": {"sha256": record.sha256},
        "size": record.size,
        "upload-time": schema.format_time(record.upload_time),
        "core-metadata": sidecar,
        "dist-info-metadata": sidecar,
        "yanked": False if file.yanked is None else file.yanked or True,
        "_requires-dist": list(record.requires_dist),
        "_provides-extra": list(record.provides_extra),
        "_summary": record.summary,
        "_tasks-sha256": record.tasks_sha256,
        "_record-etag": file.etag,
    }
    if file.state_etag is not None:
        entry["_state-etag"] = file.state_etag
    if record.requires_python:
        entry["requires-python"] = record.requires_python
    return entry


def _file_of_entry(entry: Mapping[str, object]) -> PublishedFile:
    hashes, sidecar, etag = entry["hashes"], entry["core-metadata"], entry["_record-etag"]
    yanked, state_etag = entry["yanked"], entry.get("_state-etag")
    if not isinstance(hashes, dict) or not isinstance(sidecar, dict) or not isinstance(etag, str):
        raise TypeError("hashes, sidecar or entity tag of another type")
    if not isinstance(yanked, bool | str) or not isinstance(state_etag, str | None):
        raise TypeError("yank or entity tag of another type")
    fields = {
        **entry,
        "sha256": hashes["sha256"],
        "metadata-sha256": sidecar["sha256"],
        "requires-python": entry.get("requires-python", ""),
        "requires-dist": entry["_requires-dist"],
        "provides-extra": entry["_provides-extra"],
        "summary": entry["_summary"],
        "tasks-sha256": entry["_tasks-sha256"],
    }
    return PublishedFile(
        record=record_from_fields(fields),
        etag=etag,
        yanked=yanked if isinstance(yanked, str) else ("" if yanked else None),
        state_etag=state_etag,
    )


def _anchor(file: PublishedFile) -> str:
    record = file.record
    sidecar = f"sha256={record.metadata_sha256}"
    attributes = {
        "href": f"{_href(record)}#sha256={record.sha256}",
        "data-requires-python": record.requires_python,
        "data-core-metadata": sidecar,
        "data-dist-info-metadata": sidecar,
    }
    shown = " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items() if value)
    if file.yanked is not None:
        shown += f' data-yanked="{escape(file.yanked)}"'
    return f"<a {shown}>{escape(record.filename)}</a>"


def _json(document: Mapping[str, object]) -> bytes:
    return (json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def _html(title: str, links: Iterable[str], meta: Mapping[str, str] = MappingProxyType({})) -> bytes:
    lines = [
        "<!DOCTYPE html>",
        "<html><head>",
        '<meta charset="utf-8">',
        f'<meta name="pypi:repository-version" content="{API_VERSION}">',
        *(f'<meta name="{name}" content="{escape(value)}">' for name, value in meta.items()),
        f"<title>{escape(title)}</title>",
        "</head><body>",
        f"<h1>{escape(title)}</h1>",
        *(f"{link}<br>" for link in links),
        "</body></html>",
        "",
    ]
    return "\n".join(lines).encode()
