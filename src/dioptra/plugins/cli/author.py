"""The author's commands: `new`, `build`, `check`, `publish`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from dioptra.plugins.cli.options import chosen_index, index_option, json_option
from dioptra.plugins.cli.output import print_json, print_table, say, size_text


@click.command(name="new")
@click.argument("name")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder to make the project in (default: .).")
@click.option("--author", help="Author's name (default: git's user.name).")
@click.option("--email", help="Author's e-mail address.")
@click.option("--description", help="One line that says what the plugin does.")
@json_option
def new_command(
    name: str, output: Path | None, author: str | None, email: str | None, description: str | None, as_json: bool
) -> None:
    """Make a plugin project called NAME from the template."""
    from dioptra.plugins.template import project_answers, render_template

    answers = project_answers(name, author=author, email=email, description=description)
    project = (output or Path()) / answers.distribution
    files = render_template(answers, project)
    if as_json:
        print_json({"project": str(project), "files": [str(file) for file in files]})
        return
    print(project)
    say(f"made {len(files)} files; next:")
    say(f"  cd {project}")
    say("  python -m pip install --upgrade pip && python -m pip install -e . --group dev")
    say("  pytest")
    say("  dioptra-plugins publish . --index URL")


@click.command(name="build")
@click.argument("project", type=click.Path(path_type=Path), default=Path())
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder for the wheel (default: PROJECT/dist).")
@click.option("--no-isolation", is_flag=True, help="Build with the packages that are installed here.")
@json_option
def build_command(project: Path, output: Path | None, no_isolation: bool, as_json: bool) -> None:
    """Build the wheel of PROJECT (default: the current folder)."""
    from dioptra.plugins.builder import build_wheel

    wheel = build_wheel(project, output or project / "dist", isolated=not no_isolation)
    if as_json:
        print_json({"wheel": str(wheel)})
    else:
        print(wheel)


@click.command(name="check")
@click.argument("wheels", metavar="WHEEL...", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
def check_command(wheels: tuple[Path, ...], as_json: bool) -> int:
    """Check WHEELs as publishing and installing do; shows all problems at once."""
    from dioptra.plugins.errors import ConfigurationError, WheelRefusedError
    from dioptra.plugins.wheel.archive import read_wheel

    problems: dict[str, tuple[str, ...]] = {}
    for wheel in wheels:
        if not wheel.is_file():
            raise ConfigurationError(f"{wheel} is not a file")
        try:
            read_wheel(wheel, wheel.name)
            problems[str(wheel)] = ()
        except WheelRefusedError as refusal:
            problems[str(wheel)] = refusal.problems
    if as_json:
        print_json({"wheels": [{"wheel": wheel, "problems": list(found)} for wheel, found in problems.items()]})
    else:
        for wheel_path, found in problems.items():
            print(f"{wheel_path}: {'sound' if not found else f'{len(found)} problem(s)'}")
            for problem in found:
                print(f"  {problem}")
    return 1 if any(problems.values()) else 0


@click.command(name="publish")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@index_option
@json_option
def publish_command(paths: tuple[Path, ...], index_values: tuple[str, ...], as_json: bool) -> None:
    """Publish PATHs: wheels, folders of wheels, or projects, which are built first."""
    from dioptra.plugins.clock import SystemClock
    from dioptra.plugins.index.publish import publish
    from dioptra.plugins.object_store.locate import open_store

    store = open_store(chosen_index(index_values).url)
    with tempfile.TemporaryDirectory() as folder:
        wheels = [wheel for path in paths for wheel in _wheels_of(path, Path(folder))]
        publications = publish(wheels, store, clock=SystemClock())
    if as_json:
        print_json(
            {
                "index": store.url,
                "wheels": [
                    {
                        "project": publication.project,
                        "version": str(publication.version),
                        "filename": publication.filename,
                        "sha256": publication.sha256,
                        "size": publication.size,
                        "status": publication.status,
                    }
                    for publication in publications
                ],
            }
        )
        return
    print_table(
        ("project", "version", "size", "sha256", "status"),
        [
            (item.project, str(item.version), size_text(item.size), item.sha256[:12], item.status)
            for item in publications
        ],
    )
    say(f"index: {store.url}")


def _wheels_of(path: Path, folder: Path) -> list[Path]:
    """The wheels that one PATH stands for."""
    from dioptra.plugins.builder import build_wheel
    from dioptra.plugins.errors import ConfigurationError

    if not path.is_dir():
        return [path]
    if (path / "pyproject.toml").is_file():
        say(f"building {path}")
        return [build_wheel(path, folder / str(len(list(folder.iterdir()))))]
    wheels = sorted(path.glob("*.whl"))
    if not wheels:
        raise ConfigurationError(
            f"{path} holds nothing to publish",
            why="it is neither a project (pyproject.toml) nor a folder of wheels",
            hint="dioptra-plugins build PROJECT makes a wheel",
        )
    return wheels
