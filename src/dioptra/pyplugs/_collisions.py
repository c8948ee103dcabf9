"""Import names that a plugin directory would bring although the host has them.

Path order protects neither side: a regular package behind a host's namespace package takes the namespace over, and a
name that the host has hides the environment's.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from dioptra.pyplugs._leases import Directory
from dioptra.pyplugs._unloading import is_below, modules_below
from dioptra.sdk.exceptions import Collision, PluginDirectoryError


def host_collisions(directory: Directory, own_roots: Sequence[str]) -> list[Collision]:
    """Find the import names of a directory that the host has already.

    Of an environment all import names count. Of a develop folder those count that the host does not have from the same
    project. Of a raw folder only regular packages count that would take over a namespace package of the host; anything
    else in it is simply behind the host's.

    Args:
        directory: The directory to be entered.
        own_roots: Folders of all directories that are to be entered; what is found there is not the host's.

    Returns:
        The collisions, sorted by name.
    """
    if directory.develop is not None:
        project = directory.develop.project
        found = _known_to_finders(project.import_roots, own_roots)
        replaced = _host_distribution(project.project)
        return [
            Collision(name, f"{project.project} {project.version}", origin)
            for name, origin in sorted(found.items())
            if name not in replaced
        ]
    if directory.environment is None:
        return _takeovers(directory, own_roots)
    brought = {root: wheel for wheel in directory.environment.wheels for root in wheel.import_roots}
    found = {**_loaded(brought, own_roots), **_known_to_finders(brought, own_roots)}
    collisions = []
    for name, origin in sorted(found.items()):
        wheel = next(brought[root] for root in sorted(brought) if root == name or root.startswith(f"{name}."))
        collisions.append(Collision(name, f"{wheel.project} {wheel.version}", origin))
    return collisions


def _known_to_finders(import_roots: Sequence[str] | Mapping[str, object], own_roots: Sequence[str]) -> dict[str, str]:
    """Import roots that a finder of the host has, or names above them, with the place."""
    from dioptra.manifest.host_imports import host_collisions as find_collisions

    exclude = (*own_roots, *(entry for entry in sys.path if is_below(entry, own_roots)))
    return {item.name: item.origin for item in find_collisions(import_roots, exclude=exclude)}


def _loaded(import_roots: Mapping[str, object], own_roots: Sequence[str]) -> dict[str, str]:
    """Import roots that are loaded from elsewhere; no finder may know them any more, and yet they would be used."""
    loaded = [root for root in import_roots if root in sys.modules]
    own = modules_below(own_roots) if loaded else {}
    return {
        root: getattr(sys.modules[root], "__file__", None) or "a module made while running"
        for root in loaded
        if root not in own
    }


def _host_distribution(project: str) -> set[str]:
    """Import names that the host's own distribution of a project brings; a develop folder may stand in for these."""
    from dioptra.manifest.installed import installed_plugins, scan_installed

    names: set[str] = set()
    for distribution in installed_plugins(sys.path):
        if distribution.project != project:
            continue
        files = [*(distribution.files or ()), *(module.path for module in scan_installed(distribution).modules)]
        for file in files:
            parts = file.removesuffix(".py").split("/")
            names.update(".".join(parts[:count]) for count in range(1, len(parts) + 1))
    return names


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
