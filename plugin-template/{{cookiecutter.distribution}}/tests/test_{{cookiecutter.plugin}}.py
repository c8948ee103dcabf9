"""Tests of the tasks, as functions and by name."""

import pytest

from dioptra import pyplugs
from {{ cookiecutter.package }} import {{ cookiecutter.plugin }}


def test_rescale_maps_the_ends() -> None:
    assert {{ cookiecutter.plugin }}.rescale([2.0, 3.0, 4.0], low=-1.0, high=1.0) == [-1.0, 0.0, 1.0]


def test_rescale_needs_different_values() -> None:
    with pytest.raises(ValueError, match="different values"):
        {{ cookiecutter.plugin }}.rescale([1.0, 1.0])


def test_split_keeps_all_values() -> None:
    assert {{ cookiecutter.plugin }}.split([1.0, 2.0, 3.0, 4.0], fraction=0.25) == ([1.0], [2.0, 3.0, 4.0])


def test_tasks_are_found_by_name() -> None:
    assert pyplugs.call("{{ cookiecutter.package }}", "{{ cookiecutter.plugin }}", "split", [1.0, 2.0]) == ([1.0], [2.0])
