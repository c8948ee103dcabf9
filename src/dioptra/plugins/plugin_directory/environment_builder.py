"""Building an environment: one ``site`` folder of links into the store, and its description."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dioptra.manifest.codec import environment_to_json
from dioptra.manifest.environment import ENVIRONMENT_FILE, LAYOUT, LEASE_FILE, SITE, environment_digest
from dioptra.manifest.model import EnvironmentDescription, InterpreterKey
from dioptra.plugins.errors import IntegrityError
from dioptra.plugins.plugin_directory.layout import PluginDirectory
from dioptra.plugins.plugin_directory.overlap import SiteLink, plan_site
from dioptra.plugins.plugin_directory.wheel_store import FILES, StoredWheel


def plan_environment(
    interpreter: InterpreterKey, wheels: Sequence[StoredWheel]
) -> tuple[EnvironmentDescription, tuple[SiteLink, ...]]:
    """Decide what an environment holds.

    Raises:
        IntegrityError: Several wheels claim one path; names each path and the wheels.
    """
    links, overlaps = plan_site({stored.wheel.sha256: stored.paths for stored in wheels})
    if overlaps:
        names = {stored.wheel.sha256: f"{stored.wheel.project} {stored.wheel.version}" for stored in wheels}
        raise IntegrityError(
            "the locked wheels overlap",
            why="\n".join(
                f"{overlap.path} {overlap.why}: {', '.join(sorted(names[owner] for owner in overlap.sha256s))}"
                for overlap in overlaps
            ),
            hint="lock releases that do not share files",
        )
    description = EnvironmentDescription(
        digest=environment_digest(interpreter, (stored.wheel.sha256 for stored in wheels)),
        layout=LAYOUT,
        interpreter=interpreter,
        wheels=tuple(sorted((stored.wheel for stored in wheels), key=lambda wheel: wheel.project)),
    )
    return description, links


def stage_environment(description: EnvironmentDescription, links: Sequence[SiteLink], folder: Path) -> None:
    """Write an environment into an absent folder aside, its description last.

    Raises:
        OSError: It cannot be written.
    """
    site = folder / SITE
    site.mkdir(parents=True)
    made = {""}
    for link in links:
        parent = link.path.rpartition("/")[0]
        if parent not in made:
            (site / parent).mkdir(parents=True, exist_ok=True)
            made.add(parent)
        # From environments/<digest>/site/<parents> up to the plugin directory; a link that names no absolute path
        # stays right when the directory is moved or mounted elsewhere.
        up = "../" * (3 + link.path.count("/"))
        (site / link.path).symlink_to(f"{up}store/sha256/{link.sha256}/{FILES}/{link.path}")
    (folder / LEASE_FILE).touch(mode=0o444)
    (folder / ENVIRONMENT_FILE).write_bytes(environment_to_json(description))


def is_complete(directory: PluginDirectory, digest: str) -> bool:
    """Whether an environment is there; its folder is renamed into place only when complete."""
    return (directory.environment(digest) / ENVIRONMENT_FILE).is_file()
