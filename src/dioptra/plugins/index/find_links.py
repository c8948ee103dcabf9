"""A page of presigned links, for ``--find-links`` of pip and uv in a job that has no credentials."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape

from packaging.utils import NormalizedName

from dioptra.plugins.index import layout
from dioptra.plugins.index.model import IndexFile, ProjectPage

LONGEST_SECONDS = 7 * 24 * 3600
"""A SigV4 URL works for a week at most."""


def render_find_links(pages: Iterable[ProjectPage], presign: Callable[[str], str], *, only: frozenset[str]) -> str:
    """Render links to the files of projects.

    Args:
        pages: The projects' pages.
        presign: From a key of the index to a URL that needs no credentials.
        only: Digests of the files to link; empty for all that are not yanked.

    Returns:
        An HTML page, with digests as fragments, in the pages' order.
    """
    links = [
        _link(page.project, file, presign)
        for page in pages
        for file in page.files
        if (file.sha256 in only if only else file.yanked is None)
    ]
    return "\n".join(["<!DOCTYPE html>", "<html><body>", *links, "</body></html>", ""])


def _link(project: NormalizedName, file: IndexFile, presign: Callable[[str], str]) -> str:
    url = f"{presign(layout.file_key(project, file.filename))}#sha256={file.sha256}"
    python = "" if file.requires_python is None else f' data-requires-python="{escape(str(file.requires_python))}"'
    return f'<a href="{escape(url)}"{python}>{escape(file.filename)}</a><br>'
