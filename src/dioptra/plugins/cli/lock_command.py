"""`lock`: pin requirements and all they need, and `lock bundle`: a lock with its wheels in one file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dioptra.plugins.cli.options import (
    catalogues_of,
    chosen_indexes,
    index_option,
    json_option,
    load,
    open_catalogues,
)
from dioptra.plugins.cli.output import print_json, print_table, say, size_text
from dioptra.plugins.lock.model import LOCK_FILENAME

if TYPE_CHECKING:
    from dioptra.plugins.lock.model import Lock, TargetLock


@click.command(name="lock")
@click.argument("requirements", metavar="REQ...", nargs=-1)
@click.option(
    "-r",
    "--requirement",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Read requirements from a file, one a line.",
)
@index_option
@click.option(
    "--for",
    "workers",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Lock for a worker that `worker describe` described. Repeatable: one lock for all of them.",
)
@click.option("--host-python", metavar="PATH", type=click.Path(path_type=Path), help="Lock for this interpreter.")
@click.option("--python", "pythons", metavar="X.Y", multiple=True, help="Lock for this Python version. Repeatable.")
@click.option(
    "--platform",
    "platforms",
    metavar="TAG",
    multiple=True,
    help="Lock for this platform, such as manylinux_2_28_x86_64. Repeatable.",
)
@click.option("--no-host", is_flag=True, help="Lock everything, also what this Python installation has already.")
@click.option("--upgrade", is_flag=True, help="Take the newest releases, whatever the lock pins now.")
@click.option("--upgrade-package", "upgraded", metavar="PROJECT", multiple=True, help="The same for one project.")
@click.option("--pre", is_flag=True, help="Take pre-releases like final ones.")
@click.option("--exclude-newer", metavar="DATE", help="Leave out what was uploaded on this day or time or later (UTC).")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if the lock would change.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path(LOCK_FILENAME),
    show_default=True,
    help="Where to write the lock.",
)
@json_option
def lock_command(
    requirements: tuple[str, ...],
    files: tuple[Path, ...],
    index_values: tuple[str, ...],
    workers: tuple[Path, ...],
    host_python: Path | None,
    pythons: tuple[str, ...],
    platforms: tuple[str, ...],
    no_host: bool,
    upgrade: bool,
    upgraded: tuple[str, ...],
    pre: bool,
    exclude_newer: str | None,
    check: bool,
    output: Path,
    as_json: bool,
) -> int:
    """Pin REQuirements, by default the configured ones, and all they need into a lock (PEP 751).

    What the lock pins already stays as long as it satisfies. Without --for and the like it is for the workers of the
    settings, else for the Python that runs this.
    """
    from dioptra.plugins.errors import ConfigurationError
    from dioptra.plugins.host_choice import choose_hosts
    from dioptra.plugins.lock.lock_file import would_change, write_lock
    from dioptra.plugins.lock.locking import make_lock, read_requirement_file
    from dioptra.plugins.lock.relocking import parse_cutoff, pins_to_keep
    from dioptra.plugins.resolution.model import Policy

    if sum(map(bool, (workers, host_python, pythons or platforms))) > 1:
        raise click.UsageError("give either --for, or --host-python, or --python and --platform")
    settings = load()
    wanted = [*requirements, *(line for file in files for line in read_requirement_file(file))]
    wanted = wanted or list(settings.requirements)
    if not wanted:
        raise ConfigurationError(
            "no requirement is given", hint="dioptra-plugins lock PROJECT --index URL, or dioptra-plugins add PROJECT"
        )
    indexes = chosen_indexes(index_values)
    kept = {} if upgrade else pins_to_keep(output, upgraded)
    policy = Policy(
        # For a kind of worker that the present lock does not know, as one that was renamed.
        pins=next(iter(kept.values()), {}),
        prereleases=pre,
        plugins={index.name: index.plugins for index in indexes},
        uploaded_before=None if exclude_newer is None else parse_cutoff(exclude_newer),
    )
    is_told = workers or host_python or pythons or platforms
    hosts = choose_hosts(
        descriptions=workers if is_told else settings.workers,
        pythons=pythons,
        platforms=platforms,
        host_python=host_python,
        provide=not no_host,
        declared=settings.host,
    )
    catalogues = list(open_catalogues({index.name: index.url for index in indexes}).values())
    lock = make_lock(wanted, catalogues, hosts, policy, kept)
    changed = would_change(output, lock) if check else write_lock(output, lock)
    if as_json:
        print_json({"lock": str(output), "changed": changed, **_lock_document(lock)})
    else:
        for target in lock.targets:
            if len(lock.targets) > 1:
                say(f"{target.target.name}:")
            _print_target(target)
    if check:
        say(f"{output} {'would change: lock again' if changed else 'is up to date'}")
        return 1 if changed else 0
    if not as_json:
        say(f"{'wrote' if changed else 'unchanged:'} {output}")
    return 0


def _print_target(target: TargetLock) -> None:
    wheels = (
        (wheel.project, str(wheel.version), wheel.index, size_text(wheel.size), wheel.sha256[:12])
        for wheel in target.wheels
    )
    provided = ((given.project, str(given.version), "host", "-", "-") for given in target.provided)
    print_table(("project", "version", "from", "size", "sha256"), [*wheels, *provided])


def _lock_document(lock: Lock) -> Mapping[str, object]:
    return {
        "wheels": [
            {
                "project": wheel.project,
                "version": str(wheel.version),
                "index": wheel.index,
                "filename": wheel.filename,
                "sha256": wheel.sha256,
                "size": wheel.size,
            }
            for wheel in lock.wheels
        ],
        "targets": [
            {
                "name": item.target.name,
                "wheels": [wheel.filename for wheel in item.wheels],
                "provided": [
                    {
                        "project": given.project,
                        "version": str(given.version),
                        "declared": None if given.declared is None else str(given.declared),
                    }
                    for given in item.provided
                ],
            }
            for item in lock.targets
        ],
    }


@click.command(name="lock bundle")
@click.argument("lock_path", metavar="[LOCK]", type=click.Path(path_type=Path), default=Path(LOCK_FILENAME))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("plugins.bundle.zip"),
    show_default=True,
    help="Where to write the bundle.",
)
@index_option
@json_option
def lock_bundle_command(lock_path: Path, output: Path, index_values: tuple[str, ...], as_json: bool) -> None:
    """Write LOCK and all its wheels into one file, for `sync --from-bundle` on a worker that reaches no index."""
    from dioptra.plugins.lock.bundle import write_bundle
    from dioptra.plugins.lock.lock_file import read_lock

    lock = read_lock(lock_path)
    write_bundle(output, lock, lock_path.read_bytes(), catalogues_of(lock, index_values, local_only=False))
    size = output.stat().st_size
    if as_json:
        print_json({"bundle": str(output), "size": size, **_lock_document(lock)})
    else:
        say(f"wrote {output}: {len(lock.wheels)} wheels, {size_text(size)}")
