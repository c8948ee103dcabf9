"""The task manifest of a distribution: what its ``dioptra.plugins`` entry points reach (PyPA entry points format).

The manifest depends on the set of entry points and files only, never on their order. A value that names a package
means all public modules below it that are among the distribution's files; what other distributions put into the same
namespace is theirs.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dioptra.manifest.bindings import origin
from dioptra.manifest.model import EntryPoint, ModuleEntry, TaskManifest
from dioptra.manifest.scanner import ScannedModule, parse, scan_source

_VALUE = re.compile(r"(?P<module>[\w.]+)\s*(:\s*(?P<attribute>[\w.]+)\s*)?(\[.*\]\s*)?")

# Tagged as the import system tags extension modules; a bare ``.so`` is mostly a library that a package carries along.
_EXTENSION = re.compile(r"(?P<name>\w+)\.(?P<tag>(cpython-|cp|abi3|pypy)[\w.-]*\.)?(so|pyd)")


def scan_distribution(
    *,
    project: str,
    version: str,
    entry_points: Sequence[EntryPoint],
    files: Iterable[str],
    read: Callable[[str], bytes],
) -> TaskManifest:
    """Find the tasks that a distribution offers.

    Args:
        project: Normalized project name.
        version: Its version.
        entry_points: Its ``dioptra.plugins`` group.
        files: Paths of its files below the path entry it is imported from, with ``/``.
        read: Gives a file's bytes.

    Returns:
        The modules that the entry points reach, sorted by name. Of a package's modules those are listed that hold
        tasks, cannot be seen through or cannot be read; a module that an entry point names itself is listed always.
        An entry point that is malformed or names nothing of this distribution is a module with `error`, and so is a
        file that `read` cannot give (`OSError`).
    """
    ordered = tuple(sorted(set(entry_points), key=lambda item: (item.name, item.value)))
    reader = _Reader(_Modules.of(files), read)
    found: dict[str, ModuleEntry] = {}
    for entry_point in ordered:
        for entry in _reached(entry_point, reader):
            known = found.get(entry.name)
            found[entry.name] = entry if known is None else _merged(known, entry)
    return TaskManifest(
        project=project,
        version=version,
        entry_points=ordered,
        modules=tuple(found[name] for name in sorted(found)),
    )


def parse_value(value: str) -> tuple[str, str | None] | None:
    """Split an entry point's value into module and attribute; None if it is malformed. Extras are ignored."""
    match = _VALUE.fullmatch(value.strip())
    if match is None:
        return None
    module, attribute = match["module"], match["attribute"]
    parts = [*module.split("."), *(attribute.split(".") if attribute else ())]
    return (module, attribute) if all(part.isidentifier() for part in parts) else None


@dataclass(frozen=True, slots=True)
class _Modules:
    """Import names of a distribution's modules and packages.

    Attributes:
        sources: Names to their source files.
        extensions: Names that only an extension module has, to its file.
        is_tagged: Those of them whose file name says that it is one.
    """

    sources: Mapping[str, str]
    extensions: Mapping[str, str]
    is_tagged: frozenset[str]

    @classmethod
    def of(cls, files: Iterable[str]) -> _Modules:
        sources: dict[str, str] = {}
        extensions: dict[str, str] = {}
        tagged: set[str] = set()
        for path in sorted(files):
            *folders, file = path.split("/")
            match = None if file.endswith(".py") else _EXTENSION.fullmatch(file)
            stem = file[: -len(".py")] if file.endswith(".py") else match["name"] if match else ""
            parts = folders if stem == "__init__" else [*folders, stem]
            if not parts or not all(part.isidentifier() for part in parts):
                continue
            name = ".".join(parts)
            if match is not None:
                extensions.setdefault(name, path)
                if match["tag"]:
                    tagged.add(name)
            elif stem == "__init__" or name not in sources:
                # A package is found before a module of the same name.
                sources[name] = path
        return cls(sources, {name: extensions[name] for name in extensions.keys() - sources.keys()}, frozenset(tagged))

    def holds(self, module: str) -> bool:
        """Whether a name is a module, a package or a namespace package with modules."""
        names = (*self.sources, *self.extensions)
        return any(name == module or name.startswith(f"{module}.") for name in names)

    def is_package(self, module: str) -> bool:
        path = self.sources.get(module)
        return path.endswith("__init__.py") if path is not None else module not in self.extensions

    def public_below(self, package: str) -> Iterator[str]:
        for name in (*self.sources, *(self.extensions.keys() & self.is_tagged)):
            if name.startswith(f"{package}."):
                inner = name[len(package) + 1 :].split(".")
                if not any(part.startswith("_") for part in inner):
                    yield name


