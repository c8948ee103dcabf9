"""Making an index in an empty bucket prefix or directory."""

from __future__ import annotations

from dataclasses import replace

from packaging.utils import NormalizedName

from dioptra.plugins.clock import Clock
from dioptra.plugins.errors import PreconditionFailedError
from dioptra.plugins.index import layout
from dioptra.plugins.index.compare_and_swap import replace_document
from dioptra.plugins.index.descriptor import Descriptor, descriptor_from_json, descriptor_to_json, new_descriptor
from dioptra.plugins.index.publishing_mode import SinglePublisherStore, open_for_writing, unsafe_store
from dioptra.plugins.index.view_update import update_root_view
from dioptra.plugins.object_store.port import ObjectStore, StoredObject
from dioptra.plugins.object_store.probe import probe_publishing


def initialize_index(
    store: ObjectStore, *, name: str, clock: Clock, single_publisher: bool = False
) -> tuple[Descriptor, bool]:
    """Write the descriptor and an empty list of projects.

    Of an index that is there already, only who may publish is changed, and only to a single publisher. An interrupted
    initialization is finished.

    Args:
        store: Where the index is to be.
        name: What people will call it.
        clock: Waits between two tries at a page.
        single_publisher: Whether nobody publishes beside another; a store without atomic conditions is refused else.

    Returns:
        The index's descriptor, and whether it was made now.

    Raises:
        UnsatisfiedError: The store does not keep conditional writes.
        IndexAccessError: The store cannot be read or written.
    """
    if not single_publisher:
        failed = [finding for finding in probe_publishing(store) if not finding.passed]
        if failed:
            raise unsafe_store(store.url, "\n".join(f"{item.check}: {item.detail}" for item in failed))
    writer: ObjectStore = SinglePublisherStore(store) if single_publisher else store
    descriptor = new_descriptor(
        name,
        trailing_slash_keys=store.keeps_trailing_slash_keys(),
        publishing="single" if single_publisher else "concurrent",
    )
    try:
        writer.write(
            layout.DESCRIPTOR_KEY,
            descriptor_to_json(descriptor),
            expected=None,
            content_type=layout.JSON,
            cache_control=layout.REVALIDATE,
        )
        made = True
    except PreconditionFailedError:
        made = False
        if single_publisher:
            replace_document(writer, layout.DESCRIPTOR_KEY, _for_single_publisher, clock)
    descriptor, writer = open_for_writing(store)
    nothing: tuple[NormalizedName, ...] = ()
    update_root_view(writer, nothing, slash=descriptor.trailing_slash_keys, clock=clock)
    return descriptor, made


def _for_single_publisher(present: StoredObject | None) -> bytes | None:
    if present is None:
        return None
    return descriptor_to_json(replace(descriptor_from_json(present.body, source=present.url), publishing="single"))
