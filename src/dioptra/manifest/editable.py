"""Finding the modules of a distribution that has no list of them, without importing or running anything.

An editable install (PEP 660) leaves in the path entry either a ``.pth`` file that names source folders (hatchling,
setuptools with ``src/``, flit, uv), or a finder module that maps import names to paths: setuptools' ``MAPPING`` and
``NAMESPACES`` tables, and ``map_module`` calls of the *editables* library. These are read as text.

The limit: a finder that computes its map when it runs (meson-python's rebuilding loader, say) is not seen through.
Then the source folder itself and its ``src/`` are searched, which is where most projects keep their modules.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dioptra.manifest.distribution import parse_value
from dioptra.manifest.scanner import parse


@dataclass(frozen=True, slots=True)
class _Places:
    """Where an installation sends imports.

    Attributes:
        roots: Folders that stand on the path.
        mapped: Import names to the folders or files they are.
    """

    roots: list[Path] = field(default_factory=list)
    mapped: dict[str, list[Path]] = field(default_factory=dict)


def locate_modules(
    values: Iterable[str], *, site: Path, recorded: Sequence[str], source: Path | None
) -> Mapping[str, Path]:
    """Find the files of the top-level packages and modules that entry points name.

    Args:
        values: Values of entry points; malformed ones are passed over.
        site: The path entry of the installation.
        recorded: Its recorded files, relative to it.
        source: The source folder of an editable install, or None.

    Returns:
        Paths as they would be in an ordinary install, with ``/``, to the files that are there.

    Raises:
        OSError: A ``.pth`` file or finder of the installation cannot be read.
    """
    places = _places(site, recorded) if source is not None else _Places(roots=[site])
    modules = [parsed[0] for value in values if (parsed := parse_value(value)) is not None]
    found = _located(modules, places)
    if source is not None and not found:
        found = _located(modules, _Places(roots=[source / "src", source]))
    return found


def _places(site: Path, recorded: Sequence[str]) -> _Places:
    places = _Places()
    for file in recorded:
        if "/" in file or not file.endswith((".pth", ".py")):
            continue
        try:
            content = (site / file).read_bytes()
        except FileNotFoundError:
            continue
        if file.endswith(".py"):
            _read_finder(content, places)
            continue
        for line in content.decode("utf-8", "surrogateescape").splitlines():
            # As `site` reads it: lines that start with import are run, which is not done here.
            if line.strip() and "\0" not in line and not line.startswith(("#", "import ", "import\t")):
                places.roots.append(site / line.strip())
    return places


def _read_finder(content: bytes, places: _Places) -> None:
    """Take the map out of a finder module that a build backend generated."""
    tree = parse(content)
    if isinstance(tree, str):
        return
    for node in tree.body:
        match node:
            case (
                ast.AnnAssign(target=ast.Name(id="MAPPING" | "NAMESPACES"), value=ast.expr() as value)
                | ast.Assign(targets=[ast.Name(id="MAPPING" | "NAMESPACES")], value=value)
            ):
                table = _literal(value)
                for name, paths in table.items() if isinstance(table, dict) else ():
                    for path in paths if isinstance(paths, list) else [paths]:
                        if isinstance(name, str) and isinstance(path, str):
                            places.mapped.setdefault(name, []).append(Path(path))
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr="map_module"), args=[name_node, path_node])):
                name, path = _literal(name_node), _literal(path_node)
                if isinstance(name, str) and isinstance(path, str):
                    file = Path(path)
                    places.mapped.setdefault(name, []).append(file.parent if file.name == "__init__.py" else file)
            case _:
                pass


def _literal(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return None


def _located(modules: Iterable[str], places: _Places) -> Mapping[str, Path]:
    found: dict[str, Path] = {}
    for module in sorted(set(modules)):
        for name, path in _starts(module, places):
            for relative, file in _module_files(name, path):
                found.setdefault(relative, file)
    return found


def _starts(module: str, places: _Places) -> Iterator[tuple[str, Path]]:
    """Where to look for a module: names of packages or modules, with the paths they may be at."""
    parts = module.split(".")
    for name, paths in places.mapped.items():
        if name == module or module.startswith(f"{name}.") or name.startswith(f"{module}."):
            yield from ((name, path) for path in paths)
    for root in places.roots:
        # The outermost regular package: its other modules may hold the decorators that this one uses. Of a namespace
        # package only the part that is named is this distribution's for certain.
        for depth in range(1, len(parts) + 1):
            path = root.joinpath(*parts[:depth])
            if depth == len(parts) or (path / "__init__.py").is_file():
                yield ".".join(parts[:depth]), path
                break


def _module_files(name: str, path: Path) -> Iterator[tuple[str, Path]]:
    parts = name.replace(".", "/")
    if path.suffix == ".py" and path.is_file():
        yield f"{parts}.py", path
        return
    single = path.with_name(f"{path.name}.py")
    if single.is_file():
        yield f"{parts}.py", single
    for folder, folders, files in os.walk(path):
        # Only what can be part of an import name; this leaves out .venv and the like.
        folders[:] = sorted(item for item in folders if item.isidentifier() and item != "__pycache__")
        below = Path(folder).relative_to(path).as_posix()
        prefix = parts if below == "." else f"{parts}/{below}"
        yield from ((f"{prefix}/{file}", Path(folder) / file) for file in sorted(files))
