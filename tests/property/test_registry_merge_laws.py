"""Laws of merging what distributions declare: the order in which they are found never changes the result."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dioptra.manifest.model import EntryPoint, ModuleEntry, TaskEntry, TaskManifest
from dioptra.pyplugs._conflicts import claiming, find_conflicts
from dioptra.pyplugs._discovery import Catalogue, Declared, Meant
from dioptra.pyplugs._rules import Rules

PACKAGES = ["fog", "fog.sub", "rain"]
PLUGINS = ["a", "b"]
FUNCS = ["f", "g"]
PROJECTS = ["p", "q", "r"]

modules = st.builds(
    lambda package, plugin, funcs, dynamic: ModuleEntry(
        name=f"{package}.{plugin}",
        path=f"{package.replace('.', '/')}/{plugin}.py",
        tasks=tuple(TaskEntry(func=func) for func in funcs),
        dynamic="a loop" if dynamic else None,
    ),
    st.sampled_from(PACKAGES),
    st.sampled_from(PLUGINS),
    st.lists(st.sampled_from(FUNCS), unique=True),
    st.booleans(),
)
entry_points = st.builds(
    EntryPoint,
    name=st.sampled_from(["x", "y", "fog"]),
    value=st.sampled_from([*PACKAGES, "fog.a", "rain.b", "fog.a:f", "rain.a:g"]),
)
declared = st.builds(
    lambda project, version, points, parts: Declared(
        TaskManifest(
            project=project,
            version=version,
            entry_points=tuple(points),
            modules=tuple({module.name: module for module in parts}.values()),
        ),
        wheel_sha256=f"{project}{version}{points}{parts}",
    ),
    st.sampled_from(PROJECTS),
    st.sampled_from(["1", "2"]),
    st.lists(entry_points, max_size=3, unique_by=lambda item: item.name),
    st.lists(modules, max_size=4),
)
rules = st.builds(
    Rules,
    prefer=st.lists(st.sampled_from(PROJECTS), max_size=2).map(tuple),
    block=st.lists(st.sampled_from(["p", "fog.a", "fog.*.f", "*"]), max_size=1).map(tuple),
    allow=st.lists(st.sampled_from(["q", "rain", "fog.a.f"]), max_size=1).map(tuple),
)
shuffled = st.lists(declared, max_size=5).flatmap(lambda items: st.tuples(st.just(items), st.permutations(items)))


def told(meant: Meant) -> object:
    return meant.target, sorted(item.claimant for item in meant.declared)


def answers(catalogue: Catalogue) -> list[object]:
    found: list[object] = [sorted(catalogue.package_names())]
    for package in [*PACKAGES, "x", "y", "x.sub"]:
        found += [catalogue.packages_meant(package), catalogue.modules_in(package)]
        for plugin in [*PLUGINS, "x", "y"]:
            found.append([[told(item) for item in group] for group in catalogue.coordinates_meant(package, plugin)])
            module = f"{package}.{plugin}"
            for func in (*FUNCS, "x", None):
                claims = claiming(catalogue, module, func)
                chosen = catalogue.chosen(claims)
                found += [len(claims), chosen and chosen.declared.claimant, catalogue.blocking(module, func)]
    return found


@given(shuffled, rules)
def test_the_order_of_discovery_changes_no_answer(items: tuple[list[Declared], list[Declared]], given: Rules) -> None:
    one, other = (Catalogue(part, given) for part in items)
    assert answers(one) == answers(other)


@given(shuffled, rules)
def test_the_order_of_discovery_changes_no_conflict(items: tuple[list[Declared], list[Declared]], given: Rules) -> None:
    one, other = (find_conflicts(Catalogue(part, given), {}) for part in items)
    assert one == other


@given(st.lists(declared, max_size=5), rules)
def test_finding_a_distribution_again_changes_nothing(items: list[Declared], given: Rules) -> None:
    assert answers(Catalogue([*items, *items], given)) == answers(Catalogue(items, given))


@given(st.lists(declared, max_size=5))
def test_every_conflict_is_of_distributions_that_claim_the_task(items: list[Declared]) -> None:
    for conflict in find_conflicts(Catalogue(items), {}):
        assert len(conflict.claimants) > 1
        assert len(set(conflict.claimants)) == len(conflict.claimants)


@given(st.lists(declared, max_size=5), st.sampled_from(PROJECTS))
def test_a_preferred_project_is_chosen_wherever_one_version_of_it_claims(items: list[Declared], project: str) -> None:
    for conflict in find_conflicts(Catalogue(items, Rules(prefer=(project,))), {}):
        own = [claimant for claimant in conflict.claimants if claimant.distribution == project]
        if len(own) == 1:
            assert conflict.chosen == own[0]
        if len(own) > 1:
            assert conflict.chosen is None
