"""Which wheel file names an index takes: one spelling a file, so that a name and version can carry one set of bytes.

The binary distribution format has one normal spelling of names and versions, but tools read others. ``foo-1.0`` and
``foo-1.0.0`` would be two files of one release that fit the same machines, and a client would take either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from packaging.tags import Tag
from packaging.utils import BuildTag, NormalizedName
from packaging.version import Version

from dioptra.plugins.errors import UnsatisfiedError
from dioptra.plugins.wheel.model import WheelName


def refuse_file_names(
    wheels: Iterable[WheelName], present: Mapping[NormalizedName, Iterable[WheelName]], *, normal_only: bool
) -> None:
    """Refuse wheels whose file name is another spelling of a published one, or not the normal spelling.

    Args:
        wheels: What is to be published.
        present: What is published, by project.
        normal_only: Whether every other spelling is refused. Only then do two publishers at once never publish one
            file under two names.

    Raises:
        UnsatisfiedError: Some are refused; names all of them.
    """
    published = {name.filename for names in present.values() for name in names}
    spellings = {_identity(name): name.filename for names in present.values() for name in names}
    problems = []
    for wheel in wheels:
        taken = spellings.setdefault(_identity(wheel), wheel.filename)
        if taken != wheel.filename:
            problems.append(f"{wheel.filename} is another spelling of {taken}")
        elif normal_only and wheel.filename != _normal(wheel) and wheel.filename not in published:
            problems.append(f"{wheel.filename} is not in the normal spelling, {_normal(wheel)}")
    if problems:
        raise UnsatisfiedError(
            "a file has one name in an index",
            why="\n".join(problems),
            hint="build again with a current build backend, which spells names and versions in the normal form",
        )


def _identity(wheel: WheelName) -> tuple[NormalizedName, Version, BuildTag, frozenset[Tag]]:
    """What makes two file names mean one file."""
    return wheel.project, wheel.version, wheel.build, wheel.tags


def _normal(wheel: WheelName) -> str:
    rest = wheel.filename.split("-", 2)[2]
    return f"{wheel.project.replace('-', '_')}-{wheel.version}-{rest}"
