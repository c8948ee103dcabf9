from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent

import pytest

from dioptra.manifest.distribution import parse_value, scan_distribution
from dioptra.manifest.model import EntryPoint, ModuleEntry, TaskManifest

TASK = "from dioptra import pyplugs\n@pyplugs.register\ndef {}(x): ...\n"


def scan(files: Mapping[str, str], **entry_points: str) -> TaskManifest:
    return scan_distribution(
        project="fog",
        version="1.0",
        entry_points=[EntryPoint(name=name, value=value) for name, value in entry_points.items()],
        files=files,
        read=lambda path: dedent(files[path]).encode(),
    )


def listed(manifest: TaskManifest) -> dict[str, list[str]]:
    return {module.name: [task.func for task in module.tasks] for module in manifest.modules}


def only(manifest: TaskManifest) -> ModuleEntry:
    (module,) = manifest.modules
    return module


def test_package_means_all_public_modules_below_it() -> None:
    manifest = scan(
        {
            "fog/__init__.py": "",
            "fog/data.py": TASK.format("load"),
            "fog/deep/__init__.py": "",
            "fog/deep/er/images.py": TASK.format("resize"),
            "fog/_own.py": TASK.format("hidden"),
            "fog/_own_too/plug.py": TASK.format("hidden"),
            "fog/__main__.py": TASK.format("hidden"),
            "fog/library.py": "x = 1",
            "fogger/plug.py": TASK.format("of_another_package"),
            "fog-1.0.dist-info/plug.py": TASK.format("of_no_package"),
            "fog/not-a-name.py": TASK.format("of_no_module"),
        },
        fog="fog",
    )

    assert listed(manifest) == {"fog.data": ["load"], "fog.deep.er.images": ["resize"]}
    assert (manifest.project, manifest.version) == ("fog", "1.0")
    assert manifest.entry_points == (EntryPoint(name="fog", value="fog"),)


def test_package_that_registers_tasks_itself_is_a_plugin_of_its_parent() -> None:
    manifest = scan({"top/fog/__init__.py": TASK.format("f")}, fog="top.fog")

    assert [(module.package, module.plugin, task.func) for module, task in manifest.tasks] == [("top", "fog", "f")]


def test_namespace_package_means_the_modules_of_this_distribution() -> None:
    manifest = scan({"space/a/plug.py": TASK.format("f"), "space/b.py": TASK.format("g")}, fog="space")

    assert listed(manifest) == {"space.a.plug": ["f"], "space.b": ["g"]}


def test_module_that_is_named_is_listed_though_it_holds_no_task() -> None:
    assert listed(scan({"fog/_plain.py": "x = 1"}, fog="fog._plain")) == {"fog._plain": []}


def test_dynamic_and_broken_modules_of_a_package_are_listed() -> None:
    manifest = scan(
        {"fog/looped.py": "from dioptra import pyplugs\nfor f in fs: pyplugs.register(f)", "fog/wrong.py": "def"},
        fog="fog",
    )

    looped, wrong = manifest.modules
    assert looped.dynamic is not None
    assert wrong.error is not None


def test_package_is_found_before_a_module_of_the_same_name() -> None:
    files = {"fog.py": TASK.format("module"), "fog/__init__.py": TASK.format("package")}

    assert listed(scan(files, fog="fog")) == {"fog": ["package"]}


CALLABLES = """
    from dioptra import pyplugs
    from elsewhere import imported

    def plain(x: int, *, y=2) -> float:
        '''Say it.'''

    if plain:
        async def conditional(z): ...

    @pyplugs.register
    def decorated(w): ...

    alias = plain

    class Tools:
        def __init__(self, size): ...
        def method(self, q):
            '''Of the class.'''
"""


def test_callable_becomes_a_task_beside_the_decorated_ones() -> None:
    module = only(scan({"fog/plug.py": CALLABLES}, fog="fog.plug:plain"))

    decorated, plain = module.tasks
    assert (decorated.func, decorated.entry_point) == ("decorated", None)
    assert (module.package, module.plugin, plain.func, plain.entry_point) == ("fog", "plug", "plain", "fog")
    assert (plain.signature, plain.doc, plain.line) == ("(x: int, *, y=2) -> float", "Say it.", 5)


@pytest.mark.parametrize(
    ("attribute", "func", "signature", "doc"),
    [
        ("conditional", "conditional", "(z)", ""),
        ("alias", "alias", "(x: int, *, y=2) -> float", "Say it."),
        ("Tools", "Tools", "(size)", ""),
        ("Tools.method", "method", "(...)", "Of the class."),
        ("Tools.missing", "missing", "(...)", ""),
        ("imported", "imported", "(...)", ""),
    ],
)
def test_callable_has_the_signature_that_can_be_seen(attribute: str, func: str, signature: str, doc: str) -> None:
    module = only(scan({"fog/plug.py": CALLABLES}, fog=f"fog.plug:{attribute}"))

    task = module.tasks[-1]
    assert (task.func, task.signature, task.doc) == (func, signature, doc)
    assert task.entry_point == "fog"


def test_callable_that_a_decorator_registers_is_one_task() -> None:
    module = only(scan({"fog/plug.py": CALLABLES}, fog="fog.plug:decorated"))

    assert [(task.func, task.entry_point) for task in module.tasks] == [("decorated", None)]


