"""Which names the files of a distribution can be imported by."""

from __future__ import annotations

import re
from collections.abc import Iterable

# foo.py, foo.so, foo.pyd, foo.abi3.so, foo.cpython-311-x86_64-linux-gnu.so
_MODULE = re.compile(r"(?P<name>[^.]+)\.(py|([^.]+\.)?(so|pyd))")


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
        match = _MODULE.fullmatch(file)
        if match is None or not all(part.isidentifier() for part in folders):
            continue
        if match["name"] == "__init__" and folders:
            packages.add(tuple(folders))
        elif match["name"].isidentifier():
            modules.add((*folders, match["name"]))
    found = packages | modules
    outermost = {parts for parts in found if not any(parts[:depth] in packages for depth in range(1, len(parts)))}
    return tuple(sorted(".".join(parts) for parts in outermost))
