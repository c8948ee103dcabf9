"""Import names that a plugin directory would bring although the host has them.

Path order protects neither side: a regular package behind a host's namespace package takes the namespace over, and a
name that the host has hides the environment's.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from dioptra.pyplugs._leases import Directory
from dioptra.pyplugs._unloading import is_below, modules_below
from dioptra.sdk.exceptions import Collision, PluginDirectoryError


def host_collisions(directory: Directory, own_roots: Sequence[str]) -> list[Collision]:
    """Find the import names of a directory that the host has already.

    Of an environment all import names count. Of a raw folder only regular packages count that would take over a
    namespace package of the host; anything else in it is simply behind the host's.

    Args:
        directory: The directory to be entered.
        own_roots: Folders of all directories that are to be entered; what is found there is not the host's.

    Returns:
        The collisions, in the order of the environment's wheels.
    """
    if directory.environment is None:
        return _takeovers(directory, own_roots)
    from dioptra.manifest.host_imports import host_collisions as find_collisions

    exclude = (*own_roots, *(entry for entry in sys.path if is_below(entry, own_roots)))
    own_modules = modules_below(own_roots)
    found: list[Collision] = []
    for wheel in directory.environment.wheels:
        collisions = find_collisions(wheel.import_roots, exclude=exclude)
        found += [Collision(item.name, f"{wheel.project} {wheel.version}", item.origin) for item in collisions]
        named = {item.name for item in collisions}
        for root in wheel.import_roots:
            module = sys.modules.get(root)
            # Loaded from somewhere that no finder knows (any more): it would be used instead of the wheel's.
            if module is not None and root not in named and root not in own_modules:
                location = getattr(module, "__file__", None) or "a module made while running"
                found.append(Collision(root, f"{wheel.project} {wheel.version}", location))
    return found


def _takeovers(directory: Directory, own_roots: Sequence[str]) -> list[Collision]:
    from dioptra.pyplugs._specs import find_spec, is_namespace, search_locations

    try:
        with os.scandir(directory.entry) as entries:
            packages = sorted(
                entry.name
                for entry in entries
                if entry.name.isidentifier() and os.path.isfile(os.path.join(entry.path, "__init__.py"))  # noqa: PTH113, PTH118
            )
    except OSError as problem:
        raise PluginDirectoryError(directory.directory, why=f"it cannot be read: {problem.strerror}") from problem
    found = []
    for name in packages:
        spec = find_spec(name)
        if spec is not None and is_namespace(spec):
            portions = [portion for portion in search_locations(spec) if not is_below(portion, own_roots)]
            if portions:
                found.append(Collision(name, directory.directory, ", ".join(portions)))
    return found
