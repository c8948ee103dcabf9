"""Refusing wheels that would hide, or be hidden by, what the host can import."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from dioptra.manifest.host_imports import host_collisions
from dioptra.plugins.errors import IntegrityError
from dioptra.plugins.plugin_directory.layout import PluginDirectory
from dioptra.plugins.plugin_directory.wheel_store import StoredWheel

_PROVIDED = "lock on this host without --no-host, so that what it has is provided by it"
_RENAME = "rename the import package: names of the standard library and of dioptra belong to nobody else"


def refuse_host_names(wheels: Sequence[StoredWheel], directory: PluginDirectory) -> None:
    """Check the import names of an environment against the running interpreter.

    Args:
        wheels: What the environment will hold.
        directory: Its plugin directory: an environment of it that is active in this process is not the host's.

    Raises:
        IntegrityError: The host has some of the names; lists each with the wheel and the host's place.
    """
    own = (f"{directory.root}{os.sep}", f"{directory.root.resolve()}{os.sep}")
    exclude = [*own, *(entry for entry in sys.path if f"{entry}{os.sep}".startswith(own))]
    owners = {root: stored.wheel for stored in wheels for root in stored.wheel.import_roots}
    collisions = host_collisions(owners, exclude=exclude)
    if not collisions:
        return
    lines = []
    for collision in collisions:
        brought_by = sorted(
            f"{wheel.project} {wheel.version}"
            for root, wheel in owners.items()
            if f"{root}.".startswith(f"{collision.name}.")
        )
        lines.append(f"{collision.name} of {', '.join(brought_by)}: the host has it at {collision.origin}")
    raise IntegrityError(
        "the locked wheels bring import names that the host has",
        why="\n".join(lines),
        hint=_RENAME if any(_is_taken(item.name) for item in collisions) else _PROVIDED,
    )


def _is_taken(name: str) -> bool:
    """Whether no distribution of a host could provide a name."""
    top = name.partition(".")[0]
    return top in sys.stdlib_module_names or top == "dioptra"
