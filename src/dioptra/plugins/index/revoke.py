"""Revoking a release: the brake for one that is malicious or leaked.

``revoked.json`` first, then every channel's head, so that followers learn of it with the one request that they make,
then the pages, where the release is yanked for other clients. Revoking again finishes a run that was killed.
"""

from __future__ import annotations

import hashlib

from packaging.utils import NormalizedName
from packaging.version import Version

from dioptra.plugins import schema
from dioptra.plugins.clock import Clock
from dioptra.plugins.index import layout
from dioptra.plugins.index.compare_and_swap import replace_document
from dioptra.plugins.index.publishing_mode import open_for_writing
from dioptra.plugins.index.release_state import release_records, yank
from dioptra.plugins.index.revocation import Revocation, revocations_from_json, revocations_to_json
from dioptra.plugins.object_store.port import ObjectStore, StoredObject


def revoke(
    store: ObjectStore, project: NormalizedName, version: Version, *, reason: str, clock: Clock
) -> tuple[Revocation, ...]:
    """Revoke all files of a release; nothing can undo it.

    Args:
        store: The index's store.
        project: The project.
        version: The release.
        reason: Why.
        clock: Gives the time.

    Returns:
        What is revoked, with the reason and time of the first revocation of each file.

    Raises:
        UnsatisfiedError: There is no such release.
        IndexAccessError: There is no index, or it cannot be read or written.
    """
    _, store = open_for_writing(store)
    now = clock.now().replace(microsecond=0)
    added = {
        record.sha256: Revocation(
            sha256=record.sha256,
            project=project,
            version=str(version),
            filename=record.filename,
            reason=reason,
            time=now,
        )
        for record in release_records(store, project, version)
    }

    def change(present: StoredObject | None) -> bytes:
        known = {} if present is None else revocations_from_json(present.body, source=present.url)
        return revocations_to_json({**added, **known}.values())

    replace_document(store, layout.REVOKED_KEY, change, clock)
    stored = store.read(layout.REVOKED_KEY)
    _touch_heads(store, hashlib.sha256(stored.body).hexdigest(), clock)
    yank(store, project, version, reason=f"revoked: {reason}", clock=clock)
    known = revocations_from_json(stored.body, source=stored.url)
    return tuple(known[sha256] for sha256 in sorted(added))


def _touch_heads(store: ObjectStore, digest: str, clock: Clock) -> None:
    def touched(present: StoredObject | None) -> bytes | None:
        if present is None:
            return None  # the channel was removed meanwhile
        return schema.dump({**schema.load(present.body, source=present.url), "revocations": digest})

    for entry in store.list(layout.CHANNELS_PREFIX):
        if entry.key.endswith(layout.HEAD_NAME):
            replace_document(store, entry.key, touched, clock)
