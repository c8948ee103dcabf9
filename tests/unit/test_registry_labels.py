from __future__ import annotations

from pathlib import Path

import pytest

from dioptra import pyplugs
from dioptra.sdk.exceptions import RegistrationError, UnknownPluginFunctionError
from runtime_folders import new_name, write_files

LABELLED = """
    from dioptra import pyplugs

    @pyplugs.register(label="fast")
    def sprint(x=1):
        return f"sprint {x}"

    @pyplugs.register
    def plain(*args, **kwargs):
        return args, kwargs

    @pyplugs.register(label="slow", sort_value=3)
    def crawl():
        return "crawl"

    @pyplugs.register(label="fast")
    def dash():
        return "dash"
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = new_name("labels")
    monkeypatch.syspath_prepend(str(write_files(tmp_path, {f"{name}/tasks.py": LABELLED})))
    return name


@pytest.mark.parametrize("loaded", [False, True], ids=["from the source", "from what is registered"])
def test_labels_select_tasks(package: str, loaded: bool) -> None:
    if loaded:
        pyplugs.call(package, "tasks", "plain")
    assert pyplugs.labels(package, "tasks") == {"fast", "slow"}
    assert pyplugs.labels_factory(package)("tasks") == {"fast", "slow"}
    assert pyplugs.funcs(package, "tasks") == ["plain"]
    assert pyplugs.funcs(package, "tasks", "fast") == ["sprint", "dash"]
    assert pyplugs.funcs_factory(package)("tasks", label="slow") == ["crawl"]


def test_the_first_task_with_the_label_is_meant_where_no_name_is_given(package: str) -> None:
    assert pyplugs.info(package, "tasks", label="fast").func_name == "sprint"
    assert pyplugs.info(package, "tasks").func_name == "plain"
    assert pyplugs.call(package, "tasks", label="slow") == "crawl"
    assert pyplugs.call_factory(package)("tasks", "dash", label="fast") == "dash"
    assert pyplugs.info_factory(package)("tasks", None, "slow").label == "slow"
    assert pyplugs.get(package, "tasks", "sprint", "fast")(2) == "sprint 2"


def test_a_task_is_found_with_its_own_label_only(package: str) -> None:
    with pytest.raises(UnknownPluginFunctionError, match="'sprint' without a label") as missing:
        pyplugs.call(package, "tasks", "sprint")
    assert (missing.value.its_label, missing.value.hint) == ("fast", "pass label='fast'")
    with pytest.raises(UnknownPluginFunctionError, match="'plain' with the label 'fast'"):
        pyplugs.call(package, "tasks", "plain", label="fast")
    with pytest.raises(UnknownPluginFunctionError, match="no task with the label 'odd'"):
        pyplugs.info(package, "tasks", label="odd")


def test_a_known_task_does_not_answer_for_another_label(package: str) -> None:
    assert pyplugs.call(package, "tasks") == ((), {})
    assert pyplugs.call(package, "tasks", label="fast") == "sprint 1"
    assert pyplugs.call(package, "tasks") == ((), {})
    with pytest.raises(UnknownPluginFunctionError):
        pyplugs.call(package, "tasks", "plain", label="slow")


def test_typed_calls_take_the_type_in_the_third_place(package: str) -> None:
    assert pyplugs.call_typed(package, "tasks", str, "plain", 1, x=2) == ((1,), {"x": 2})
    assert pyplugs.call_typed(package, "tasks", _return_type=str, label="slow") == "crawl"
    assert pyplugs.call_typed(package, plugin="tasks", _return_type=str, func="dash", label="fast") == "dash"
    assert pyplugs.get_typed(package, "tasks", "", "sprint", "fast")() == "sprint 1"
    with pytest.raises(TypeError, match="_return_type"):
        pyplugs.call_typed(package, "tasks")


def test_a_task_s_own_parameter_label_goes_by_position_or_in_task_kwargs(package: str) -> None:
    assert pyplugs.call(package, "tasks", "plain", "x") == (("x",), {})
    own = {"label": "cat", "task_kwargs": 1, "upstream_tasks": 2, "func": 3}
    assert pyplugs.call(package, "tasks", "plain", task_kwargs=own, more=4) == ((), {**own, "more": 4})
    assert pyplugs.call_task(package, "tasks", "plain", task_kwargs=own, more=4) == ((), {**own, "more": 4})
    with pytest.raises(TypeError, match="'more' twice"):
        pyplugs.call(package, "tasks", "plain", task_kwargs={"more": 1}, more=4)
    with pytest.raises(TypeError, match="task_kwargs"):
        pyplugs.call(package, "tasks", "plain", label=3)


def test_descriptions_carry_the_label_and_can_be_listed_by_it(package: str) -> None:
    assert pyplugs.describe(package, "tasks", "sprint").label == "fast"
    assert pyplugs.describe(package, "tasks").func == "plain"
    listing = pyplugs.list_tasks(package="labels_*", label="fast")
    assert not [task for task in listing.tasks if task.label != "fast"]


def test_a_label_is_a_text() -> None:
    with pytest.raises(RegistrationError, match="label is 3, no text"):
        pyplugs.register(label=3)(lambda: None)  # type: ignore[call-overload]
