"""A pytest plugin for authors of plugins: tests whose registrations and plugin directories leave nothing behind.

It is found by pytest by itself where this distribution is installed. Nothing of the registry is imported before a test
asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from dioptra.pyplugs import Registry


@pytest.fixture
def pyplugs_registry() -> Iterator[Registry]:
    """The default registry; what the test registers, blocks, prefers or activates is undone behind it.

    Modules that register something for the first time in the test are unloaded again, so that the next test that
    imports them registers it again.

    Yields:
        `dioptra.pyplugs.default_registry`.
    """
    from dioptra import pyplugs

    registry = pyplugs.default_registry
    before = registry.snapshot()
    try:
        yield registry
    finally:
        pyplugs.deactivate()
        registry.restore(before)
