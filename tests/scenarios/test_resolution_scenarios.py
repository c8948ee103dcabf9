"""Runs the scenarios beside this file; `resolution_scenarios` tells their notation."""

from __future__ import annotations

from pathlib import Path

import pytest

from dioptra.plugins.errors import UnsatisfiedError
from dioptra.plugins.lock.locking import make_lock
from dioptra.plugins.lock.pylock import parse, render
from resolution_scenarios import Scenario, read_scenarios

SCENARIOS = list(read_scenarios(Path(__file__).parent / "resolution"))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
def test_scenario(scenario: Scenario) -> None:
    catalogues = list(scenario.catalogues.values())
    if scenario.fails:
        with pytest.raises(UnsatisfiedError) as caught:
            make_lock(scenario.asks, catalogues, scenario.host)
        text = f"{caught.value.what}\n{caught.value.why}\n{caught.value.hint}"
        for part in scenario.fails:
            assert part in text
        return
    lock = make_lock(scenario.asks, catalogues, scenario.host)
    assert {(wheel.project, str(wheel.version)) for wheel in lock.wheels} == scenario.picks
    assert {item.project for item in lock.provided} == scenario.from_host
    for catalogue in catalogues:
        assert len(catalogue.asked) == len(set(catalogue.asked)), "a page was asked for twice"
    # The same inputs give the same bytes, whatever the order of what is asked, and the file is read back.
    text = render(lock)
    assert render(make_lock(scenario.asks[::-1], catalogues, scenario.host)) == text
    assert parse(text, source="lock") == lock
