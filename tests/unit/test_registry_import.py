from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import dioptra.pyplugs
import dioptra.sdk

HEAVY = (
    "prefect",
    "boto3",
    "click",
    "rich",
    "importlib_metadata",
    "importlib.metadata",
    "inspect",
    "ast",
    "dataclasses",
)
PYPLUGS = Path(dioptra.pyplugs.__file__ or "").parent


@pytest.mark.parametrize("name", ["dioptra.pyplugs", "dioptra.sdk", "dioptra.sdk.utilities.contexts"])
def test_importing_the_runtime_loads_nothing_heavy(name: str) -> None:
    script = f"import sys, {name}\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    # -S: what site packages' own start-up files load is not ours.
    source = f"import sys; sys.path[:0] = [{str(PYPLUGS.parent.parent)!r}]\n{script}"
    done = subprocess.run([sys.executable, "-S", "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_module_of_the_registry_is_private() -> None:
    assert [path.name for path in PYPLUGS.glob("*.py") if not path.name.startswith("_")] == []


def test_everything_public_is_named_once_and_exists() -> None:
    assert len(set(dioptra.pyplugs.__all__)) == len(dioptra.pyplugs.__all__)
    assert [name for name in dioptra.pyplugs.__all__ if not hasattr(dioptra.pyplugs, name)] == []


def test_the_runtime_never_imports_the_distribution_side() -> None:
    found = []
    for root in (PYPLUGS, PYPLUGS.parent / "sdk"):
        for path in root.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                found += [f"{path.name}: {name}" for name in modules if name.startswith("dioptra.plugins")]
    assert found == []


def test_the_sdk_knows_only_what_it_has() -> None:
    assert "plugin_dirs" in dir(dioptra.sdk)
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        _ = dioptra.sdk.absent
