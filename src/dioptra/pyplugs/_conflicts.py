"""Tasks that more than one source has: two distributions, or a distribution and a raw folder. Pure decisions.

A raw folder never conflicts: what a wheel has is taken from the wheel, so that a folder can move into wheels plugin by
plugin. Between distributions a preference decides, else nothing does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from dioptra.pyplugs._discovery import Catalogue, Claim, Declared, Meant
from dioptra.pyplugs._types import Conflict

if TYPE_CHECKING:
    from dioptra.manifest.model import ModuleEntry


def claiming(catalogue: Catalogue, module: str, func: str | None) -> list[Claim]:
    """The claims on a module that concern one of its tasks.

    Args:
        catalogue: What is declared.
        module: The module's dotted name.
        func: The task's name or an alias of it; None for any of its tasks.
    """
    claims = catalogue.claims(module)
    if func is None or len(claims) < 2:
        return list(claims)
    names = {func, *catalogue.functions_meant(module, func)}
    return [claim for claim in claims if claim.module.dynamic or any(task.func in names for task in claim.module.tasks)]


def find_conflicts(
    catalogue: Catalogue, folders: Mapping[str, Sequence[tuple[str, ModuleEntry]]]
) -> tuple[Conflict, ...]:
    """Find every task that more than one source has, settled or not.

    Args:
        catalogue: What is declared.
        folders: Modules of raw folders by dotted name: the folder, and what its source shows.

    Returns:
        Conflicts sorted by package, plugin and task; the same for every order of discovery.
    """
    found: list[Conflict] = []
    for module in sorted({*catalogue.claimed_twice(), *folders}):
        package, _, plugin = module.rpartition(".")
        for func in _tasks(catalogue.claims(module)):
            claims = claiming(catalogue, module, func)
            holding = tuple(folder for folder, entry in folders.get(module, ()) if _holds(entry, func))
            if len(claims) > 1 or (claims and holding):
                declared = [claim.declared for claim in claims]
                found.append(_conflict(catalogue, (package, plugin, func), declared, holding))
    for (package, plugin), meant in catalogue.ambiguous_aliases():
        declared = declaring(meant)
        funcs = [set(_tasks(catalogue.claims(item.target.module))) for item in meant]
        found += (
            _conflict(catalogue, (package, plugin, func), declared, ())
            for func in sorted(set.intersection(*funcs), key=str)
        )
    return tuple(sorted(found, key=lambda item: (item.package, item.plugin, item.func or "")))


def declaring(meant: Iterable[Meant]) -> list[Declared]:
    """The distributions that give a name its meanings, each once.

    Args:
        meant: The meanings.
    """
    found: list[Declared] = []
    for item in meant:
        found += (declared for declared in item.declared if not any(declared is other for other in found))
    return found


def _tasks(claims: Iterable[Claim]) -> Iterator[str | None]:
    """The tasks that are claimed; None stands for those that cannot be seen."""
    seen = {task.func for claim in claims for task in claim.module.tasks}
    yield from sorted(seen)
    if not seen and any(claim.module.dynamic for claim in claims):
        yield None


def _holds(entry: ModuleEntry, func: str | None) -> bool:
    return func is None or entry.dynamic is not None or any(task.func == func for task in entry.tasks)


def _conflict(
    catalogue: Catalogue, name: tuple[str, str, str | None], declared: Sequence[Declared], folders: tuple[str, ...]
) -> Conflict:
    chosen = catalogue.preferred(declared)
    claimants = {item.claimant for item in declared}
    return Conflict(
        *name,
        claimants=tuple(sorted(claimants, key=lambda item: (item.distribution, item.version, item.wheel_sha256 or ""))),
        folders=folders,
        chosen=None if chosen is None else chosen.claimant,
    )
