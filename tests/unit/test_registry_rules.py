from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dioptra import pyplugs
from dioptra.pyplugs._rules import Rules
from dioptra.sdk.exceptions import TaskBlockedError, UnknownPluginError
from runtime_folders import Wheel, install, new_name

PLUGIN = """
    from dioptra import pyplugs

    @pyplugs.register
    def first():
        return "first"

    @pyplugs.register
    def second():
        return "second"
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    name = new_name("rules")
    files = {f"{name}/__init__.py": "", f"{name}/one.py": PLUGIN, f"{name}/two.py": PLUGIN}
    wheel = Wheel(f"dist-{name.replace('_', '-')}", "1.0", files, {f"ep-{name}": name})
    monkeypatch.syspath_prepend(str(install(tmp_path, wheel)))
    before = pyplugs.snapshot()
    yield name
    pyplugs.restore(before)


def listed(package: str) -> list[str]:
    return [f"{task.plugin}.{task.func}" for task in pyplugs.list_tasks(package=package).tasks]


@pytest.mark.parametrize("known", [False, True], ids=["never called", "called before"])
def test_a_blocked_task_is_not_there(package: str, known: bool) -> None:
    if known:
        pyplugs.call(package, "one", "first")
    pyplugs.block(f"{package}.one.first")
    assert listed(package) == ["one.second", "two.first", "two.second"]
    assert pyplugs.funcs(package, "one") == ["second"]
    assert pyplugs.call(package, "one") == "second"
    with pytest.raises(TaskBlockedError) as blocked:
        pyplugs.call(package, "one", "first")
    assert blocked.value.pattern == f"{package}.one.first"
    pyplugs.allow(f"{package}.one.first")
    assert pyplugs.call(package, "one", "first") == "first"


def test_a_blocked_plugin_is_not_imported(package: str) -> None:
    pyplugs.block(f"{package}.o*")
    assert listed(package) == ["two.first", "two.second"]
    assert pyplugs.names(package) == ["two"]
    assert not pyplugs.exists(package, "one")
    for ask in (pyplugs.call, pyplugs.funcs, pyplugs.describe, pyplugs.get):
        with pytest.raises(TaskBlockedError):
            ask(package, "one")
    assert f"{package}.one" not in sys.modules


def test_a_blocked_distribution_is_gone_with_all_its_names(package: str) -> None:
    pyplugs.block(f"Dist_{package}")
    assert listed(package) == []
    with pytest.raises(TaskBlockedError):
        pyplugs.call(package, "two")
    with pytest.raises(UnknownPluginError):
        pyplugs.call(package, "three")


def test_what_is_allowed_is_excepted_from_what_is_blocked(package: str) -> None:
    pyplugs.block("*")
    pyplugs.allow(f"{package}.two.second")
    assert listed("*") == ["two.second"]
    assert pyplugs.call(package, "two") == "second"
    pyplugs.allow("*")
    assert "one.first" in listed(package)


def test_environment_variables_block_and_allow(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIOPTRA_BLOCK", f" {package}.one , {package}.two.first")
    assert listed(package) == ["two.second"]
    monkeypatch.setenv("DIOPTRA_ALLOW", f"{package}.two.*")
    assert listed(package) == ["two.first", "two.second"]


def test_a_variable_that_is_set_late_counts_for_known_tasks_after_refresh(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pyplugs.call(package, "one", "first") == "first"
    monkeypatch.setenv("DIOPTRA_BLOCK", package)
    pyplugs.refresh()
    with pytest.raises(TaskBlockedError):
        pyplugs.call(package, "one", "first")


def test_rules_of_one_registry_are_not_those_of_another(package: str) -> None:
    mine = pyplugs.Registry()
    mine.block(package)
    assert mine.list_tasks(package=package).tasks == ()
    assert mine.list_tasks(package=package).broken == ()
    assert len(listed(package)) == 4
    assert pyplugs.call(package, "one") == "first"
    with pytest.raises(TaskBlockedError):
        mine.call(package, "one")


@pytest.mark.parametrize(
    ("block", "allow", "blocked"),
    [
        ((), (), False),
        (("fog-attack",), (), True),
        (("Fog.Attack",), (), True),
        (("fog_attack",), (), True),
        (("fog_attack.tasks",), (), True),
        (("fog_attack.tasks.rescale",), (), True),
        (("fog_attack.other",), (), False),
        (("rain*",), (), False),
        (("*",), ("fog-attack",), False),
        (("*",), ("fog_attack.tasks",), False),
        (("*",), ("fog_attack.tasks.other",), True),
    ],
)
def test_names_and_patterns(block: tuple[str, ...], allow: tuple[str, ...], blocked: bool) -> None:
    rules = Rules(block=block, allow=allow)
    found = rules.blocking(distribution="fog-attack", module="fog_attack.tasks", func="rescale")
    assert (found is not None) == blocked


def test_the_first_preferred_distribution_counts() -> None:
    rules = Rules(prefer=("b", "a"))
    assert rules.preferred(["a", "b"]) == "b"
    assert rules.preferred(["a", "c"]) == "a"
    assert rules.preferred(["c"]) is None
