from __future__ import annotations

import ast
import random

import pytest

from dioptra.manifest.scanner import scan_module
from dioptra.pyplugs import Provenance, TaskDescription
from dioptra.pyplugs._static import describe_entry
from dioptra.pyplugs._stub_types import UnknownTypeError, type_text
from dioptra.pyplugs._stubs import OVERLOADS_AT_MOST, stub_files

INSTALLED = "dioptra/pyplugs/_installed_tasks.pyi"


def described(module: str, source: str) -> list[TaskDescription]:
    text = f"from dioptra import pyplugs\n{source.replace('@task', '@pyplugs.register')}"
    entry = scan_module(text.encode(), name=module, path=f"{module.replace('.', '/')}.py")
    assert entry.error is None
    origin = Provenance("lab-tasks", "1.0")
    return [describe_entry(entry.package, entry.plugin, task, origin) for task in entry.tasks]


def stub(*tasks: TaskDescription) -> str:
    return stub_files(tasks)[INSTALLED]


def test_every_file_is_python_and_does_not_depend_on_the_order() -> None:
    tasks = [
        *described("lab.images", "@task\ndef f(a: int) -> str:\n    'Do it.'\n@task\nasync def g(): ...\n"),
        *described("lab", "@task\ndef images(): ...\n"),
        *described("top", "@task\nclass C:\n    def __init__(self, x: float): ...\n"),
        *described("lab.class", "@task\ndef f(): ...\n"),
    ]
    files = stub_files(tasks)
    assert sorted(files) == ["dioptra/__init__.pyi", "dioptra/pyplugs/__init__.pyi", INSTALLED]
    for text in files.values():
        ast.parse(text)
    mixed = random.Random(1).sample(tasks, len(tasks))
    assert stub_files(mixed) == files


def test_signatures_and_docstrings_are_there() -> None:
    text = stub(*described("lab.images", 'from x import Y\n@task\ndef f(a: int, b: Y = None) -> list:\n    "Do it."\n'))
    assert "def f(a: int, b: _typing.Any = ...) -> list[_typing.Any]:" in text
    assert '"""Do it.' in text
    assert "In the source: (a: int, b: Y = None) -> list" in text
    assert "From lab-tasks 1.0." in text


@pytest.mark.parametrize(
    "docstring",
    ['ends with a quote"', 'three """ of them', "a back\\slash", "tab\tand \x0c form feed", "\u202e turned"],
)
def test_no_docstring_breaks_a_file(docstring: str) -> None:
    text = stub(*described("lab.images", f"@task\ndef f():\n    {docstring!r}\n"))
    (first,) = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef) and node.name == "f"]
    assert (ast.get_docstring(first, clean=False) or "").startswith(docstring.expandtabs())
    assert all(char.isprintable() or char == "\n" for char in text)


def test_names_that_cannot_be_attributes_are_only_called_by_name() -> None:
    text = stub(*described("lab.class", "@task\ndef f(a: int): ...\n"))
    assert "# No attribute can have this name, use `call`: 'lab', 'class', 'f'" in text
    assert "_typing.Literal['class']" in text


def test_parameters_named_like_those_of_call_keep_their_names() -> None:
    tasks = described("lab.images", "@task\ndef f(package: str, func: int): ...\n@task\ndef g(label: str): ...\n")
    overloads = [line for line in stub(*tasks).splitlines() if line.startswith("def call(")]
    assert "package_: _typing.Literal['lab']" in overloads[0]
    assert "package: str, func: int" in overloads[0]
    assert not any("Literal['g']" in line for line in overloads)


def test_too_many_tasks_leave_call_as_it_is() -> None:
    source = "".join(f"@task\ndef f{number}(): ...\n" for number in range(OVERLOADS_AT_MOST + 1))
    text = stub(*described("lab.images", source))
    assert "from dioptra.pyplugs._api import call as call" in text
    assert "@_typing.overload" not in text


def test_no_tasks_are_a_valid_stub() -> None:
    text = stub()
    ast.parse(text)
    assert "tasks: _Tasks" in text


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("int", "int"),
        ("'int'", "int"),
        ("dict", "dict[_typing.Any, _typing.Any]"),
        ("Optional[List[str]]", "_typing.List[str] | None"),
        ("typing.Union[int, None]", "int | None"),
        ("Callable[[int], str]", "_abc.Callable[[int], str]"),
        ("tuple[int, ...]", "tuple[int, ...]"),
        ("Literal['a', -1, None]", "_typing.Literal['a', -1, None]"),
        ("Annotated[int, 'unit']", "int"),
        ("pathlib.Path", "_pathlib.Path"),
        ("collections.abc.Generator[int]", "_abc.Generator[int, None, None]"),
        ("type[int]", "type[int]"),
    ],
)
def test_well_known_types_are_kept(source: str, wanted: str) -> None:
    assert type_text(source) == wanted


@pytest.mark.parametrize(
    "source",
    ["np.ndarray", "Picture", "list[Picture]", "dict[int]", "Literal[1.5]", "Set", "1 + 2", "f()", "(", "x" * 9],
)
def test_other_types_are_refused(source: str) -> None:
    with pytest.raises(UnknownTypeError):
        type_text(source)


def test_a_builtin_that_is_shadowed_is_named_in_full() -> None:
    assert type_text("list[int]", shadowed=frozenset({"list"})) == "_builtins.list[int]"
    text = stub(*described("lab.list", "@task\ndef int(a: int) -> str: ...\n"))
    assert "def int(a: _builtins.int) -> str:" in text