def test_callables_of_one_module_are_listed_together() -> None:
    manifest = scan({"fog/plug.py": CALLABLES}, b="fog.plug:plain", a="fog.plug:alias", c="fog")

    assert listed(manifest) == {"fog.plug": ["decorated", "alias", "plain"]}


def test_extras_of_an_entry_point_are_ignored() -> None:
    assert listed(scan({"fog/plug.py": CALLABLES}, fog="fog.plug : plain [gpu, cpu]")) == {
        "fog.plug": ["decorated", "plain"]
    }


@pytest.mark.parametrize(
    ("value", "named", "why"),
    [
        ("mist.plug", "mist.plug", "names a module that this distribution does not hold"),
        ("fog.plug.more", "fog.plug.more", "names a module that this distribution does not hold"),
        ("fog.missing:f", "fog.missing", "names a module that this distribution does not hold"),
        ("space:f", "space", "names a namespace package"),
        ("no-module", "no-module", "is not of the form"),
        ("mist:", "mist", "is not of the form"),
        ("mist:a b", "mist", "is not of the form"),
        ("mist..plug", "mist..plug", "is not of the form"),
        ("1fog", "1fog", "is not of the form"),
        (":f", ":f", "is not of the form"),
    ],
)
def test_wrong_entry_point_is_a_value_with_its_error(value: str, named: str, why: str) -> None:
    manifest = scan({"fog/plug.py": TASK.format("f"), "space/plug.py": ""}, bad=value, good="fog.plug")

    wrong = next(module for module in manifest.modules if module.error)
    assert wrong.name == named
    assert wrong.error is not None
    assert wrong.error.startswith(f"entry point 'bad = {value}' ")
    assert why in wrong.error
    assert listed(manifest)["fog.plug"] == ["f"]


def test_mistake_of_one_entry_point_does_not_spoil_the_module_that_another_names() -> None:
    manifest = scan({"fog/plug.py": TASK.format("f")}, bad="fog.plug:a b", good="fog.plug")

    errors = {module.name: module.error is not None for module in manifest.modules}
    assert errors == {"fog.plug": False, "fog.plug:a b": True}


def test_every_entry_point_of_a_missing_module_is_told() -> None:
    module = only(scan({}, a="mist", b="mist:f"))

    assert module.error is not None
    assert "'a = mist'" in module.error
    assert "'b = mist:f'" in module.error


def test_file_that_cannot_be_read_is_a_value_with_its_error() -> None:
    def read(path: str) -> bytes:
        if path == "fog/gone.py":
            raise FileNotFoundError(2, "No such file or directory", path)
        return TASK.format("f").encode()

    manifest = scan_distribution(
        project="fog",
        version="1.0",
        entry_points=[EntryPoint(name="fog", value="fog")],
        files=["fog/gone.py", "fog/plug.py"],
        read=read,
    )

    gone, plug = manifest.modules
    assert gone.error is not None
    assert "No such file" in gone.error
    assert [task.func for task in plug.tasks] == ["f"]


def test_extension_module_is_dynamic_and_a_carried_library_is_none() -> None:
    files = {"fog/fast.cpython-311-x86_64-linux-gnu.so": "", "fog/lib/libm.so": "", "fog/plug.py": TASK.format("f")}
    manifest = scan(files, fog="fog")

    assert listed(manifest) == {"fog.fast": [], "fog.plug": ["f"]}
    assert manifest.modules[0].dynamic is not None


NEIGHBOURS = {
    "fog/_timing.py": "def timed(f): return f",
    "fog/_registry.py": "from dioptra import pyplugs\ndef task(f): return pyplugs.register(f)",
    "fog/_front.py": "from ._registry import task as plugin",
}


@pytest.mark.parametrize(
    ("source", "is_dynamic"),
    [
        ("from ._timing import timed\n@timed\ndef f(): ...", False),
        ("from ._registry import task\n@task\ndef f(): ...", True),
        ("from fog import _registry\n@_registry.task\ndef f(): ...", True),
        ("from ._front import plugin\n@plugin\ndef f(): ...", True),
        ("from numpy import vectorize\n@vectorize\ndef f(): ...", False),
    ],
)
def test_decorators_of_neighbours_count_only_if_they_can_register(source: str, is_dynamic: bool) -> None:
    manifest = scan({**NEIGHBOURS, "fog/plug.py": source}, fog="fog.plug")

    assert (only(manifest).dynamic is not None) is is_dynamic


def test_decorator_from_another_distributions_part_of_the_namespace_may_register() -> None:
    manifest = scan({"space/fog/plug.py": "from space.mist import task\n@task\ndef f(): ..."}, fog="space.fog")

    assert only(manifest).dynamic is not None


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        ("a.b", ("a.b", None)),
        (" a.b : C.d [x] ", ("a.b", "C.d")),
        ("a:b:c", None),
        ("a.", None),
        ("", None),
        ("a[x", None),
    ],
)
def test_entry_point_value_is_parsed_as_the_specification_says(value: str, parsed: tuple[str, str | None]) -> None:
    assert parse_value(value) == parsed
