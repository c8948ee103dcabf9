"""The graph of a lock, and what changed between two."""

from __future__ import annotations

import pytest
from packaging.utils import canonicalize_name

from dioptra.plugins.errors import UnsatisfiedError
from dioptra.plugins.lock.difference import Change, compare_locks
from dioptra.plugins.lock.graph import lock_graph, tree, ways_to
from dioptra.plugins.lock.locking import make_lock
from dioptra.plugins.lock.model import Lock
from resolution_scenarios import Scenario


def locked(*lines: str) -> Lock:
    scenario = Scenario("made here")
    for line in lines:
        scenario.add(line)
    return make_lock(scenario.asks, list(scenario.catalogues.values()), [scenario.host], scenario.policy)


DIAMOND = (
    "top 1.0 needs left>=1 | right[fast]",
    "left 1.0 needs leaf<2",
    "right 1.0 needs leaf | numpy>=1 | twig; extra == 'fast'".replace("'", '"'),
    "leaf 1.0",
    "twig 1.0",
    "host numpy 1.26",
    "ask top; leaf",
)


def texts(lock: Lock) -> list[str]:
    return [
        f"{'  ' * line.depth}{line.link.requirement} = {line.version}"
        f"{' host' if line.is_provided else ''}{' again' if line.is_repeated else ''}"
        for line in tree(lock_graph(lock, lock.targets[0]))
    ]


def test_a_tree_tells_each_project_once() -> None:
    assert texts(locked(*DIAMOND)) == [
        "leaf = 1.0",
        "top = 1.0",
        "  left>=1 = 1.0",
        "    leaf<2 = 1.0",
        "  right[fast] = 1.0",
        "    leaf = 1.0",
        "    numpy>=1 = 1.26 host",
        "    twig = 1.0",
    ]


def test_a_cycle_ends() -> None:
    lock = locked("a 1.0 needs b", "b 1.0 needs a | c", "c 1.0", "ask a")
    assert texts(lock) == ["a = 1.0", "  b = 1.0", "    a = 1.0 again", "    c = 1.0"]
    assert [
        [link.project for link in way] for way in ways_to(lock_graph(lock, lock.targets[0]), canonicalize_name("a"))
    ] == [["a"]]


def ways(lock: Lock, project: str) -> list[str]:
    found = ways_to(lock_graph(lock, lock.targets[0]), canonicalize_name(project))
    return [" → ".join(link.requirement for link in way) for way in found]


def test_every_asker_is_told_by_its_shortest_way() -> None:
    lock = locked(*DIAMOND)
    assert ways(lock, "leaf") == ["leaf", "top → left>=1 → leaf<2", "top → right[fast] → leaf"]
    assert ways(lock, "NumPy") == ["top → right[fast] → numpy>=1"]
    assert ways(lock, "twig") == ["top → right[fast] → twig"]


def test_what_is_not_locked_has_no_way() -> None:
    with pytest.raises(UnsatisfiedError, match="nowhere is not in the lock"):
        ways(locked(*DIAMOND), "nowhere")


def test_requirements_that_do_not_hold_are_no_part_of_it() -> None:
    lock = locked('a 1.0 needs b; sys_platform == "win32"', "b 1.0", "ask a")
    assert texts(lock) == ["a = 1.0"]
    assert lock.wheels[0].requires == ()


def test_every_kind_of_change_is_told() -> None:
    first = locked(
        "a 1.0", "b 2.0", "c 1.0", "d 1.0 index=one", "plugins one d", "e 1.0", "f 1.0", "ask a; b; c; d; e; f"
    )
    second = locked(
        *(
            "a 1.5",
            "b 1.0",
            "d 1.0 index=two",
            "plugins two d",
            "host e 1.0",
            "f 1.0 build=2",
            "new 1.0",
            "ask a; b; d; e; f; new",
        )
    )
    found: dict[str, Change] = {change.project: change for change in compare_locks(first, second)}
    assert {project: change.kind for project, change in found.items()} == {
        "a": "upgraded",
        "b": "downgraded",
        "c": "removed",
        "d": "moved",
        "e": "moved",
        "f": "other file",
        "new": "added",
    }
    assert found["e"].after is not None
    assert found["e"].after.place == ""
    assert compare_locks(first, first) == ()
