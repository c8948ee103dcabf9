"""Writing the projects of a migration, and reading them back."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from dioptra.manifest.develop import DevelopProjectError, read_develop_project
from dioptra.manifest.model import ModuleEntry
from dioptra.manifest.raw_folder import scan_folder
from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.migration.model import Migration, ProjectPlan
from dioptra.plugins.migration.project_text import IGNORED, pyproject_toml, readme, review_list, tests


def write_projects(migration: Migration, output: Path) -> tuple[Path, ...]:
    """Write all projects of a migration, each in one step.

    Args:
        migration: The migration.
        output: The folder that they are made in; made if absent.

    Returns:
        Their folders, in the migration's order.

    Raises:
        ConfigurationError: One of them exists already, or cannot be written.
    """
    folders = tuple(output / plan.name for plan in migration.projects)
    for folder in folders:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ConfigurationError(
                f"{folder} exists and is not empty", why="nothing was written", hint="choose another folder with -o"
            )
    try:
        output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=output, prefix=".migrating-") as aside:
            made = [_write(plan, migration, Path(aside) / plan.name) for plan in migration.projects]
            for project, folder in zip(made, folders, strict=True):
                if folder.exists():
                    folder.rmdir()
                project.rename(folder)
    except OSError as problem:
        raise ConfigurationError(f"{output} cannot be written", why=str(problem)) from problem
    return folders


def tasks_after(plans: Sequence[ProjectPlan], output: Path) -> tuple[ModuleEntry, ...]:
    """The plugin modules of the projects that a migration has made, as they are now.

    Args:
        plans: The projects.
        output: The folder that they were made in.

    Raises:
        ConfigurationError: A project is not there, or is none.
    """
    found: list[ModuleEntry] = []
    for plan in plans:
        if not plan.entry_points:
            continue
        try:
            found += read_develop_project(output / plan.name).manifest.modules
        except (DevelopProjectError, OSError) as problem:
            raise ConfigurationError(
                f"{output / plan.name} is no plugin project", why=str(problem), hint="migrate without --check makes it"
            ) from problem
    return tuple(found)


def _write(plan: ProjectPlan, migration: Migration, project: Path) -> Path:
    origin = Path(migration.folder.path)
    for path in plan.files:
        target = project / "src" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if path in migration.sources:
            target.write_bytes(migration.sources[path])
            shutil.copymode(origin / path, target)
        else:
            shutil.copy(origin / path, target)
    modules = scan_folder({path: migration.sources[path] for path in plan.files if path in migration.sources})
    findings = [item for item in migration.findings if item.place.path in plan.files]
    texts = {
        "pyproject.toml": pyproject_toml(plan),
        "README.md": readme(plan, modules),
        "MIGRATION.md": review_list(plan, findings, modules),
        ".gitignore": IGNORED,
    }
    if any(module.tasks for module in modules):
        texts["tests/test_tasks.py"] = tests(modules)
    for name, text in texts.items():
        target = project / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")
    return project
