"""Editing the requirements of a project's settings; comments and layout stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from dioptra.plugins.config import parse_settings_file
from dioptra.plugins.durability import replace_file
from dioptra.plugins.errors import ConfigurationError, UnsatisfiedError
from dioptra.plugins.resolution.model import parse_requirement
from dioptra.plugins.settings import PROJECT_FILE, project_settings_file


def add_requirements(folder: Path, requirements: Sequence[str]) -> Path:
    """Add requirements to the project's settings; one of the same project is replaced.

    Args:
        folder: Where the project is looked for, its parents included. Without one a ``dioptra.toml`` is made here.
        requirements: What to add (PEP 508).

    Returns:
        The file that was edited.

    Raises:
        ConfigurationError: A text is no requirement, or the file is malformed or cannot be written.
    """
    wanted = {canonicalize_name(parse_requirement(text).name): text for text in requirements}

    def edit(present: list[str]) -> list[str]:
        kept = [text for text in present if canonicalize_name(Requirement(text).name) not in wanted]
        return [*kept, *wanted.values()]

    return _edit(folder, edit)


def remove_requirements(folder: Path, projects: Sequence[str]) -> Path:
    """Remove projects from the requirements of the project's settings.

    Args:
        folder: Where the project is looked for, its parents included.
        projects: Their names.

    Returns:
        The file that was edited.

    Raises:
        UnsatisfiedError: One is not required there.
        ConfigurationError: The file is malformed or cannot be written.
    """
    names = {canonicalize_name(project) for project in projects}

    def edit(present: list[str]) -> list[str]:
        required = {canonicalize_name(Requirement(text).name) for text in present}
        if names - required:
            raise UnsatisfiedError(
                f"{', '.join(sorted(names - required))} is not required",
                why=f"required are {', '.join(sorted(required)) or 'no projects'}",
            )
        return [text for text in present if canonicalize_name(Requirement(text).name) not in names]

    return _edit(folder, edit)


def _edit(folder: Path, change: Callable[[list[str]], list[str]]) -> Path:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    path = project_settings_file(folder) or folder / PROJECT_FILE
    keys = ("tool", "dioptra") if path.name == "pyproject.toml" else ()
    try:
        text = path.read_bytes().decode() if path.exists() else ""  # keeps the ends of lines
        present = list(parse_settings_file(text, source=str(path), table=keys).requirements)
        for requirement in present:
            parse_requirement(requirement)
        document = tomlkit.parse(text)
        table: Any = document
        for key in keys:
            table = table[key]
        _rewrite(table, change(present))
        body = tomlkit.dumps(document)
        if body == text:
            return path
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        replace_file(path, body.encode(), mode=mode)
    except (OSError, UnicodeDecodeError, TOMLKitError) as problem:
        raise ConfigurationError(f"{path} cannot be edited", why=str(problem)) from problem
    return path


def _rewrite(table: Any, wanted: Sequence[str]) -> None:
    """Change the array item by item, so that comments beside the others stay."""
    import tomlkit

    if "requirements" not in table:
        array = tomlkit.array()
        array.multiline(True)
        table["requirements"] = array
    array = table["requirements"]
    left = {canonicalize_name(Requirement(text).name): text for text in wanted if text not in array}
    for position in reversed(range(len(array))):
        text = array[position]
        if text in wanted:
            continue
        replacement = left.pop(canonicalize_name(Requirement(text).name), None)
        if replacement is None:
            del array[position]
        else:
            array[position] = replacement
    array.extend(left.values())
