"""Laws of the simple pages: both forms say the same, and a page of ours gives back what it was made of."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name
from packaging.version import Version

from dioptra.plugins.index.pages import parse_project_list, parse_project_page
from dioptra.plugins.index.record import Record
from dioptra.plugins.index.state import STATUSES, ProjectState
from dioptra.plugins.index.views import (
    PublishedFile,
    files_of_view,
    render_project_html,
    render_project_json,
    render_root_html,
    render_root_json,
    root_page_names,
)
from dioptra.plugins.object_store.port import StoredObject

FOG = canonicalize_name("fog")

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20).map(str.strip)
digests = st.text("0123456789abcdef", min_size=64, max_size=64)
versions = st.builds(
    lambda release, suffix: f"{'.'.join(map(str, release))}{suffix}",
    st.lists(st.integers(0, 30), min_size=1, max_size=3),
    st.sampled_from(["", "rc1", ".post2", ".dev3", "+lab.1"]),
)
files = st.builds(
    lambda version, sha256, sidecar, size, python, requires, summary, yanked, has_tasks: PublishedFile(
        record=Record(
            filename=f"fog-{Version(version)}-py3-none-any.whl",
            project=FOG,
            version=Version(version),
            sha256=sha256,
            size=size,
            upload_time=datetime(2026, 1, 1, tzinfo=UTC),
            requires_python=python,
            requires_dist=tuple(requires),
            provides_extra=(),
            summary=summary,
            metadata_sha256=sidecar,
            tasks_sha256=sidecar if has_tasks else None,
        ),
        etag=sha256[:32],
        yanked=yanked,
        state_etag=None if yanked is None else sidecar[:32],
    ),
    versions,
    digests,
    digests,
    st.integers(0, 2**40),
    st.sampled_from(["", ">=3.11", "<4,>=3.9", "!=3.12.*"]),
    st.lists(st.sampled_from(["numpy>=1", 'scipy; extra == "x"', "torch<3"]), max_size=3, unique=True),
    texts,
    st.none() | texts,
    st.booleans(),
)
pages = st.lists(files, max_size=6, unique_by=lambda file: file.record.filename)
states = st.builds(ProjectState, status=st.sampled_from(STATUSES), reason=texts)


def page(body: bytes) -> StoredObject:
    return StoredObject(url="https://host/simple/fog/", body=body, etag="")


@given(pages, states)
def test_both_forms_say_the_same(items: list[PublishedFile], state: ProjectState) -> None:
    one = parse_project_page(FOG, page(render_project_json(FOG, items, state)))
    other = parse_project_page(FOG, page(render_project_html(FOG, items, state)))
    assert len(one.files) == len(other.files) == (0 if state.status == "quarantined" else len(items))
    assert (one.status, one.status_reason) == (other.status, other.status_reason) == (state.status, state.reason)
    for left, right in zip(one.files, other.files, strict=True):
        for field in ("filename", "url", "hashes", "requires_python", "yanked", "metadata_hashes"):
            assert getattr(left, field) == getattr(right, field)


@given(pages)
def test_a_page_gives_back_what_it_was_made_of_in_any_order(items: list[PublishedFile]) -> None:
    body = render_project_json(FOG, items)
    assert files_of_view(body) == {file.record.filename: file for file in items}
    assert render_project_json(FOG, reversed(items)) == body
    assert render_project_html(FOG, reversed(items)) == render_project_html(FOG, items)


names = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True).map(canonicalize_name)


@given(st.sets(names, max_size=6), names)
def test_the_list_of_projects_names_what_it_names(projects: set[str], name: str) -> None:
    known = {canonicalize_name(project) for project in projects}
    for body in (render_root_json(known), render_root_html(known)):
        assert set(parse_project_list(page(body))) == known
        assert root_page_names(body, [canonicalize_name(name)]) == (name in known)
        assert root_page_names(body, known)
