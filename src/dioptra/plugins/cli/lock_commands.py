"""The operator's commands around a lock: `add`, `remove`, `tree`, `why`, `outdated`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dioptra.plugins.cli.options import index_option, json_option
from dioptra.plugins.cli.output import print_json, print_table, say
from dioptra.plugins.lock.model import LOCK_FILENAME

if TYPE_CHECKING:
    from dioptra.plugins.lock.model import Lock, TargetLock

_lock_argument = click.argument(
    "lock_path", metavar="[LOCK]", type=click.Path(path_type=Path), default=Path(LOCK_FILENAME)
)

_target_option = click.option(
    "--target", "target_name", metavar="NAME", help="The kind of worker to look at, where the lock is for several."
)


def _chosen_target(lock: Lock, name: str | None) -> TargetLock:
    from dioptra.plugins.errors import ConfigurationError

    found = [item for item in lock.targets if name in (None, item.target.name)]
    if len(found) != 1:
        names = ", ".join(item.target.name for item in lock.targets)
        what = f"the lock is for no worker '{name}'" if name is not None else "the lock is for several kinds of worker"
        raise ConfigurationError(what, why=f"it is for {names}", hint="name one of them with --target")
    return found[0]


@click.command(name="add")
@click.argument("requirements", metavar="REQ...", nargs=-1, required=True)
@json_option
def add_command(requirements: tuple[str, ...], as_json: bool) -> None:
    """Add REQuirements to the project's settings, where `lock` finds them; one of the same project is replaced."""
    from dioptra.plugins.requirements_file import add_requirements

    _edited(add_requirements(Path.cwd(), requirements), as_json=as_json)


@click.command(name="remove")
@click.argument("projects", metavar="PROJECT...", nargs=-1, required=True)
@json_option
def remove_command(projects: tuple[str, ...], as_json: bool) -> None:
    """Remove PROJECTs from the requirements in the project's settings."""
    from dioptra.plugins.requirements_file import remove_requirements

    _edited(remove_requirements(Path.cwd(), projects), as_json=as_json)


def _edited(path: Path, *, as_json: bool) -> None:
    from dioptra.plugins.cli.options import load

    requirements = load().requirements
    if as_json:
        print_json({"file": str(path), "requirements": list(requirements)})
        return
    print(path)
    say(f"required: {', '.join(requirements) or 'nothing'}; next: dioptra-plugins lock")


@click.command(name="tree")
@_lock_argument
@_target_option
@json_option
def tree_command(lock_path: Path, target_name: str | None, as_json: bool) -> None:
    """Show what needs what in LOCK (default: pylock.plugins.toml)."""
    from dioptra.plugins.lock.graph import lock_graph, tree
    from dioptra.plugins.lock.lock_file import read_lock

    lock = read_lock(lock_path)
    graph = lock_graph(lock, _chosen_target(lock, target_name))
    if as_json:
        print_json(
            {
                "requirements": [link.requirement for link in graph.asked],
                "projects": [
                    {
                        "project": project,
                        "version": str(version),
                        "provided": project in graph.provided,
                        "requires": [link.requirement for link in graph.needs.get(project, ())],
                    }
                    for project, version in sorted(graph.versions.items())
                ],
            }
        )
        return
    for line in tree(graph):
        above = "".join("│   " if more else "    " for more in line.branches[1:-1])
        branch = "" if line.depth == 0 else "├── " if line.branches[-1] else "└── "
        marks = (" (host)" if line.is_provided else "") + (" (*)" if line.is_repeated else "")
        print(f"{above}{branch}{line.link.project} {line.version}{marks} [{line.link.requirement}]")


@click.command(name="why")
@click.argument("project")
@_lock_argument
@_target_option
@json_option
def why_command(project: str, lock_path: Path, target_name: str | None, as_json: bool) -> None:
    """Show why PROJECT is in LOCK: the shortest way to each that asks for it."""
    from packaging.utils import canonicalize_name

    from dioptra.plugins.lock.graph import lock_graph, ways_to
    from dioptra.plugins.lock.lock_file import read_lock

    lock = read_lock(lock_path)
    graph = lock_graph(lock, _chosen_target(lock, target_name))
    name = canonicalize_name(project)
    ways = ways_to(graph, name)
    if as_json:
        print_json(
            {
                "project": name,
                "version": str(graph.versions[name]),
                "provided": name in graph.provided,
                "ways": [[{"project": link.project, "requirement": link.requirement} for link in way] for way in ways],
            }
        )
        return
    print(f"{name} {graph.versions[name]}{' (host)' if name in graph.provided else ''}")
    for way in ways:
        askers = ["you", *(f"{link.project} {graph.versions[link.project]}" for link in way[:-1])]
        print(f"  {' → '.join(askers)} asked for {way[-1].requirement}")


@click.command(name="outdated")
@_lock_argument
@_target_option
@index_option
@json_option
def outdated_command(lock_path: Path, target_name: str | None, index_values: tuple[str, ...], as_json: bool) -> None:
    """Show which projects of LOCK have newer releases, and which of these its requirements allow."""
    from dioptra.plugins.cli.options import catalogues_of, load
    from dioptra.plugins.host_choice import host_of_target
    from dioptra.plugins.lock.lock_file import read_lock
    from dioptra.plugins.lock.outdated import find_outdated
    from dioptra.plugins.resolution.model import Policy

    lock = read_lock(lock_path)
    target = _chosen_target(lock, target_name)
    policy = Policy(plugins={index.name: index.plugins for index in load().indexes})
    found = find_outdated(lock, target, catalogues_of(lock, index_values), host_of_target(target), policy)
    if as_json:
        print_json(
            {
                "lock": str(lock_path),
                "outdated": [
                    {
                        "project": item.project,
                        "locked": str(item.locked),
                        "allowed": str(item.allowed),
                        "newest": str(item.newest),
                    }
                    for item in found
                ],
            }
        )
        return
    if found:
        rows = [(item.project, str(item.locked), str(item.allowed), str(item.newest)) for item in found]
        print_table(("project", "locked", "allowed", "newest"), rows)
    say(f"{len(found)} of {len(target.wheels)} projects have newer releases")
    if any(item.allowed != item.locked for item in found):
        say("take what is allowed: dioptra-plugins lock --upgrade")
