from __future__ import annotations

import importlib
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from dioptra import pyplugs
from dioptra.manifest.model import ModuleEntry, Parameter
from dioptra.manifest.scanner import scan_module
from dioptra.manifest.signatures import parse_signature


def scan(source: str | bytes, *, name: str = "pkg.plug", path: str = "pkg/plug.py") -> ModuleEntry:
    return scan_module(dedent(source).encode() if isinstance(source, str) else source, name=name, path=path)


SEEN = {
    "bare decorator": """
        from dioptra import pyplugs
        @pyplugs.register
        def f(): ...
    """,
    "called decorator": """
        from dioptra import pyplugs
        @pyplugs.register()
        def f(): ...
    """,
    "imported name": """
        from dioptra.pyplugs import register
        @register
        def f(): ...
    """,
    "imported name under another": """
        from dioptra.pyplugs import register as r
        @r(sort_value=1)
        def f(): ...
    """,
    "whole path": """
        import dioptra.pyplugs
        @dioptra.pyplugs.register
        def f(): ...
    """,
    "module under another name": """
        import dioptra.pyplugs as p
        @p.register
        def f(): ...
    """,
    "module from the namespace under another name": """
        from dioptra import pyplugs as p
        @p.register
        def f(): ...
    """,
    "assigned alias": """
        from dioptra import pyplugs
        r = pyplugs.register
        @r
        def f(): ...
    """,
    "assigned alias of the module": """
        from dioptra import pyplugs
        a = b = pyplugs
        @b.register
        def f(): ...
    """,
    "alias in a tuple": """
        from dioptra import pyplugs
        r, other = pyplugs.register, 3
        @r
        def f(): ...
    """,
    "annotated alias": """
        from dioptra import pyplugs
        r: object = pyplugs.register
        @r
        def f(): ...
    """,
    "alias in an assignment expression": """
        from dioptra import pyplugs
        if r := pyplugs.register:
            pass
        @r
        def f(): ...
    """,
    "assigned decorator": """
        from dioptra import pyplugs
        reg = pyplugs.register(sort_value=1)
        @reg
        def f(): ...
    """,
    "star import": """
        from dioptra.pyplugs import *
        @register
        def f(): ...
    """,
    "import in try with a fallback": """
        try:
            from dioptra.pyplugs import register
        except ImportError:
            def register(f): return f
        @register
        def f(): ...
    """,
    "fallback first": """
        try:
            import that_is_not_there
        except ImportError:
            from dioptra.pyplugs import register
        @register
        def f(): ...
    """,
    "fallback that is asked about": """
        try:
            from dioptra import pyplugs
        except ImportError:
            pyplugs = None
        def f(): ...
        if pyplugs and pyplugs is not None and not (not pyplugs):
            pyplugs.register(f)
    """,
    "import under a condition": """
        import sys
        if sys.version_info >= (3,):
            from dioptra import pyplugs
        else:
            pyplugs = None
        @pyplugs.register
        def f(): ...
    """,
    "definition under a condition, in try and in with": """
        import contextlib
        from dioptra import pyplugs
        if len("x"):
            try:
                with contextlib.suppress(ValueError):
                    @pyplugs.register
                    def f(): ...
            finally:
                pass
    """,
    "definition in match": """
        from dioptra import pyplugs
        match 1:
            case 1:
                @pyplugs.register
                def f(): ...
    """,
    "async": """
        from dioptra import pyplugs
        @pyplugs.register
        async def f(): ...
    """,
    "class": """
        from dioptra import pyplugs
        @pyplugs.register
        class f: ...
    """,
    "explicit call": """
        from dioptra import pyplugs
        def f(): ...
        pyplugs.register(f)
    """,
    "explicit call with a value": """
        from dioptra import pyplugs
        def f(): ...
        f = pyplugs.register(f, sort_value=2)
    """,
    "explicit call of a decorator": """
        from dioptra import pyplugs
        def f(): ...
        pyplugs.register(sort_value=3)(f)
    """,
    "explicit call on an alias": """
        from dioptra import pyplugs
        def f(): ...
        g = f
        pyplugs.register(g)
    """,
    "among other decorators": """
        import functools
        from dioptra import pyplugs
        @pyplugs.register
        @functools.lru_cache(maxsize=None)
        def f(): ...
    """,
    "below another decorator": """
        import functools
        from dioptra import pyplugs
        @functools.lru_cache
        @pyplugs.register
        def f(): ...
    """,
    "task_nout above": """
        from dioptra import pyplugs
        @pyplugs.task_nout(2)
        @pyplugs.register
        def f(): ...
    """,
    "task_nout below": """
        from dioptra.pyplugs import register, task_nout
        @register
        @task_nout(nout=2)
        def f(): ...
    """,
    "decorator that a later name hides": """
        from dioptra.pyplugs import register
        @register
        def f(): ...
        def register(f): return f
    """,
    "a function that uses the name for its own": """
        from dioptra.pyplugs import register
        def other(register): return register(1)
        @register
        def f(): ...
    """,
    "a function that calls tasks": """
        from dioptra import pyplugs
        @pyplugs.register
        def f(): return pyplugs.call("a", "b", "c")
    """,
}


