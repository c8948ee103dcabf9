"""Building a project's wheel (PEP 517) with the `build` library; the only module that imports it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from dioptra.plugins.errors import ConfigurationError, UnsatisfiedError

_LINES_SHOWN = 20


def build_wheel(project: Path, output: Path, *, isolated: bool = True) -> Path:
    """Build one wheel.

    Args:
        project: Folder with a pyproject.toml.
        output: Folder for the wheel; made if absent. A wheel of the same name is replaced in one step.
        isolated: Whether to build in a fresh environment with just the declared build requirements. Otherwise the
            running interpreter's own packages are used.

    Returns:
        The wheel's path.

    Raises:
        ConfigurationError: The `build` package is not installed, or `project` is no project folder.
        UnsatisfiedError: The build failed; carries the last lines that the build backend printed.
    """
    try:
        from build import BuildBackendException, BuildException, ProjectBuilder
        from build.env import DefaultIsolatedEnv
    except ModuleNotFoundError as missing:
        raise ConfigurationError(
            "building needs the package 'build'",
            why=f"{missing.name} is not installed",
            hint="install dioptra-plugins with its extra 'publish'",
        ) from missing
    if not (project / "pyproject.toml").is_file():
        raise ConfigurationError(
            f"{project} is no Python project",
            why="it has no pyproject.toml",
            hint="dioptra-plugins new NAME makes a plugin project",
        )
    output.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=output, prefix=".building-") as aside:
            if isolated:
                with DefaultIsolatedEnv() as environment:
                    builder = ProjectBuilder.from_isolated_env(environment, project, runner=_run_quietly)
                    environment.install(builder.build_system_requires)
                    environment.install(builder.get_requires_for_build("wheel"))
                    built = Path(builder.build("wheel", aside))
            else:
                builder = ProjectBuilder(project, runner=_run_quietly)
                missing_requirements = builder.check_dependencies("wheel")
                if missing_requirements:
                    raise ConfigurationError(
                        f"{project} cannot be built without isolation",
                        why="not installed: " + ", ".join(sorted({chain[-1] for chain in missing_requirements})),
                        hint="install them, or build without --no-isolation",
                    )
                built = Path(builder.build("wheel", aside))
            return built.replace(output / built.name)
    except (BuildException, BuildBackendException) as failure:
        raise UnsatisfiedError(f"building {project} failed", why=_explain(failure)) from failure
    except subprocess.CalledProcessError as failure:
        raise UnsatisfiedError(f"building {project} failed", why=_last_lines(failure)) from failure


def can_build_without_isolation(project: Path) -> bool:
    """Whether the running interpreter has everything the project's build declares.

    Raises:
        UnsatisfiedError: The project's build settings cannot be read.
    """
    from build import BuildBackendException, BuildException, ProjectBuilder, check_dependency

    try:
        builder = ProjectBuilder(project, runner=_run_quietly)
        # The static list first: the backend can only be asked for more where it is installed.
        static = all(not list(check_dependency(requirement)) for requirement in builder.build_system_requires)
        return static and not builder.check_dependencies("wheel")
    except (BuildException, BuildBackendException) as failure:
        raise UnsatisfiedError(f"{project} cannot be built", why=_explain(failure)) from failure


def _run_quietly(cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None) -> None:
    """Run one step of a build and keep what it prints, for the error."""
    environment = {**os.environ, **(extra_environ or {})}
    subprocess.run(
        list(cmd),
        cwd=cwd,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def _explain(failure: Exception) -> str:
    inner = getattr(failure, "exception", None)
    return _last_lines(inner) if isinstance(inner, subprocess.CalledProcessError) else str(failure)


def _last_lines(failure: subprocess.CalledProcessError) -> str:
    output = (failure.output or b"").decode(errors="replace").strip()
    return "\n".join(output.splitlines()[-_LINES_SHOWN:]) or f"exit code {failure.returncode}"
