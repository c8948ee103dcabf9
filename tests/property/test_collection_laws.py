"""What collecting may never take, whatever a plugin directory holds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dioptra.plugins.plugin_directory.collection import Contents, find_garbage

ENVIRONMENTS = [f"e{number}" for number in range(5)]
WHEELS = [f"w{number}" for number in range(6)]


@st.composite
def contents(draw: st.DrawFn) -> Contents:
    environments = draw(
        st.dictionaries(st.sampled_from(ENVIRONMENTS), st.frozensets(st.sampled_from(WHEELS)), min_size=1)
    )
    generations = draw(st.dictionaries(st.integers(1, 12), st.sampled_from(sorted(environments)), max_size=8))
    return Contents(
        generations=generations,
        held=draw(st.sampled_from([None, *sorted(generations)])),
        environments=environments,
        leased=draw(st.frozensets(st.sampled_from(sorted(environments)))),
        sizes={wheel: draw(st.integers(0, 100)) for wheel in draw(st.sets(st.sampled_from(WHEELS)))},
    )


@given(contents(), st.integers(1, 5), st.none() | st.integers(0, 300))
def test_what_is_needed_stays_and_all_else_goes(present: Contents, keep: int, max_size: int | None) -> None:
    garbage = find_garbage(present, keep=keep, max_size=max_size)
    kept = present.generations.keys() - set(garbage.generations)
    fixed = {max(present.generations, default=None), present.held} - {None}
    assert fixed <= kept
    assert len(kept) <= keep + len(fixed)
    environments = present.leased | {present.generations[number] for number in kept}
    assert set(garbage.environments) == present.environments.keys() - environments
    needed = frozenset[str]().union(*(present.environments[digest] for digest in environments))
    assert set(garbage.wheels) == present.sizes.keys() - needed
    assert garbage.size + garbage.left == sum(present.sizes.values())
    if max_size is not None and garbage.left > max_size:
        assert kept == fixed, "only what must stay may take more"


@given(contents(), st.integers(1, 5))
def test_the_newest_generations_are_the_ones_that_stay(present: Contents, keep: int) -> None:
    garbage = find_garbage(present, keep=keep)
    newest = sorted(present.generations, reverse=True)[:keep]
    assert not set(newest) & set(garbage.generations)
