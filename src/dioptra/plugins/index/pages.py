"""Simple repository pages as values: reading any of them (PEP 503, 592, 629, 658, 691, 700, 714, 792).

Pages come from foreign servers too: whatever cannot be understood is an `IndexAccessError` that names the page,
never a shorter list of files. Rendering our own pages is `dioptra.plugins.index.views`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidWheelFilename, NormalizedName, canonicalize_name, parse_wheel_filename

from dioptra.plugins.errors import IndexAccessError
from dioptra.plugins.index.model import IndexFile, InlineMetadata, ProjectPage
from dioptra.plugins.object_store.port import StoredObject
from dioptra.plugins.wheel.model import CoreMetadata

API_MAJOR = 1
"""Major version of the repository API (PEP 629) that is understood."""


def parse_project_page(project: NormalizedName, page: StoredObject) -> ProjectPage:
    """Read one project's page.

    Args:
        project: Whose page it is.
        page: The page as it was read; JSON and HTML are told apart by content type, else by the first byte.

    Returns:
        Its files in the page's order.

    Raises:
        IndexAccessError: It is malformed, or has a newer major API version.
    """
    try:
        if _is_json(page):
            document = _document(page)
            files = tuple(_json_file(entry) for entry in _list(document, "files"))
            status, reason = _status(document)
            return ProjectPage(project=project, url=page.url, files=files, status=status, status_reason=reason)
        html = _parsed(page)
        return ProjectPage(
            project=project,
            url=_base(page, html),
            files=tuple(_html_file(anchor) for anchor in html.anchors),
            status=html.meta.get("pypi:project-status", "active"),
            status_reason=html.meta.get("pypi:project-status-reason", ""),
        )
    except (ValueError, TypeError, KeyError) as problem:
        raise _malformed(page, problem) from problem


def parse_inline_metadata(page: ProjectPage, file: IndexFile, inline: InlineMetadata) -> CoreMetadata:
    """Read what a page of ours says of a wheel's dependencies.

    Args:
        page: The page.
        file: The wheel.
        inline: What the page says of it.

    Raises:
        IndexAccessError: It is malformed.
    """
    try:
        _, version, _, _ = parse_wheel_filename(file.filename)
        requirements = tuple(map(Requirement, inline.requires_dist))
    except (InvalidWheelFilename, InvalidRequirement) as problem:
        raise IndexAccessError(f"the page {page.url} is malformed", why=f"{file.filename}: {problem}") from problem
    return CoreMetadata(
        name=page.project,
        version=version,
        requires_python=file.requires_python,
        requires_dist=requirements,
        provides_extra=frozenset(map(canonicalize_name, inline.provides_extra)),
    )


def parse_project_list(page: StoredObject) -> tuple[NormalizedName, ...]:
    """Read an index's list of projects.

    Args:
        page: The root page as it was read.

    Returns:
        Normalized names in the page's order.

    Raises:
        IndexAccessError: It is malformed, or has a newer major API version.
    """
    try:
        if _is_json(page):
            names = [_string(entry, "name") for entry in _list(_document(page), "projects")]
        else:
            names = [anchor.text for anchor in _parsed(page).anchors]
    except (ValueError, TypeError, KeyError) as problem:
        raise _malformed(page, problem) from problem
    return tuple(canonicalize_name(name) for name in names)


def _malformed(page: StoredObject, problem: Exception) -> IndexAccessError:
    return IndexAccessError(
        f"the page {page.url} is malformed",
        why=str(problem) if not isinstance(problem, KeyError) else f"key {problem} is missing",
        hint="check that the URL names a simple repository (PEP 503 or 691)",
    )


def _is_json(page: StoredObject) -> bool:
    media_type = page.content_type.partition(";")[0].strip().lower()
    if media_type.endswith(("+json", "/json")):
        return True
    if media_type in {"text/html", "application/vnd.pypi.simple.v1+html"}:
        return False
    return page.body.lstrip()[:1] == b"{"


def _document(page: StoredObject) -> Mapping[str, object]:
    document = json.loads(page.body)
    if not isinstance(document, dict):
        raise TypeError("the top level is not an object")
    meta = document.get("meta")
    version = _string(meta, "api-version") if isinstance(meta, dict) else "1.0"
    _check_version(version)
    return document


def _check_version(version: str) -> None:
    major = version.partition(".")[0]
    if not major.isdigit() or int(major) != API_MAJOR:
        raise ValueError(f"repository API version {version!r} is not {API_MAJOR}.x (PEP 629)")


def _list(document: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    value = document[key]
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise TypeError(f"key {key!r} is not a list of objects")
    return value


def _string(table: Mapping[str, object], key: str) -> str:
    value = table[key]
    if not isinstance(value, str):
        raise TypeError(f"key {key!r} is {value!r}, not a string")
    return value


def _optional_string(table: Mapping[str, object], key: str) -> str | None:
    return None if table.get(key) is None else _string(table, key)


def _json_file(entry: Mapping[str, object]) -> IndexFile:
    size = entry.get("size")
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 0):
        raise TypeError(f"size {size!r} is not a number of bytes")
    uploaded = _optional_string(entry, "upload-time")
    # PEP 714 renamed the key; its older spelling is read only where the new one is absent.
    sidecar = entry["core-metadata"] if "core-metadata" in entry else entry.get("dist-info-metadata", False)
    yanked = entry.get("yanked", False)
    return IndexFile(
        filename=_string(entry, "filename"),
        url=_string(entry, "url"),
        hashes=_hashes(entry.get("hashes", {})),
        size=size,
        upload_time=None if uploaded is None else datetime.fromisoformat(uploaded),
        requires_python=_specifier(_optional_string(entry, "requires-python")),
        yanked=yanked if isinstance(yanked, str) else ("" if yanked else None),
        metadata_hashes=_sidecar(sidecar),
        inline_metadata=_inline_metadata(entry),
    )


def _sidecar(value: object) -> tuple[tuple[str, str], ...] | None:
    if not value:
        return None
    return () if value is True else _hashes(value)


def _hashes(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict) or not all(isinstance(digest, str) for digest in value.values()):
        raise TypeError(f"hashes {value!r} is not an object of strings")
    return tuple(sorted((str(name), digest.lower()) for name, digest in value.items()))


def _inline_metadata(entry: Mapping[str, object]) -> InlineMetadata | None:
    """Dependencies that our own pages carry under keys with an underscore (PEP 691 leaves those to the index)."""
    if entry.get("_requires-dist") is None:
        return None
    return InlineMetadata(_texts(entry["_requires-dist"]), _texts(entry.get("_provides-extra", [])))


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TypeError("'_requires-dist' and '_provides-extra' must be lists of strings")
    return tuple(value)


@lru_cache(maxsize=1024)
def _specifier(text: str | None) -> SpecifierSet | None:
    if not text:
        return None
    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        # Old releases on public indexes carry specifiers that no longer parse (">=3.6.*"); clients treat them as
        # absent, and refusing the page would hide every sound file beside them.
        return None


class _Anchor:
    def __init__(self, attributes: Mapping[str, str | None]) -> None:
        self.attributes = attributes
        self.text = ""


class _AnchorParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.anchors: list[_Anchor] = []
        self.base: str | None = None
        self.meta: dict[str, str] = {}
        self.is_page = False
        self._open: _Anchor | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.is_page |= tag in {"html", "body", "a"}
        if tag == "a" and attributes.get("href"):
            self._open = _Anchor(attributes)
            self.anchors.append(self._open)
        elif tag == "base" and self.base is None:
            self.base = attributes.get("href")
        elif tag == "meta" and attributes.get("name") and attributes.get("content"):
            self.meta[str(attributes["name"])] = str(attributes["content"])

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._open = None

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self._open.text += data.strip()


def _parsed(page: StoredObject) -> _AnchorParser:
    parser = _AnchorParser()
    parser.feed(page.body.decode("utf-8"))
    parser.close()
    if not parser.is_page:
        raise ValueError("it is no HTML page")
    _check_version(parser.meta.get("pypi:repository-version", "1.0"))
    return parser


def _base(page: StoredObject, parser: _AnchorParser) -> str:
    return urljoin(page.url, parser.base) if parser.base else page.url


def _status(document: Mapping[str, object]) -> tuple[str, str]:
    """A project's status and its reason (PEP 792)."""
    table = document.get("project-status")
    if table is None:
        return "active", ""
    if not isinstance(table, dict):
        raise TypeError("key 'project-status' is not an object")
    return _optional_string(table, "status") or "active", _optional_string(table, "reason") or ""


def _html_file(anchor: _Anchor) -> IndexFile:
    url, fragment = urldefrag(anchor.attributes["href"] or "")
    name, separator, digest = fragment.partition("=")
    sidecar = anchor.attributes.get("data-core-metadata", anchor.attributes.get("data-dist-info-metadata"))
    return IndexFile(
        filename=anchor.text or unquote(urlsplit(url).path.rpartition("/")[2]),
        url=url,
        hashes=((name, digest.lower()),) if separator and name in _HASH_NAMES else (),
        requires_python=_specifier(anchor.attributes.get("data-requires-python")),
        yanked=(anchor.attributes["data-yanked"] or "") if "data-yanked" in anchor.attributes else None,
        metadata_hashes=_html_sidecar(sidecar),
    )


_HASH_NAMES = frozenset({"md5", "sha1", "sha224", "sha256", "sha384", "sha512"})


def _html_sidecar(value: str | None) -> tuple[tuple[str, str], ...] | None:
    if not value or value == "false":
        return None
    name, separator, digest = value.partition("=")
    return ((name, digest.lower()),) if separator and name in _HASH_NAMES else ()
