"""The task manifest of a distribution: what its ``dioptra.plugins`` entry points reach (PyPA entry points format)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from dioptra.manifest.model import EntryPoint, ModuleEntry, TaskManifest
from dioptra.manifest.scanner import describe_callable, scan_module

_VALUE = re.compile(r"(?P<module>[\w.]+)\s*(:\s*(?P<attribute>[\w.]+)\s*)?(\[.*\]\s*)?")


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
        tasks or cannot be read; a module that an entry point names itself is listed always. An entry point that
        names nothing of this distribution is a module with `error`.
    """
    modules = _modules_of(files)
    found: dict[str, ModuleEntry] = {}
    for entry_point in sorted(entry_points, key=lambda item: (item.name, item.value)):
        for entry in _scan_entry_point(entry_point, modules, read):
            known = found.get(entry.name)
            found[entry.name] = entry if known is None else _merged(known, entry)
    return TaskManifest(
        project=project,
        version=version,
        entry_points=tuple(sorted(entry_points, key=lambda item: (item.name, item.value))),
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


def _modules_of(files: Iterable[str]) -> Mapping[str, str]:
    """Import names of Python modules and packages to their paths."""
    modules: dict[str, str] = {}
    for path in files:
        if path.endswith(".py"):
            parts = path[: -len(".py")].split("/")
            if parts[-1] == "__init__":
                parts.pop()
            if parts and all(part.isidentifier() for part in parts):
                modules[".".join(parts)] = path
    return modules


def _scan_entry_point(
    entry_point: EntryPoint, modules: Mapping[str, str], read: Callable[[str], bytes]
) -> list[ModuleEntry]:
    parsed = parse_value(entry_point.value)
    if parsed is None:
        return [_broken(entry_point.value, entry_point, "is not of the form module, package or module:callable")]
    module, attribute = parsed
    below = [name for name in modules if name.startswith(f"{module}.")]
    if module not in modules and not below:
        return [_broken(module, entry_point, "names a module that this distribution does not hold")]
    if attribute is not None:
        return [_with_callable(entry_point, module, attribute, modules, read)]
    if module in modules and not modules[module].endswith("/__init__.py"):
        return [_scan(module, modules, read)]
    public = [name for name in below if not any(part.startswith("_") for part in name[len(module) + 1 :].split("."))]
    scanned = [_scan(name, modules, read) for name in [module, *public] if name in modules]
    return [entry for entry in scanned if entry.tasks or entry.dynamic or entry.error]


def _scan(module: str, modules: Mapping[str, str], read: Callable[[str], bytes]) -> ModuleEntry:
    return scan_module(read(modules[module]), name=module, path=modules[module])


def _with_callable(
    entry_point: EntryPoint,
    module: str,
    attribute: str,
    modules: Mapping[str, str],
    read: Callable[[str], bytes],
) -> ModuleEntry:
    if module not in modules:
        return _broken(module, entry_point, "names a namespace package, which holds no callable")
    entry = _scan(module, modules, read)
    func = attribute.rpartition(".")[2]
    if entry.error is not None or any(task.func == func for task in entry.tasks):
        return entry
    task = describe_callable(read(modules[module]), module=module, attribute=attribute, entry_point=entry_point.name)
    return replace(entry, tasks=(*entry.tasks, task))


def _merged(one: ModuleEntry, other: ModuleEntry) -> ModuleEntry:
    """One module reached by two entry points: the tasks of both."""
    known = {task.func for task in one.tasks}
    return replace(one, tasks=(*one.tasks, *(task for task in other.tasks if task.func not in known)))


def _broken(name: str, entry_point: EntryPoint, why: str) -> ModuleEntry:
    return ModuleEntry(name=name, path="", error=f"entry point '{entry_point.name} = {entry_point.value}' {why}")
