"""The structure that DESIGN promises: who may import whom, and what importing the runtime loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"

# A module may import from its own layer and from those above it in this list. An entry names a module or everything
# below a package; the longest entry that fits counts.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("dioptra.manifest",),
    ("dioptra.sdk.exceptions",),
    ("dioptra.pyplugs",),
    ("dioptra.sdk",),
    # pure values
    (
        "dioptra.plugins",
        "dioptra.plugins.errors",
        "dioptra.plugins.schema",
        "dioptra.plugins.config",
        "dioptra.plugins.host_model",
        "dioptra.plugins.platforms",
        "dioptra.plugins.wheel.model",
        "dioptra.plugins.index.model",
        "dioptra.plugins.index.layout",
        "dioptra.plugins.index.revocation",
        "dioptra.plugins.lock.model",
        "dioptra.plugins.channels.model",
        "dioptra.plugins.object_store.keys",
        "dioptra.plugins.object_store.addresses",
        "dioptra.plugins.plugin_directory.layout",
    ),
    # ports
    ("dioptra.plugins.clock", "dioptra.plugins.object_store.port", "dioptra.plugins.index.catalogue_port"),
    # pure logic
    (
        "dioptra.plugins.wheel.check",
        "dioptra.plugins.wheel.metadata",
        "dioptra.plugins.index.pages",
        "dioptra.plugins.index.record",
        "dioptra.plugins.index.state",
        "dioptra.plugins.index.views",
        "dioptra.plugins.lock.pylock",
        "dioptra.plugins.lock.pylock_parser",
        "dioptra.plugins.lock.targets",
        "dioptra.plugins.host_description",
        "dioptra.plugins.lock.graph",
        "dioptra.plugins.lock.difference",
        "dioptra.plugins.plugin_directory.overlap",
        "dioptra.plugins.resolution",
        "dioptra.plugins.migration",
    ),
    # adapters
    (
        "dioptra.plugins.object_store",
        "dioptra.plugins.wheel",
        "dioptra.plugins.index.descriptor",
        "dioptra.plugins.index.catalogue",
        "dioptra.plugins.index.page_memory",
        "dioptra.plugins.index.remote_wheel",
        "dioptra.plugins.index.sidecar",
        "dioptra.plugins.index.simple_catalogue",
        "dioptra.plugins.builder",
        "dioptra.plugins.disk_cache",
        "dioptra.plugins.durability",
        "dioptra.plugins.bundled",
        "dioptra.plugins.host",
        "dioptra.plugins.host_choice",
        "dioptra.plugins.settings",
        "dioptra.plugins.own_wheel",
        "dioptra.plugins.requirements_file",
        "dioptra.plugins.runtime_owners",
        "dioptra.plugins.lock.download",
        "dioptra.plugins.migration.folder",
        "dioptra.plugins.migration.projects",
        "dioptra.plugins.template",
        "dioptra.plugins.plugin_directory",
    ),
    # workflows
    (
        "dioptra.plugins.index",
        "dioptra.plugins.lock",
        "dioptra.plugins.plugin_directory.rollback",
        "dioptra.plugins.plugin_directory.sync",
        "dioptra.plugins.channels",
        "dioptra.plugins.demo",
    ),
    # edges
    ("dioptra.plugins.cli",),
)

RUNTIME = ("dioptra.manifest", "dioptra.sdk", "dioptra.pyplugs")
ONLY_IN = {
    "prefect": {"dioptra.pyplugs._prefect"},
    "boto3": {"dioptra.plugins.object_store.s3_transport"},
    "botocore": {"dioptra.plugins.object_store.s3", "dioptra.plugins.object_store.s3_transport"},
    "build": {"dioptra.plugins.builder"},
}


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted((SOURCE / "dioptra").rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(name: str, *, top_only: bool = False) -> Iterator[str]:
    """Dotted names that a module imports; of ``from a import b`` the module ``a.b`` if there is one, else ``a``.

    What is imported for the type checker alone is left out.
    """
    tree = ast.parse(MODULES[name].read_bytes())
    tree.body = [
        node for node in tree.body if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
    ]
    nodes = tree.body if top_only else list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else str(node.module)


def layer(name: str) -> int:
    best = max(
        ((len(entry), number) for number, entries in enumerate(LAYERS) for entry in entries if _fits(name, entry)),
        default=None,
    )
    assert best is not None, f"{name} has no layer"
    return best[1]


def _fits(name: str, entry: str) -> bool:
    return name == entry or name.startswith(f"{entry}.")


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_go_up_only(name: str) -> None:
    low = {found for found in imports(name) if found in MODULES and layer(found) > layer(name)}
    assert not low


@pytest.mark.parametrize("name", sorted(name for name in MODULES if name.startswith(RUNTIME)))
def test_the_runtime_never_imports_the_distribution_side(name: str) -> None:
    assert not {found for found in imports(name) if _fits(found, "dioptra.plugins")}


def test_there_are_no_import_cycles() -> None:
    # Imports inside functions run when everything is loaded; those of module bodies must have an order.
    tops = {name: {found for found in imports(name, top_only=True) if found in MODULES} - {name} for name in MODULES}
    list(TopologicalSorter(tops).static_order())


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_heavy_libraries_are_imported_in_one_place(library: str) -> None:
    users = {name for name in MODULES for found in imports(name) if found.partition(".")[0] == library}
    assert users <= ONLY_IN[library]


@pytest.mark.parametrize("name", sorted(MODULES))
def test_nothing_heavy_is_imported_at_the_top(name: str) -> None:
    tops = {found.partition(".")[0] for found in imports(name, top_only=True)}
    # The adapter to Prefect is itself imported only where a flow or task is made.
    allowed = {"prefect"} if name == "dioptra.pyplugs._prefect" else set()
    assert (tops - allowed).isdisjoint({"prefect", "boto3", "botocore", "build", "jinja2", "rich"})
    assert name == "dioptra.pyplugs._prefect" or "dioptra.pyplugs._prefect" not in imports(name, top_only=True)


def test_the_namespace_has_no_init_and_every_part_is_typed() -> None:
    assert not (SOURCE / "dioptra" / "__init__.py").exists()
    parts = [path for path in (SOURCE / "dioptra").iterdir() if path.is_dir() and path.name != "__pycache__"]
    assert {path.name for path in parts} == {"manifest", "plugins", "pyplugs", "sdk"}
    assert all((path / "py.typed").is_file() for path in parts)


def test_every_module_of_pyplugs_is_private() -> None:
    assert all(path.name.startswith("_") for path in (SOURCE / "dioptra" / "pyplugs").glob("*.py"))


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import dioptra.pyplugs, dioptra.sdk", {"prefect", "boto3", "click", "rich", "build", "importlib_metadata"}),
        ("import dioptra.plugins.cli.app", {"prefect", "boto3", "rich", "build", "jinja2", "urllib3", "resolvelib"}),
    ],
)
def test_importing_stays_light(statement: str, absent: set[str]) -> None:
    code = f"{statement}; import sys; print('\\n'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert absent.isdisjoint(loaded)


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["list", "--json"]])
def test_help_and_list_load_neither_prefect_nor_boto3(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom dioptra.plugins.cli.app import run\n"
        f"run({arguments!r})\n"
        "loaded = {'prefect', 'boto3'} & set(sys.modules)\nsys.exit(f'loaded {loaded}' if loaded else 0)"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
