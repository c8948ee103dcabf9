"""The index's key scheme: where every object of a bucket or directory lies, and how it is served.

Keys are relative to the index's root. ``files/``, ``records/`` and ``channels/<name>/<serial>/`` are created once and
never change; ``state/``, ``simple/`` and channel heads are replaced by compare-and-swap.
"""

from __future__ import annotations

from dataclasses import dataclass

from packaging.utils import NormalizedName

DESCRIPTOR_KEY = "dioptra-index.json"

SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
SIMPLE_HTML = "text/html; charset=utf-8"
JSON = "application/json"
WHEEL = "application/octet-stream"
TOML = "application/toml"
METADATA = "text/plain; charset=utf-8"

IMMUTABLE = "public, max-age=31536000, immutable"
"""``Cache-Control`` of objects that never change."""

REVALIDATE = "no-cache"
"""``Cache-Control`` of objects that are replaced: caches ask again with the ETag."""


@dataclass(frozen=True, slots=True)
class ViewKeys:
    """The keys one page is served under.

    Attributes:
        json: PEP 691 page.
        html: PEP 503 page.
        slash: The HTML again under a key ending in ``/``, for clients that ask for a folder of a bucket.
    """

    json: str
    html: str
    slash: str


ROOT_PAGE = ViewKeys("simple/index.json", "simple/index.html", "simple/")


def project_page(project: NormalizedName) -> ViewKeys:
    """Where a project's page lies."""
    folder = f"simple/{project}/"
    return ViewKeys(f"{folder}index.json", f"{folder}index.html", folder)


def project_page_json_key(project: NormalizedName) -> str:
    """Where a project's PEP 691 page lies."""
    return project_page(project).json


def root_page_json_key() -> str:
    """Where the PEP 691 list of projects lies."""
    return ROOT_PAGE.json


def files_prefix(project: NormalizedName) -> str:
    """Common prefix of a project's wheels and their sidecars."""
    return f"files/{project}/"


def file_key(project: NormalizedName, filename: str) -> str:
    """Where a wheel lies."""
    return f"{files_prefix(project)}{filename}"


def metadata_key(project: NormalizedName, filename: str) -> str:
    """Where a wheel's PEP 658 metadata lies."""
    return f"{file_key(project, filename)}.metadata"


def tasks_key(project: NormalizedName, filename: str) -> str:
    """Where a wheel's task manifest lies."""
    return f"{file_key(project, filename)}.tasks.json"


def records_prefix(project: NormalizedName) -> str:
    """Common prefix of a project's records."""
    return f"records/{project}/"


def record_key(project: NormalizedName, filename: str) -> str:
    """Where a file's record lies."""
    return f"{records_prefix(project)}{filename}.json"


def state_prefix(project: NormalizedName) -> str:
    """Common prefix of the states of a project and of its files."""
    return f"state/{project}/"


def project_state_key(project: NormalizedName) -> str:
    """Where a project's state lies."""
    return f"{state_prefix(project)}project.json"


def file_state_key(project: NormalizedName, filename: str) -> str:
    """Where a file's state lies."""
    return f"{state_prefix(project)}{filename}.json"


CANARY_KEY = "simple/.dioptra-conditions"
"""Where writers make sure that the store heeds conditions; publishers may write there."""

CHANNELS_PREFIX = "channels/"
CHANNELS_CANARY_KEY = "channels/.dioptra-conditions"
"""The same for promoters, who may write nowhere else."""
HEAD_NAME = "/head.json"
REVOKED_KEY = "revoked.json"


def channel_head_key(name: str) -> str:
    """Where a channel's head lies."""
    return f"{CHANNELS_PREFIX}{name}{HEAD_NAME}"


def channel_lock_key(name: str, serial: int) -> str:
    """Where one of a channel's locks lies."""
    return f"{CHANNELS_PREFIX}{name}/{serial}/pylock.plugins.toml"
