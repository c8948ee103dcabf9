"""Which names a wheel's files can be imported by."""

from __future__ import annotations

from collections.abc import Iterable


def import_roots(paths: Iterable[str]) -> tuple[str, ...]:
    """Find the outermost regular packages and modules.

    Args:
        paths: Installed file paths with ``/``, relative to the path entry.

    Returns:
        Dotted names, sorted. A folder without ``__init__`` that holds modules is a PEP 420 namespace: its regular
        packages and modules are named, not itself. Metadata folders and files that are no modules are left out.
    """
    modules: set[tuple[str, ...]] = set()
    packages: set[tuple[str, ...]] = set()
    for path in paths:
        *folders, file = path.split("/")
        name, dot, suffix = file.partition(".")
        if not dot or not suffix.endswith(("py", "so", "pyd")) or not all(part.isidentifier() for part in folders):
            continue
        if suffix != "py" and not suffix.endswith(("so", "pyd")):
            continue
        if name == "__init__" and folders:
            packages.add(tuple(folders))
        elif name.isidentifier():
            modules.add((*folders, name))
    found = packages | modules
    outermost = {parts for parts in found if not any(parts[:depth] in packages for depth in range(1, len(parts)))}
    return tuple(sorted(".".join(parts) for parts in outermost))
