"""Tasks of a raw plugin folder, which has neither entry points nor metadata; nothing is imported.

A raw folder may hold whole libraries. So only modules are parsed that speak of the registry, or that import one which
does (a star import of a module with the decorator, say).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from dioptra.manifest.model import ModuleEntry
from dioptra.manifest.scanner import scan_source

_IMPORT = re.compile(rb"^[ \t]*(?:from|import)\b[^\n(]*(?:\([^)]*\))?", re.MULTILINE)
_RELATIVE = re.compile(rb"\s*from\s*\.")
_WORD = re.compile(rb"\w+")


def scan_folder(sources: Mapping[str, bytes], *, with_private: bool = False) -> tuple[ModuleEntry, ...]:
    """Find the tasks of a raw plugin folder.

    Args:
        sources: The bytes of its ``.py`` files, by path with ``/`` below the folder.
        with_private: Whether to look into private modules, too. Their tasks could be called when every module was
            imported; entry points do not offer them.

    Returns:
        Its modules that register tasks, may register some, or speak of the registry and cannot be read; sorted
        by name.
    """
    names = {name: path for path in sorted(sources) if (name := module_name(path)) is not None}
    speaking = _speaking({name: sources[path] for name, path in names.items()})
    found = []
    for name in sorted(speaking):
        if is_private(name) and not with_private:
            continue
        path = names[name]
        entry = scan_source(sources[path], name=name, path=path, may_register=speaking.__contains__).entry
        if entry.tasks or entry.dynamic or (entry.error and b"pyplugs" in sources[path]):
            found.append(entry)
    return tuple(found)


def is_private(name: str) -> bool:
    """Whether a dotted name has a part that starts with an underscore."""
    return any(part.startswith("_") for part in name.split("."))


def module_name(path: str) -> str | None:
    """The dotted name that a file of a raw folder is imported by; None if it cannot be.

    Args:
        path: A ``.py`` file's path with ``/`` below the folder.
    """
    parts = path.removesuffix(".py").split("/")
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts) if parts and all(part.isidentifier() for part in parts) else None


def _speaking(modules: Mapping[str, bytes]) -> set[str]:
    """The modules that mention the registry, and those that may import one of them; rather too many than too few."""
    speaking = {name for name, source in modules.items() if b"pyplugs" in source}
    imports = {name: _imports(source) for name, source in modules.items() if name not in speaking}
    found = speaking
    while found:
        words = {name.rpartition(".")[2].encode() for name in found}
        found = {
            name
            for name, (named, is_relative) in imports.items()
            if name not in speaking and (words & named or (is_relative and _packages(name) & found))
        }
        speaking |= found
    return speaking


def _imports(source: bytes) -> tuple[set[bytes], bool]:
    """The words of a module's import statements, and whether one of them is relative."""
    statements = _IMPORT.findall(source)
    words = {word for statement in statements for word in _WORD.findall(statement)}
    return words, any(_RELATIVE.match(statement) for statement in statements)


def _packages(name: str) -> set[str]:
    parts = name.split(".")
    return {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