@pytest.mark.parametrize("source", SEEN.values(), ids=SEEN)
def test_registration_is_seen(source: str) -> None:
    module = scan(source)

    assert [task.func for task in module.tasks] == ["f"]
    assert (module.dynamic, module.error) == (None, None)


@pytest.mark.parametrize("source", SEEN.values(), ids=SEEN)
def test_scan_lists_what_registers_at_run_time(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    name = f"scanned_{list(SEEN).index(request.node.callspec.id)}"
    (tmp_path / f"{name}.py").write_text(dedent(source))
    monkeypatch.syspath_prepend(tmp_path)
    try:
        importlib.import_module(name)
        assert [task.func for task in scan(source, name=name).tasks] == pyplugs.funcs("", name)
    finally:
        sys.modules.pop(name, None)


def test_sort_value_is_seen() -> None:
    module = scan("""
        from dioptra import pyplugs
        early = pyplugs.register(sort_value=-2)
        @early
        def a(): ...
        @pyplugs.register(sort_value=1.5)
        def b(): ...
        def c(): ...
        pyplugs.register(c, sort_value=3)
        def d(): ...
        pyplugs.register(sort_value=4)(d)
    """)

    assert {task.func: task.sort_value for task in module.tasks} == {"a": -2.0, "b": 1.5, "c": 3.0, "d": 4.0}


@pytest.mark.parametrize(
    "order", ["@pyplugs.task_nout(3)\n@pyplugs.register", "@pyplugs.register\n@pyplugs.task_nout(3)"]
)
def test_number_of_results_is_seen(order: str) -> None:
    assert scan(f"from dioptra import pyplugs\n{order}\ndef f(): ...").tasks[0].nout == 3


def test_number_of_results_is_seen_when_it_is_set_after_registering() -> None:
    module = scan("""
        from dioptra import pyplugs
        @pyplugs.register
        def f(): ...
        f = pyplugs.task_nout(2)(f)
    """)

    assert module.tasks[0].nout == 2


def test_signature_doc_and_line_are_told_as_the_source_states_them() -> None:
    module = scan('''
        """The module.

            Indented.
        """
        from dioptra import pyplugs

        @pyplugs.register
        async def f(a, /, b: "np.ndarray", c: int | None = None, *args: str, d, e=(1, 2), **kw: float) -> list[int]:
            """First.

            Second.
            """
    ''')

    (task,) = module.tasks
    assert module.doc == "The module.\n\nIndented."
    assert (module.package, module.plugin, task.func) == ("pkg", "plug", "f")
    parameters, returns = parse_signature(task.signature)
    assert parameters == (
        Parameter(name="a", kind="positional_only"),
        Parameter(name="b", kind="positional_or_keyword", annotation="'np.ndarray'"),
        Parameter(name="c", kind="positional_or_keyword", annotation="int | None", default="None"),
        Parameter(name="args", kind="var_positional", annotation="str"),
        Parameter(name="d", kind="keyword_only"),
        Parameter(name="e", kind="keyword_only", default="(1, 2)"),
        Parameter(name="kw", kind="var_keyword", annotation="float"),
    )
    assert (returns, task.doc, task.line) == ("list[int]", "First.\n\nSecond.", 9)
    assert (task.is_async, task.is_class) == (True, False)


def test_class_takes_the_parameters_of_its_init() -> None:
    module = scan("""
        from dataclasses import dataclass
        from dioptra.pyplugs import register
        @register
        class Plain:
            def __init__(self, x: int, *, y=1): ...
        @register
        class Odd:
            def __init__(*args): ...
        @register
        class Bare: ...
        @register
        @dataclass
        class Data:
            x: int
    """)

    assert {task.func: task.signature for task in module.tasks} == {
        "Plain": "(x: int, *, y=1)",
        "Odd": "(*args)",
        "Bare": "()",
        "Data": "(...)",
    }
    assert all(task.is_class for task in module.tasks)


def test_later_registration_of_a_name_wins_and_stands_last() -> None:
    module = scan("""
        from dioptra.pyplugs import register
        @register
        def f(a): ...
        @register
        def g(): ...
        @register(replace=True)
        def f(b): ...
    """)

    assert [(task.func, task.signature) for task in module.tasks] == [("g", "()"), ("f", "(b)")]
    assert module.error is None


def test_a_name_that_is_registered_twice_is_an_error_with_its_line() -> None:
    module = scan("""
        from dioptra.pyplugs import register
        @register
        def f(a): ...
        @register
        def f(b): ...
    """)

    assert module.error is not None
    assert module.error.startswith("DuplicateTaskError: line 6: task 'f' is registered twice")


def test_a_name_that_is_registered_once_in_each_branch_is_no_error() -> None:
    module = scan("""
        from dioptra.pyplugs import register
        try:
            import fast
            @register
            def f(a): ...
        except ImportError:
            @register
            def f(b): ...
    """)

    assert [(task.func, task.signature) for task in module.tasks] == [("f", "(b)")]
    assert module.error is None


def test_one_definition_that_is_registered_twice_is_one_task() -> None:
    module = scan("""
        from dioptra.pyplugs import register
        @register
        def f(a): ...
        register(f)
    """)

    assert ([task.func for task in module.tasks], module.error) == (["f"], None)


def test_labels_are_seen() -> None:
    module = scan("""
        from dioptra.pyplugs import register
        KIND = "odd"
        @register(label="fast", sort_value=2)
        def f(): ...
        @register(label=None)
        def g(): ...
        @register(label=KIND)
        def h(): ...
        @register(replace=KIND)
        def i(): ...
    """)

    assert [(task.func, task.label) for task in module.tasks[:2]] == [("f", "fast"), ("g", None)]
    assert module.dynamic == (
        "line 9: label is not a literal text (task 'h'); line 11: replace is not a literal truth value (task 'i')"
    )


@pytest.mark.parametrize(
    ("name", "path", "coordinates"),
    [
        ("plug", "plug.py", ("", "plug")),
        ("a.b.c", "a/b/c.py", ("a.b", "c")),
        ("a.b", "a/b/__init__.py", ("a", "b")),
    ],
)
def test_coordinates_follow_from_the_module_name(name: str, path: str, coordinates: tuple[str, str]) -> None:
    module = scan(SEEN["bare decorator"], name=name, path=path)

    assert (module.package, module.plugin) == coordinates


NOT_REGISTERED = {
    "a local function of that name": """
        def register(f): return f
        @register
        def f(): ...
    """,
    "a local function hides the import": """
        from dioptra.pyplugs import register
        def register(f): return f
        @register
        def f(): ...
    """,
    "an assignment hides the import": """
        from dioptra.pyplugs import register
        register = lambda f: f
        @register
        def f(): ...
    """,
    "unpacking hides the import": """
        from dioptra.pyplugs import register
        register, x = make()
        @register
        def f(): ...
    """,
    "with hides the import": """
        from dioptra import pyplugs
        with open("x") as pyplugs:
            pass
        @pyplugs.register
        def f(): ...
    """,
    "another module's import hides it": """
        from dioptra import pyplugs
        import atexit as pyplugs
        @pyplugs.register
        def f(): ...
    """,
    "deleted": """
        from dioptra import pyplugs
        del pyplugs
        @pyplugs.register
        def f(): ...
    """,
    "the old framework": """
        from mitre.securingai import pyplugs
        @pyplugs.register
        def f(): ...
    """,
    "the old framework's function": """
        from mitre.securingai.pyplugs import register
        @register
        def f(): ...
    """,
    "another library's register": """
        import atexit, functools
        @atexit.register
        def f(): ...
        @functools.singledispatch
        def g(x): ...
        @g.register
        def _(x: int): ...
    """,
    "only for type checkers": """
        from typing import TYPE_CHECKING
        from dioptra import pyplugs
        if TYPE_CHECKING:
            @pyplugs.register
            def f(): ...
    """,
    "a neighbour's function that importing does not call": """
        from . import neighbour
        def f():
            neighbour.work()
            @neighbour.wrap
            def g(): ...
    """,
    "only as a script": """
        from dioptra import pyplugs
        if __name__ == "__main__":
            @pyplugs.register
            def f(): ...
    """,
    "the decorator is made and thrown away": """
        from dioptra import pyplugs
        pyplugs.register()
    """,
}


@pytest.mark.parametrize("source", NOT_REGISTERED.values(), ids=NOT_REGISTERED)
def test_other_things_do_not_count(source: str) -> None:
    module = scan(source)

    assert (module.tasks, module.dynamic, module.error) == ((), None, None)


UNSEEN = {
    "loop": ("for f in fs:\n    pyplugs.register(f)", 3),
    "definition in a loop": ("while True:\n    @pyplugs.register\n    def f(): ...\n    break", 4),
    "function": ("def setup(f):\n    pyplugs.register(f)", 3),
    "function with its own import": ("def setup(f):\n    from dioptra.pyplugs import register\n    register(f)", 4),
    "nested function": ("def setup():\n    @pyplugs.register\n    def f(): ...", 4),
    "method": ("class A:\n    @pyplugs.register\n    def m(self): ...", 4),
    "inside a method": ("class A:\n    def m(self):\n        pyplugs.register(self)", 4),
    "imported function": ("from other import f\npyplugs.register(f)", 3),
    "computed function": ("pyplugs.register(make())", 2),
    "lambda": ("make = lambda f: pyplugs.register(f)", 2),
    "comprehension": ("done = [pyplugs.register(f) for f in fs]", 2),
    "getattr": ("getattr(pyplugs, 'register')(f)", 2),
    "partial": ("import functools\nr = functools.partial(pyplugs.register, sort_value=1)", 3),
    "one of two": ("r = pyplugs or other", 2),
    "attribute": ("ns.register = pyplugs.register", 2),
    "passed on": ("decorate(pyplugs.register, f)", 2),
    "namespace dictionary": ("r = pyplugs.__dict__['register']", 2),
    "import by a call": ("import importlib\nimportlib.import_module('dioptra.pyplugs').register(f)", 3),
    "sys.modules": ("import sys\nsys.modules['dioptra.pyplugs'].register(f)", 3),
    "decorator of the same package": ("from .reg import task\n@task(1)\ndef f(): ...", 3),
    "decorator of a sibling module": ("from . import reg\n@reg.task\ndef f(): ...", 3),
    "decorator from a star import": ("from .reg import *\n@task\ndef f(): ...", 3),
    "function of the same package": ("from pkg.reg import register_all\nregister_all(globals())", 3),
}


@pytest.mark.parametrize(("source", "line"), UNSEEN.values(), ids=UNSEEN)
def test_what_cannot_be_followed_is_dynamic_beside_what_is_seen(source: str, line: int) -> None:
    module = scan(f"from dioptra import pyplugs\n{source}\n@pyplugs.register\ndef seen(): ...\n")

    assert [task.func for task in module.tasks] == ["seen"]
    assert module.dynamic is not None
    assert module.dynamic.startswith(f"line {line}: ")
    assert ";" not in module.dynamic


@pytest.mark.parametrize(
    ("decorator", "why"),
    [
        ("pyplugs.register(sort_value=ORDER)", "sort_value is not a literal number"),
        ("pyplugs.register(sort_value=True)", "sort_value is not a literal number"),
        ("pyplugs.register(sort_value=1e999)", "sort_value is not a literal number"),
        ("pyplugs.register(**options)", "register is called with **"),
        ("pyplugs.register(colour='x')", "register is called with colour"),
    ],
)
def test_task_is_listed_though_its_options_cannot_be_seen(decorator: str, why: str) -> None:
    module = scan(f"from dioptra import pyplugs\n@{decorator}\ndef f(): ...")

    assert [(task.func, task.sort_value) for task in module.tasks] == [("f", 0.0)]
    assert module.dynamic is not None
    assert why in module.dynamic


def test_computed_number_of_results_is_dynamic() -> None:
    module = scan("from dioptra import pyplugs\n@pyplugs.register\n@pyplugs.task_nout(N)\ndef f(): ...")

    assert (module.tasks[0].nout, module.dynamic) == (None, "line 3: task_nout of 'f' is not a literal number")


def test_name_that_a_function_meets_only_later_is_followed() -> None:
    module = scan("def setup(f):\n    pyplugs.register(f)\nfrom dioptra import pyplugs")

    assert module.dynamic is not None
    assert "function 'setup'" in module.dynamic


def test_relative_import_of_the_registry_is_resolved() -> None:
    module = scan("from ..pyplugs import register\n@register\ndef f(): ...", name="dioptra.extra.plug")

    assert [task.func for task in module.tasks] == ["f"]


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (b"\n\ndef f(:\n", "SyntaxError: line 3: "),
        (b"if x:\ny = 1\n", "IndentationError: line 2: "),
        (b"x = 1\ny = \0\n", "line 2: "),
        (b"x = 1\n\ny = '\xff'\n", "SyntaxError: line 3: "),
        (b"#!/usr/bin/python\n# coding: no-such-encoding\n", "SyntaxError: line 2: unknown encoding"),
        (b"-" * 100_000 + b"1", "nested too deeply"),
    ],
)
def test_unreadable_source_is_an_error_with_its_line(source: bytes, error: str) -> None:
    module = scan(source)

    assert module.error is not None
    assert error in module.error
    assert (module.name, module.path, module.tasks) == ("pkg.plug", "pkg/plug.py", ())


def test_declared_encoding_is_obeyed() -> None:
    module = scan("# coding: latin-1\n'é'\n".encode("latin-1"))

    assert (module.doc, module.error) == ("é", None)


def test_doubtful_escape_is_the_authors_business() -> None:
    assert scan(rb"x = '\d'").error is None
