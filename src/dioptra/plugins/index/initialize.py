"""Making an index in an empty bucket prefix or directory."""

from __future__ import annotations

from packaging.utils import NormalizedName

from dioptra.plugins.clock import Clock
from dioptra.plugins.errors import PreconditionFailedError
from dioptra.plugins.index import layout
from dioptra.plugins.index.descriptor import Descriptor, descriptor_to_json, new_descriptor, read_descriptor
from dioptra.plugins.index.view_update import update_root_view
from dioptra.plugins.object_store.port import ObjectStore


def initialize_index(store: ObjectStore, *, name: str, clock: Clock) -> tuple[Descriptor, bool]:
    """Write the descriptor and an empty list of projects.

    An index that is there already is left as it is; an interrupted initialization is finished.

    Args:
        store: Where the index is to be.
        name: What people will call it.
        clock: Waits between two tries at a page.

    Returns:
        The index's descriptor, and whether it was made now.

    Raises:
        IndexAccessError: The store cannot be read or written.
    """
    descriptor = new_descriptor(name, trailing_slash_keys=store.keeps_trailing_slash_keys())
    try:
        store.write(
            layout.DESCRIPTOR_KEY,
            descriptor_to_json(descriptor),
            expected=None,
            content_type=layout.JSON,
            cache_control=layout.REVALIDATE,
        )
        made = True
    except PreconditionFailedError:
        descriptor, made = read_descriptor(store), False
    nothing: tuple[NormalizedName, ...] = ()
    update_root_view(store, nothing, slash=descriptor.trailing_slash_keys, clock=clock)
    return descriptor, made