@dataclass(slots=True)
class _Reader:
    """Scans each module of one distribution at most once."""

    modules: _Modules
    read: Callable[[str], bytes]
    _scanned: dict[str, ScannedModule] = field(default_factory=dict)
    _mentions: dict[str, tuple[bool, frozenset[str]]] = field(default_factory=dict)

    def scan(self, name: str) -> ScannedModule:
        if name not in self._scanned:
            self._scanned[name] = self._scan(name)
        return self._scanned[name]

    def _scan(self, name: str) -> ScannedModule:
        path = self.modules.sources.get(name)
        if path is None:
            file = self.modules.extensions.get(name)
            why = "is a namespace package" if file is None else "is an extension module, which has no source to read"
            dynamic = None if file is None else f"it {why}"
            return ScannedModule(entry=ModuleEntry(name=name, path=file or "", dynamic=dynamic))
        try:
            source = self.read(path)
        except OSError as problem:
            return ScannedModule(entry=ModuleEntry(name=name, path=path, error=f"{path} cannot be read: {problem}"))
        return scan_source(source, name=name, path=path, may_register=self.may_register)

    def may_register(self, module: str) -> bool:
        """Whether a module speaks of the registry, or imports a neighbour that does."""
        waiting, seen = [module], set[str]()
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            if name not in self.modules.sources:
                # Another distribution's part of a shared namespace cannot be seen; anything else is not ours.
                top = name.partition(".")[0]
                if name == module and top not in self.modules.sources and self.modules.holds(top):
                    return not self.modules.holds(name)
                continue
            mentions, neighbours = self._looked_through(name)
            if mentions:
                return True
            waiting += neighbours - seen
        return False

    def _looked_through(self, name: str) -> tuple[bool, frozenset[str]]:
        if name not in self._mentions:
            path = self.modules.sources[name]
            try:
                source = self.read(path)
            except OSError:
                source = b"pyplugs"  # what it holds is unknown, so it may register
            tree = parse(source)
            mentions = b"pyplugs" in source or isinstance(tree, str)
            package = name if path.endswith("__init__.py") else name.rpartition(".")[0]
            self._mentions[name] = mentions, frozenset() if isinstance(tree, str) else _imports(tree, package)
        return self._mentions[name]


def _imports(tree: ast.Module, package: str) -> frozenset[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = origin(node, package)
            found.add(module)
            found.update(f"{module}.{alias.name}" for alias in node.names)
    return frozenset(found)


def _reached(entry_point: EntryPoint, reader: _Reader) -> list[ModuleEntry]:
    modules = reader.modules
    parsed = parse_value(entry_point.value)
    if parsed is None:
        named = entry_point.value.partition(":")[0].partition("[")[0].strip()
        # A sound module is not spoilt by another entry point's mistake.
        name = entry_point.value if not named or modules.holds(named) else named
        return [_broken(name, entry_point, "is not of the form module, package or module:callable")]
    module, attribute = parsed
    if not modules.holds(module):
        return [_broken(module, entry_point, "names a module that this distribution does not hold")]
    if attribute is not None:
        if module not in modules.sources and module not in modules.extensions:
            return [_broken(module, entry_point, "names a namespace package, which holds no callable")]
        return [_with_callable(entry_point, reader.scan(module), attribute)]
    if not modules.is_package(module):
        return [reader.scan(module).entry]
    own = [module] if module in modules.sources else []
    scanned = [reader.scan(name).entry for name in (*own, *modules.public_below(module))]
    return [entry for entry in scanned if entry.tasks or entry.dynamic or entry.error]


def _with_callable(entry_point: EntryPoint, scanned: ScannedModule, attribute: str) -> ModuleEntry:
    entry, func = scanned.entry, attribute.rpartition(".")[2]
    if entry.error is not None or any(task.func == func for task in entry.tasks):
        return entry
    return replace(entry, tasks=(*entry.tasks, scanned.callable_task(attribute, entry_point=entry_point.name)))


def _merged(one: ModuleEntry, other: ModuleEntry) -> ModuleEntry:
    """One module reached by two entry points: the tasks of both, and every mistake of theirs."""
    known = {task.func for task in one.tasks}
    errors = dict.fromkeys(error for error in (one.error, other.error) if error is not None)
    return replace(
        one,
        tasks=(*one.tasks, *(task for task in other.tasks if task.func not in known)),
        error="; ".join(errors) or None,
    )


def _broken(name: str, entry_point: EntryPoint, why: str) -> ModuleEntry:
    return ModuleEntry(name=name, path="", error=f"entry point '{entry_point.name} = {entry_point.value}' {why}")
