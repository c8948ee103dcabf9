"""The index's descriptor: what it is called, its identity, and what its store can do."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Literal, get_args

from dioptra.plugins import schema
from dioptra.plugins.errors import IndexAccessError, ObjectNotFoundError
from dioptra.plugins.index.layout import DESCRIPTOR_KEY
from dioptra.plugins.object_store.port import ObjectReader

Publishing = Literal["concurrent", "single"]
_PUBLISHING: tuple[Publishing, ...] = get_args(Publishing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """The content of ``dioptra-index.json``.

    Attributes:
        name: What people call the index.
        identity: A UUID that stays when the index moves to another address.
        trailing_slash_keys: Whether project pages are also written under keys ending in ``/``.
        publishing: Whether several may publish at once (``concurrent``), or one only (``single``).
    """

    name: str
    identity: str
    trailing_slash_keys: bool
    publishing: Publishing = "concurrent"


def new_descriptor(name: str, *, trailing_slash_keys: bool, publishing: Publishing) -> Descriptor:
    """A descriptor with a fresh identity."""
    return Descriptor(
        name=name,
        identity=str(uuid.uuid4()),
        trailing_slash_keys=trailing_slash_keys,
        publishing=publishing,
    )


def descriptor_to_json(descriptor: Descriptor) -> bytes:
    """The descriptor as it is stored."""
    return schema.dump(
        {
            "schema": schema.SCHEMA,
            "name": descriptor.name,
            "uuid": descriptor.identity,
            "publishing": descriptor.publishing,
            "trailing_slash_keys": descriptor.trailing_slash_keys,
        }
    )


def read_descriptor(store: ObjectReader) -> Descriptor:
    """Read an index's descriptor.

    Args:
        store: The index's store.

    Raises:
        IndexAccessError: There is no index at the store's root, it cannot be read, or has a newer major schema.
    """
    try:
        stored = store.read(DESCRIPTOR_KEY)
    except ObjectNotFoundError as absent:
        raise IndexAccessError(
            f"there is no index at {store.url}",
            why=f"{absent.url} does not exist",
            hint=f"dioptra-plugins index init {store.url}",
        ) from absent
    return descriptor_from_json(stored.body, source=stored.url)


def descriptor_from_json(body: bytes, *, source: str) -> Descriptor:
    """Read a stored descriptor.

    Args:
        body: Its bytes.
        source: Its address, for the error.

    Raises:
        IndexAccessError: It is malformed or has a newer major schema.
    """
    document = schema.load(body, source=source)
    name, identity, slash = (document.get(key) for key in ("name", "uuid", "trailing_slash_keys"))
    if not isinstance(name, str) or not isinstance(identity, str) or not isinstance(slash, bool):
        raise IndexAccessError(
            f"{source} is malformed", why="it needs 'name' and 'uuid' (strings) and 'trailing_slash_keys' (a bool)"
        )
    publishing = document.get("publishing")
    if publishing not in _PUBLISHING:
        raise IndexAccessError(
            f"{source} is malformed", why=f"'publishing' is {publishing!r}, wanted 'concurrent' or 'single'"
        )
    return Descriptor(name=name, identity=identity, trailing_slash_keys=slash, publishing=publishing)
