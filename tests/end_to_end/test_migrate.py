"""A raw folder of the old system becomes wheels, and its tasks are called on a worker as they were before."""

from __future__ import annotations

from pathlib import Path

import pytest

from index_world import cli, cli_json, run

ATTACKS = '''\
"""Attacks."""

from __future__ import annotations

from mitre.securingai import pyplugs
from mitre.securingai.sdk.utilities.decorators import require_package

from testbed_builtins.metrics.distance import between
from ..shared import double

try:
    import no_such_library_here
except ImportError:
    pass


@pyplugs.register
@pyplugs.task_nout(2)
def shift(values: list[float], by: float = 1.0) -> tuple[list[float], float]:
    """Shift values."""
    shifted = [value + by for value in values]
    return shifted, double(between(values, shifted))


@pyplugs.register
@require_package("no_such_library_here")
def unavailable() -> None: ...
'''
METRICS = """\
from dioptra import pyplugs


@pyplugs.register(label="distance")
def between(x, y):
    return max(abs(a - b) for a, b in zip(x, y))


@pyplugs.register
def table() -> str:
    from importlib.resources import files

    return files("testbed_builtins.metrics").joinpath("table.txt").read_text()
"""


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    package = tmp_path / "task-plugins" / "testbed_builtins"
    for folder in ("attacks", "metrics", "shared"):
        (package / folder).mkdir(parents=True)
    (package / "attacks" / "shifts.py").write_text(ATTACKS)
    (package / "metrics" / "__init__.py").write_text("")
    (package / "metrics" / "distance.py").write_text(METRICS)
    (package / "metrics" / "table.txt").write_text("12")
    (package / "shared" / "__init__.py").write_text("def double(x): return 2 * x\n")
    return package.parent


@pytest.mark.parametrize("options", [[], ["--split"]], ids=["one", "split"])
def test_tasks_are_called_on_a_worker_as_before(raw: Path, tmp_path: Path, options: list[str]) -> None:
    out, index, plugin_dir = tmp_path / "out", tmp_path / "index", tmp_path / "plugins"
    report = cli_json("migrate", raw, "-o", out, *options)
    projects = {item["name"]: Path(item["folder"]) for item in report["projects"]}
    if options:
        assert sorted(projects) == ["testbed-builtins-attacks", "testbed-builtins-metrics", "testbed-builtins-shared"]
    else:
        assert sorted(projects) == ["testbed-builtins"]
    assert report["differences"] == []
    wanted = [
        "testbed_builtins.attacks.shifts.shift",
        "testbed_builtins.attacks.shifts.unavailable",
        "testbed_builtins.metrics.distance.between",
        "testbed_builtins.metrics.distance.table",
    ]
    assert report["tasks"] == wanted
    assert [item["line"] for item in report["findings"] if item["action"] == "rewritten"] == [5, 6]
    cli("migrate", raw, "-o", out, *options, "--check")

    cli("index", "init", index)
    cli("publish", *projects.values(), "--index", index)
    plugins = [name for name in projects if not name.endswith("shared")]
    cli("lock", *plugins, "--index", index, cwd=tmp_path)
    cli("sync", "--plugin-dir", plugin_dir, "--index", index, cwd=tmp_path)
    on_worker = {"DIOPTRA_PLUGIN_DIR": str(plugin_dir)}
    listed = cli_json("list", variables=on_worker)["tasks"]
    assert [f"{item['package']}.{item['plugin']}.{item['func']}" for item in listed] == wanted
    coordinates = ("testbed_builtins.attacks", "shifts", "shift")
    assert cli_json("call", *coordinates, "values=[1.0, 2.0]", "by=3", variables=on_worker)["result"] == [
        [4.0, 5.0],
        6.0,
    ]
    coordinates = ("testbed_builtins.metrics", "distance", "table")
    assert cli_json("call", *coordinates, variables=on_worker)["result"] == "12"


def test_the_project_has_tests_that_load_every_task(raw: Path, tmp_path: Path) -> None:
    report = cli_json("migrate", raw, "-o", tmp_path / "out")
    (project,) = (Path(item["folder"]) for item in report["projects"])
    finished = run(
        ["python", "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=project,
        variables={"PYTHONPATH": str(project / "src")},
    )
    assert "4 passed" in finished.stdout, finished.stdout + finished.stderr


def test_the_raw_folder_stays_as_it_is(raw: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in raw.rglob("*") if path.is_file()}
    cli("migrate", raw, "-o", tmp_path / "out", "--split")
    assert {path: path.read_bytes() for path in raw.rglob("*") if path.is_file()} == before


def test_check_fails_where_a_task_is_called_otherwise(raw: Path, tmp_path: Path) -> None:
    cli("migrate", raw, "-o", tmp_path / "out")
    module = tmp_path / "out/testbed-builtins/src/testbed_builtins/metrics/distance.py"
    module.write_text(METRICS.replace("between(x, y)", "between(x, y, norm)"))
    finished = run(["dioptra-plugins", "migrate", str(raw), "-o", str(tmp_path / "out"), "--check"])
    assert finished.returncode == 1
    assert "testbed_builtins.metrics.distance.between" in finished.stdout
    assert "3 task(s) are called as before, 1 otherwise" in finished.stderr


def test_check_names_the_project_that_is_missing(raw: Path, tmp_path: Path) -> None:
    said = cli("migrate", raw, "-o", tmp_path / "nowhere", "--check", code=2)
    assert "testbed-builtins is no plugin project" in said
    assert not (tmp_path / "nowhere").exists()


def test_name_and_split_exclude_each_other(raw: Path) -> None:
    assert "exclude each other" in cli("migrate", raw, "--split", "--name", "x", code=2)
