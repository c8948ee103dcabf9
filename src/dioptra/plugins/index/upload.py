"""Uploading a wheel and its sidecars. What lies there already is kept, whoever wrote it.

Several publishers, also of different versions of this program, may upload one wheel at once, and any of them may be the
one whose record counts. So nothing that a record may name is ever replaced by other bytes.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass

from dioptra.manifest.codec import MalformedManifestError, manifest_from_json
from dioptra.manifest.model import SchemaVersionError
from dioptra.plugins.clock import Clock
from dioptra.plugins.errors import PreconditionFailedError, UnsatisfiedError
from dioptra.plugins.index import layout
from dioptra.plugins.index.compare_and_swap import until_won
from dioptra.plugins.index.prepared_wheel import PreparedWheel
from dioptra.plugins.object_store.port import ObjectStore, StoredObject
from dioptra.plugins.wheel.model import WHEEL_LIMIT, WheelName


@dataclass(frozen=True, slots=True)
class SidecarDigests:
    """Lower-case hexadecimal sha256 of the sidecars as they are stored.

    Attributes:
        metadata: Of the PEP 658 metadata.
        tasks: Of the task manifest; None where there is none.
    """

    metadata: str
    tasks: str | None


def upload_wheel(store: ObjectStore, wheel: PreparedWheel, *, clock: Clock) -> SidecarDigests:
    """Upload a wheel with its sidecars.

    Args:
        store: The index's store.
        wheel: What to upload.
        clock: Waits between two tries.

    Raises:
        UnsatisfiedError: Other bytes lie under its name.
        IndexAccessError: The store cannot be read or written, or others kept winning.
    """
    name = wheel.contents.name
    key = layout.file_key(name.project, name.filename)
    try:
        store.write(key, wheel.path, expected=None, content_type=layout.WHEEL, cache_control=layout.IMMUTABLE)
    except PreconditionFailedError:
        # Left by an interrupted publication, or just written by another publisher: ours only if the bytes agree.
        found = _digest_of(store, key)
        if found != wheel.sha256:
            raise other_bytes(store, name.filename, found=found, ours=wheel.sha256) from None
    metadata = _write_sidecar(
        store,
        layout.metadata_key(name.project, name.filename),
        wheel.contents.metadata_bytes,
        layout.METADATA,
        # It is copied from the wheel, so that everybody's is the same; another one was damaged.
        keep=lambda present: present.body == wheel.contents.metadata_bytes,
        clock=clock,
    )
    if wheel.tasks is None:
        return SidecarDigests(metadata, None)
    tasks = _write_sidecar(
        store,
        layout.tasks_key(name.project, name.filename),
        wheel.tasks,
        layout.JSON,
        # Another version of this program may have written it in another form.
        keep=lambda present: _is_manifest_of(name, present),
        clock=clock,
    )
    return SidecarDigests(metadata, tasks)


def other_bytes(store: ObjectStore, filename: str, *, found: str, ours: str) -> UnsatisfiedError:
    """The refusal of a file whose name carries other bytes.

    Args:
        store: The index's store.
        filename: The wheel.
        found: Digest of what is published.
        ours: Digest of what was to be published.
    """
    return UnsatisfiedError(
        f"{filename} is published at {store.url} already, with other bytes",
        why=f"published sha256 {found}, this file's sha256 {ours}; published files never change",
        hint="raise the version in pyproject.toml, build and publish again",
    )


def _digest_of(store: ObjectStore, key: str) -> str:
    with tempfile.TemporaryFile() as copy:
        store.download(key, copy, limit=WHEEL_LIMIT)
        copy.seek(0)
        return hashlib.file_digest(copy, "sha256").hexdigest()


def _write_sidecar(
    store: ObjectStore,
    key: str,
    body: bytes,
    content_type: str,
    *,
    keep: Callable[[StoredObject], bool],
    clock: Clock,
) -> str:
    """Write a sidecar unless one is there that can be kept; returns the sha256 of what lies there then."""

    def attempt() -> bytes:
        try:
            store.write(key, body, expected=None, content_type=content_type, cache_control=layout.IMMUTABLE)
        except PreconditionFailedError:
            present = store.read(key)
            if keep(present):
                return present.body
            store.write(key, body, expected=present.etag, content_type=content_type, cache_control=layout.IMMUTABLE)
        return body

    return hashlib.sha256(until_won(attempt, store.address(key), clock)).hexdigest()


def _is_manifest_of(name: WheelName, present: StoredObject) -> bool:
    try:
        manifest = manifest_from_json(present.body, source=present.url)
    except SchemaVersionError:
        return True  # written by a newer version of this program
    except MalformedManifestError:
        return False
    return (manifest.project, manifest.version) == (name.project, str(name.version))
