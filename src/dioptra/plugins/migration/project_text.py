"""The files that a migration writes beside the plugin's own: pyproject.toml, README, tests and what to review; pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from dioptra.manifest.model import ModuleEntry
from dioptra.plugins.migration.dependencies import OWN, first_places
from dioptra.plugins.migration.model import Dependency, Finding, ProjectPlan

IGNORED = "__pycache__/\n.pytest_cache/\n.venv/\n/build/\n/dist/\n"
"""The content of ``.gitignore``: build backends leave out what it names, so that it must not name parts of a plugin."""

_PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = {name}
version = "0.1.0"
description = {description}
readme = "README.md"
requires-python = ">=3.11"
# Guessed from imports: review each line, and add the versions that the code works with.
dependencies = [
{dependencies}
]
{extras}{entry_points}
[dependency-groups]
dev = ["build>=1.2", "pytest>=8"]

[tool.hatch.build.targets.wheel]
only-include = [{included}]
sources = ["src"]

[tool.pytest.ini_options]
testpaths = ["tests"]
addopts = ["--strict-markers", "--strict-config"]
"""

_README = """\
# {name}

{description}

Read [MIGRATION.md](MIGRATION.md) first: it lists what a person has to look at.

Work on it, in a virtual environment that has dioptra-plugins:

```sh
python -m pip install -e . --group dev
pytest
```

Publish it (raise `version` in pyproject.toml first; published files never change):

```sh
dioptra-plugins publish . --index s3://bucket/prefix
```
{extras}
Its tasks:

{tasks}
"""

_TESTS = '''\
"""Every task is found by its name, and its module can be imported."""

import pytest

from dioptra import pyplugs

TASKS = [
{tasks}
]


@pytest.mark.parametrize(("package", "plugin", "func", "label"), TASKS)
def test_task_can_be_loaded(package: str, plugin: str, func: str, label: str | None) -> None:
    assert callable(pyplugs.get(package, plugin, func, label=label))
'''


def pyproject_toml(plan: ProjectPlan) -> str:
    """Write a project's ``pyproject.toml`` (PyPA's specification, PEP 621).

    Args:
        plan: The project.

    Returns:
        The text. What was guessed carries a comment that says from where; what is not known is a comment as a whole.
    """
    required = [item for item in plan.dependencies if not item.is_optional or item.distribution is None]
    lines = [f'    "{OWN}>=0.1",', *(_dependency_line(item) for item in required)]
    included = sorted({f"src/{path.partition('/')[0]}" for path in plan.files})
    # Names are identifiers, or dotted ones, which TOML would take for tables.
    entry_points = [f"{_key(item.name)} = {_string(item.value)}" for item in plan.entry_points]
    group = "\n".join(['\n[project.entry-points."dioptra.plugins"]', *entry_points, ""]) if entry_points else ""
    return _PYPROJECT.format(
        name=json.dumps(plan.name),
        description=json.dumps(_description(plan)),
        dependencies="\n".join(lines),
        extras=_extras(plan),
        entry_points=group,
        included=", ".join(map(json.dumps, included)),
    )


def readme(plan: ProjectPlan, modules: Sequence[ModuleEntry]) -> str:
    """Write a project's README.

    Args:
        plan: The project.
        modules: Its plugin modules.
    """
    extras = ", ".join(f"`{plan.name}[{extra}]`" for extra in _optional(plan))
    return _README.format(
        name=plan.name,
        description=_description(plan),
        extras=f"\nSome tasks need more than the others: lock {extras} to have it installed.\n" if extras else "",
        tasks="\n".join(f"- `{module.name}.{task.func}{task.signature}`" for module in modules for task in module.tasks)
        or "(none: other projects import it)",
    )


def tests(modules: Sequence[ModuleEntry]) -> str:
    """Write a test that loads every task.

    Args:
        modules: The project's plugin modules.
    """
    lines = [
        f"    ({', '.join(map(json.dumps, (module.package, module.plugin, task.func)))}, {_text_or_none(task.label)}),"
        for module in modules
        for task in module.tasks
    ]
    return _TESTS.format(tasks="\n".join(lines))


def review_list(plan: ProjectPlan, findings: Sequence[Finding], modules: Sequence[ModuleEntry]) -> str:
    """Write ``MIGRATION.md``: what was rewritten, and what a person has to look at.

    Args:
        plan: The project.
        findings: What was found in its files.
        modules: Its plugin modules.
    """
    review = [item for item in findings if item.action == "review"]
    rewritten = [item for item in findings if item.action == "rewritten"]
    guesses = [
        f"{' / '.join(f'`{name}`' for name in item.imported)} → {_guess(item)} ({item.reason}; "
        f"{'optional; ' if item.is_optional else ''}{first_places(item.places)})"
        for item in plan.dependencies
    ]
    unseen = [f"`{module.path}`: {why}" for module in modules if (why := module.dynamic) is not None]
    sections = {
        "Left to you": [f"`{item.place}` `{item.found}`: {item.advice}" for item in review],
        "Tasks that cannot be seen without importing the module": unseen,
        "Dependencies, guessed from imports": guesses,
        "Rewritten": [f"`{item.place}` `{item.found}`: {item.advice}" for item in rewritten],
        "Not stated by the raw folder": ["`license` and `authors` in pyproject.toml", "`version`: it starts at 0.1.0"],
    }
    parts = [
        f"## {title}\n\n" + "\n".join(f"- [ ] {line}" for line in lines) for title, lines in sections.items() if lines
    ]
    return "\n\n".join([f"# What to look at in {plan.name}", *parts]) + "\n"


def _key(text: str) -> str:
    """A TOML key; a bare one where it may be."""
    return text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else _string(text)


def _string(text: str) -> str:
    """A TOML string; JSON's escapes of characters beyond the basic plane are none of TOML's."""
    return json.dumps(text, ensure_ascii=False)


def _description(plan: ProjectPlan) -> str:
    packages = sorted({path.partition("/")[0].removesuffix(".py") for path in plan.files})
    what = ", ".join(item.value for item in plan.entry_points) if len(plan.entry_points) == 1 else ", ".join(packages)
    return f"Task plugins of {what}." if plan.entry_points else f"A library for task plugins of {what}."


def _guess(dependency: Dependency) -> str:
    return f"`{dependency.distribution}`" if dependency.distribution else "**not known**"


def _dependency_line(dependency: Dependency) -> str:
    if dependency.distribution is None:
        return f"    # {', '.join(map(json.dumps, dependency.imported))}, # {_why(dependency)}"
    return f"    {json.dumps(dependency.distribution)}, # {_why(dependency)}"


def _optional(plan: ProjectPlan) -> dict[str, Dependency]:
    return {item.distribution: item for item in plan.dependencies if item.is_optional and item.distribution}


def _extras(plan: ProjectPlan) -> str:
    optional = _optional(plan)
    if not optional:
        return ""
    lines = [f"{extra} = [{json.dumps(extra)}] # {_why(item)}" for extra, item in optional.items()]
    if len(optional) > 1:
        everything = f"{plan.name}[{','.join(optional)}]"
        lines.append(f"all = [{json.dumps(everything)}]")
    comment = "# What the code imports where it is there, and does without otherwise."
    return "\n".join(["", comment, "[project.optional-dependencies]", *lines, ""])


def _text_or_none(text: str | None) -> str:
    return "None" if text is None else json.dumps(text)


def _why(dependency: Dependency) -> str:
    return f"review: {', '.join(dependency.imported)}: {dependency.reason}; {first_places(dependency.places)}"
