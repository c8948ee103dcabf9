"""Rendering the project template, as cookiecutter would: the same defaults, the same checks, the same files."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dioptra.plugins.bundled import bundled
from dioptra.plugins.errors import ConfigurationError

if TYPE_CHECKING:
    from jinja2 import Environment

_ROOT = "{{cookiecutter.distribution}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectAnswers:
    """The answers that a project is made from: the keys of ``cookiecutter.json``.

    Attributes:
        project_name: What people call it.
        distribution: Project name on the index.
        package: Import name.
        plugin: Name of the first plugin module.
        author: Author's name.
        email: Author's address; may be empty.
        description: One line.
    """

    project_name: str
    distribution: str
    package: str
    plugin: str
    author: str
    email: str
    description: str


def project_answers(
    name: str, *, author: str | None = None, email: str | None = None, description: str | None = None
) -> ProjectAnswers:
    """Derive all answers from a project's name.

    Args:
        name: What people call the project.
        author: Author's name; by default git's ``user.name``, else the template's.
        email: Author's address; by default none.
        description: One line; by default the template's.

    Returns:
        The answers, unchecked.
    """
    given = {
        "project_name": name,
        "author": author if author is not None else _git_user_name(),
        "email": email,
        "description": description,
    }
    questions = json.loads((bundled("plugin-template") / "cookiecutter.json").read_bytes())
    environment = _environment()
    answers: dict[str, str] = {}
    for key, default in questions.items():
        if key.startswith("_"):
            continue
        answer = given.get(key)
        answers[key] = environment.from_string(default).render(cookiecutter=answers) if answer is None else answer
    return ProjectAnswers(**answers)


def render_template(answers: ProjectAnswers, destination: Path) -> tuple[Path, ...]:
    """Make a project.

    Args:
        answers: What it is made from.
        destination: Its folder: absent or empty.

    Returns:
        The files that were made, relative to `destination`, sorted.

    Raises:
        ConfigurationError: Answers would not give a valid project, the folder is in use or cannot be written.
    """
    template = bundled("plugin-template")
    environment = _environment()
    context = {"cookiecutter": asdict(answers)}
    _check(template, environment, context)
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise ConfigurationError(f"{destination} exists and is not empty", hint="choose another name or -o FOLDER")
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".new-project-") as aside:
            project = Path(aside) / "project"
            made = _render_files(template / _ROOT, project, environment, context)
            if destination.exists():
                destination.rmdir()
            project.rename(destination)
    except OSError as problem:
        raise ConfigurationError(f"{destination} cannot be made", why=str(problem)) from problem
    return made


def _environment() -> Environment:
    from jinja2 import Environment, StrictUndefined

    # The files are source code, where HTML's escapes would be faults.
    return Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701


def _check(template: Path, environment: Environment, context: Mapping[str, object]) -> None:
    """Run the template's own check, as cookiecutter does before it makes a project."""
    hook = (template / "hooks" / "pre_gen_project.py").read_text(encoding="utf-8")
    script = environment.from_string(hook).render(context)
    finished = subprocess.run(
        [sys.executable, "-I", "-"], input=script, capture_output=True, text=True, encoding="utf-8", check=False
    )
    if finished.returncode != 0:
        raise ConfigurationError(
            "these answers give no valid project",
            why=finished.stderr.strip(),
            hint="dioptra-plugins new NAME, with a name of letters, digits, spaces and hyphens",
        )


def _render_files(
    source: Path, target: Path, environment: Environment, context: Mapping[str, object]
) -> tuple[Path, ...]:
    made: list[Path] = []
    for path in sorted(source.rglob("*")):
        if path.is_dir() or "__pycache__" in path.parts:
            continue
        relative = Path(environment.from_string(path.relative_to(source).as_posix()).render(context))
        file = target / relative
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(
            environment.from_string(path.read_text(encoding="utf-8")).render(context), encoding="utf-8", newline="\n"
        )
        shutil.copymode(path, file)
        made.append(relative)
    return tuple(sorted(made))


def _git_user_name() -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    finished = subprocess.run([git, "config", "user.name"], capture_output=True, text=True, check=False)
    return finished.stdout.strip() or None
