"""The whole text of every failing scenario, against the file beside this one.

A change of words is seen in review: with ``UPDATE_GOLDEN=1`` in the environment this test writes the file anew.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dioptra.plugins.errors import DioptraPluginsError
from dioptra.plugins.lock.locking import make_lock
from resolution_scenarios import Scenario, read_scenarios

GOLDEN = Path(__file__).with_name("explanations.txt")
FAILING = [scenario for scenario in read_scenarios(GOLDEN.with_name("resolution")) if scenario.fails]


def explained(scenario: Scenario) -> str:
    with pytest.raises(DioptraPluginsError) as caught:
        make_lock(scenario.asks, list(scenario.catalogues.values()), [scenario.host], scenario.policy)
    error = caught.value
    cause = "\n       ".join((error.why or "").splitlines())
    return f"# {scenario.name}\nerror: {error.what}\ncause: {cause}\nhint:  {error.hint}\n"


def test_every_explanation_says_what_it_said() -> None:
    found = "\n".join(map(explained, FAILING))
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(found, encoding="utf-8")
    assert found == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("scenario", FAILING, ids=[scenario.name for scenario in FAILING])
def test_every_explanation_has_a_cause_and_a_way_out(scenario: Scenario) -> None:
    text = explained(scenario)
    assert "cause: " in text
    assert not text.rstrip().endswith(("None", "hint:"))
    assert len(text.splitlines()) <= 14, "an explanation is read on one screen"
