"""Simple pages: what is rendered is read back, and foreign pages are read or refused whole."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from dioptra.plugins.errors import IndexAccessError
from dioptra.plugins.index.pages import parse_inline_metadata, parse_project_list, parse_project_page
from dioptra.plugins.index.record import Record, record_from_json, record_to_json
from dioptra.plugins.index.views import (
    PublishedFile,
    files_of_view,
    render_project_html,
    render_project_json,
    render_root_html,
    render_root_json,
)
from dioptra.plugins.object_store.port import StoredObject

FOG = canonicalize_name("fog")


def record(version: str = "1.0", **changes: object) -> Record:
    values: dict[str, object] = {
        "filename": f"fog-{version}-py3-none-any.whl",
        "project": FOG,
        "version": Version(version),
        "sha256": "a" * 64,
        "size": 123,
        "upload_time": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "requires_python": ">=3.11,<4",
        "requires_dist": ('numpy>=1; extra == "x"', "scipy"),
        "provides_extra": ("x",),
        "summary": 'Fog "and" <smoke> é',
        "metadata_sha256": "b" * 64,
        "tasks_sha256": None,
        **changes,
    }
    return Record(**values)  # type: ignore[arg-type]  # the values above have the fields' types


def page(body: str | bytes, content_type: str = "") -> StoredObject:
    encoded = body.encode() if isinstance(body, str) else body
    return StoredObject(url="https://host/simple/fog/", body=encoded, etag="", content_type=content_type)


def test_a_record_is_read_back() -> None:
    assert record_from_json(record_to_json(record()), source="x") == record()


def test_a_page_of_ours_gives_back_whole_records() -> None:
    files = [PublishedFile(record=record(version), etag=version) for version in ("1.0", "1.0+lab.1", "2.0rc1")]
    rendered = render_project_json(FOG, reversed(files))
    assert files_of_view(rendered) == {file.record.filename: file for file in files}
    assert json.loads(rendered)["versions"] == ["1.0", "1.0+lab.1", "2.0rc1"]


def test_json_and_html_say_the_same() -> None:
    files = [PublishedFile(record=record(version), etag="e") for version in ("1.0", "2.0+lab.1")]
    json_page = parse_project_page(FOG, page(render_project_json(FOG, files)))
    html_page = parse_project_page(FOG, page(render_project_html(FOG, files)))
    for one, other in zip(json_page.files, html_page.files, strict=True):
        for field in ("filename", "url", "hashes", "requires_python", "yanked", "metadata_hashes"):
            assert getattr(one, field) == getattr(other, field)
    assert json_page.files[1].url == "../../files/fog/fog-2.0%2Blab.1-py3-none-any.whl"
    assert json_page.files[0].size == 123
    assert json_page.files[0].inline_metadata is not None
    inline = parse_inline_metadata(json_page, json_page.files[0], json_page.files[0].inline_metadata)
    assert [str(item) for item in inline.requires_dist] == ['numpy>=1; extra == "x"', "scipy"]


def test_root_pages_say_the_same() -> None:
    projects = [canonicalize_name("b"), canonicalize_name("a")]
    assert parse_project_list(page(render_root_json(projects))) == ("a", "b")
    assert parse_project_list(page(render_root_html(projects))) == ("a", "b")


def test_a_view_that_is_not_ours_carries_nothing() -> None:
    assert files_of_view(b"<html>") == {}
    assert files_of_view(b'{"files": [{"filename": "fog-1.0-py3-none-any.whl"}]}') == {}


def test_a_foreign_html_page_with_everything() -> None:
    body = """<!DOCTYPE html><html><head><base href="https://files.example.org/x/">
    <meta name="pypi:repository-version" content="1.1"></head><body>
    <a href="fog-1.0-py3-none-any.whl#sha256=AB12" data-requires-python="&gt;=3.8" data-yanked="bad &amp; old"
       data-dist-info-metadata="sha256=CD">fog-1.0-py3-none-any.whl</a>
    <a href="../fog-0.9.tar.gz" data-yanked data-requires-python=">=3.*.broken">fog-0.9.tar.gz</a></body></html>"""
    found = parse_project_page(FOG, page(body, "text/html"))
    wheel, source = found.files
    assert found.url == "https://files.example.org/x/"
    assert (wheel.sha256, wheel.yanked, wheel.metadata_hashes) == ("ab12", "bad & old", (("sha256", "cd"),))
    assert wheel.requires_python == SpecifierSet(">=3.8")
    assert (source.yanked, source.requires_python, source.metadata_hashes) == ("", None, None)


def test_pep_714_prefers_the_new_name_of_the_sidecar() -> None:
    entry = {"filename": "f", "url": "f", "core-metadata": False, "dist-info-metadata": {"sha256": "a"}}
    body = json.dumps({"meta": {"api-version": "1.1"}, "files": [entry]})
    assert parse_project_page(FOG, page(body)).files[0].metadata_hashes is None


def test_malformed_dependencies_are_refused_when_somebody_asks() -> None:
    body = '{"files": [{"filename": "fog-1.0-py3-none-any.whl", "url": "f", "_requires-dist": ["???"]}]}'
    found = parse_project_page(FOG, page(body))
    assert found.files[0].inline_metadata is not None
    with pytest.raises(IndexAccessError, match=r"host/simple/fog/ is malformed: fog-1\.0-py3-none-any\.whl"):
        parse_inline_metadata(found, found.files[0], found.files[0].inline_metadata)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no page",
        "{",
        "[]",
        "{}",
        '{"meta": {"api-version": "2.0"}, "files": []}',
        '{"files": [1]}',
        '{"files": [{"filename": "f"}]}',
        '{"files": [{"filename": "f", "url": "f", "size": "3"}]}',
        '{"files": [{"filename": "f", "url": "f", "hashes": {"sha256": 3}}]}',
        '{"files": [{"filename": "f", "url": "f", "upload-time": "yesterday"}]}',
        '{"files": [{"filename": "fog-1.0-py3-none-any.whl", "url": "f", "_requires-dist": [1]}]}',
        '<html><head><meta name="pypi:repository-version" content="2.0"></head><body></body></html>',
        b"<html>\xff</html>",
    ],
)
def test_a_malformed_page_is_refused_with_its_address(body: str | bytes) -> None:
    with pytest.raises(IndexAccessError, match="https://host/simple/fog/ is malformed"):
        parse_project_page(FOG, page(body))
