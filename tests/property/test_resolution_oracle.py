"""The resolver against an oracle that tries every set of releases."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from dioptra.plugins.lock.locking import make_lock
from dioptra.plugins.resolution.errors import ResolutionError
from resolution_scenarios import Scenario

PROJECTS = ("a", "b", "c", "d")
VERSIONS = ("1.0", "1.5", "2.0")
SPECIFIERS = ("", ">=1.5", "<2", "==1.0", "!=1.5", ">=2", "<1.5", ">2")

Graph = Mapping[tuple[str, str], Sequence[str]]

requirements = st.builds(
    lambda name, specifier: f"{name}{specifier}", st.sampled_from(PROJECTS), st.sampled_from(SPECIFIERS)
)
graphs = st.dictionaries(
    st.tuples(st.sampled_from(PROJECTS), st.sampled_from(VERSIONS)), st.lists(requirements, max_size=3), max_size=10
)


def scenario_of(graph: Graph, asks: Sequence[str]) -> Scenario:
    scenario = Scenario("generated")
    for (project, version), needs in graph.items():
        scenario.add(f"{project} {version}{' needs ' + ' | '.join(needs) if needs else ''}")
    scenario.asks = list(asks)
    return scenario


def solutions(graph: Graph, asks: Sequence[str]) -> Iterator[dict[str, str]]:
    """Every set of releases that satisfies, with nothing in it that nobody needs; written without any search."""
    choices = [[None, *sorted(v for p, v in graph if p == project)] for project in PROJECTS]
    for versions in itertools.product(*choices):
        chosen = {project: version for project, version in zip(PROJECTS, versions, strict=True) if version is not None}
        wanted = [*asks, *(need for item in chosen.items() for need in graph[item])]
        if all(_satisfied(need, chosen) for need in wanted) and _is_closed(graph, asks, chosen):
            yield chosen


def _satisfied(need: str, chosen: Mapping[str, str]) -> bool:
    requirement = Requirement(need)
    return requirement.name in chosen and requirement.specifier.contains(chosen[requirement.name])


def _is_closed(graph: Graph, asks: Sequence[str], chosen: Mapping[str, str]) -> bool:
    """Whether everything that is chosen can be reached from what is asked."""
    reached: set[str] = set()
    waiting = [Requirement(ask).name for ask in asks]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += [Requirement(need).name for need in graph[name, chosen[name]]]
    return reached == set(chosen)


@given(graphs, st.lists(requirements, min_size=1, max_size=3))
def test_a_resolution_is_found_exactly_if_there_is_one(graph: Graph, asks: list[str]) -> None:
    scenario = scenario_of(graph, asks)
    possible = list(solutions(graph, asks))
    if not possible:
        with pytest.raises(ResolutionError) as failure:
            make_lock(scenario.asks, list(scenario.catalogues.values()), [scenario.host])
        assert failure.value.why
        assert failure.value.hint
        return
    lock = make_lock(scenario.asks, list(scenario.catalogues.values()), [scenario.host])
    assert {wheel.project: str(wheel.version) for wheel in lock.wheels} in possible


def test_releases_that_were_given_up_may_need_each_other() -> None:
    """resolvelib's own way from its pins to a result runs in circles here."""
    graph = {
        ("a", "2.0"): ["d==1.0", "b==1.0", "b>=1.5"],
        ("a", "1.5"): ["d>=1.5", "a<2"],
        ("b", "1.0"): ["c"],
        ("b", "2.0"): ["d", "b<1.5"],
        ("c", "1.0"): [],
        ("d", "1.5"): ["a"],
        ("d", "2.0"): ["b>2"],
    }
    scenario = scenario_of(graph, ["b"])
    lock = make_lock(scenario.asks, list(scenario.catalogues.values()), [scenario.host])
    assert {wheel.project: str(wheel.version) for wheel in lock.wheels} == {"b": "1.0", "c": "1.0"}


@given(graphs, st.lists(requirements, min_size=1, max_size=3))
def test_the_order_of_what_is_published_and_asked_changes_nothing(graph: Graph, asks: list[str]) -> None:
    scenario = scenario_of(graph, asks)
    turned = scenario_of(dict(reversed(list(graph.items()))), asks[::-1])
    results = []
    for item in (scenario, turned):
        try:
            lock = make_lock(item.asks, list(item.catalogues.values()), [item.host])
            results.append({canonicalize_name(wheel.project): wheel.version for wheel in lock.wheels})
        except ResolutionError as failure:
            results.append({canonicalize_name(failure.project): Version("0")})
    assert results[0] == results[1]
