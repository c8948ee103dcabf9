"""Runs the scenarios beside this file; `resolution_scenarios` tells their notation."""

from __future__ import annotations

from pathlib import Path

import pytest

from dioptra.plugins.errors import UnsatisfiedError
from dioptra.plugins.index.revocation import RevokedError
from dioptra.plugins.lock.locking import make_lock
from dioptra.plugins.lock.pylock import render
from dioptra.plugins.lock.pylock_parser import parse
from resolution_scenarios import Scenario, read_scenarios

SCENARIOS = list(read_scenarios(Path(__file__).parent / "resolution"))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
def test_scenario(scenario: Scenario) -> None:
    catalogues = list(scenario.catalogues.values())
    if scenario.fails:
        with pytest.raises((UnsatisfiedError, RevokedError)) as caught:
            make_lock(scenario.asks, catalogues, [scenario.host], scenario.policy)
        text = f"{caught.value.what}\n{caught.value.why}\n{caught.value.hint}"
        for part in scenario.fails:
            assert part in text
        return
    lock = make_lock(scenario.asks, catalogues, [scenario.host], scenario.policy)
    assert {(wheel.project, str(wheel.version)) for wheel in lock.wheels} == scenario.picks
    for project, filename in scenario.files.items():
        assert filename in {wheel.filename for wheel in lock.wheels if wheel.project == project}
    assert {item.project for item in lock.targets[0].provided} == scenario.from_host
    for catalogue in catalogues:
        assert len(catalogue.asked) == len(set(catalogue.asked)), "a page was asked for twice"
    # The same inputs give the same bytes, whatever the order of what is asked, and the file is read back.
    text = render(lock)
    assert render(make_lock(scenario.asks[::-1], catalogues, [scenario.host], scenario.policy)) == text
    assert parse(text, source="lock") == lock
