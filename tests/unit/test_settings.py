"""Settings: what a file says, what is refused, and which source wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from dioptra.plugins.config import (
    NamedIndex,
    Settings,
    merge,
    parse_index_options,
    parse_settings_file,
    settings_from_environment,
)
from dioptra.plugins.errors import ConfigurationError
from dioptra.plugins.settings import load_settings, user_settings_path

LAB = NamedIndex(name="lab", url="s3://b/p")


def test_a_file_is_read_from_its_table() -> None:
    text = '[tool.dioptra]\nplugin-dir = "x"\n[[tool.dioptra.indexes]]\nname = "lab"\nurl = "s3://b/p"\n'
    found = parse_settings_file(text, source="pyproject.toml", table=("tool", "dioptra"))
    assert (found.indexes, found.plugin_dir) == ((LAB,), "x")
    assert parse_settings_file("[project]\n", source="x", table=("tool", "dioptra")).indexes == ()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x == 1", "line 1"),
        ("x = 1", "unknown key 'x'"),
        ("plugin-dir = 1", "key 'plugin-dir'"),
        ("indexes = {}", "key 'indexes'"),
        ("indexes = [1]", "key 'indexes[0]'"),
        ("[[indexes]]\nname = 'a b'\nurl = 'x'", "key 'indexes[0].name'"),
        ("[[indexes]]\nname = 'a'\nurl = 3", "key 'indexes[0].url'"),
        ("[[indexes]]\nname = 'a'\nurl = 'x'\ntoken = 'y'", "unknown key 'indexes[0].token'"),
        ("[[indexes]]\nname='a'\nurl='x'\n[[indexes]]\nname='a'\nurl='y'", "the index 'a' twice"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key(text: str, names: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_settings_file(text, source="dioptra.toml")
    assert "dioptra.toml" in str(caught.value)
    assert names in str(caught.value)


def test_index_options_name_configure_or_count() -> None:
    values = ["two=/x", "lab", "s3://b/p/", "./here", "https://host/simple/?a=b"]
    with pytest.raises(ConfigurationError, match="the index 'lab' twice"):
        parse_index_options(values, [LAB], source="--index")
    assert parse_index_options(values[:2] + values[3:], [LAB], source="--index") == (
        NamedIndex(name="two", url="/x"),
        LAB,
        NamedIndex(name="default", url="./here"),
        NamedIndex(name="default-2", url="https://host/simple/?a=b"),
    )


def test_the_environment_may_name_several_indexes() -> None:
    found = settings_from_environment({"DIOPTRA_INDEX": "lab=s3://b/p /other", "DIOPTRA_PLUGIN_DIR": ""})
    assert found.indexes == (LAB, NamedIndex(name="default", url="/other"))
    assert found.plugin_dir is None


def test_each_value_is_taken_whole_from_the_first_source() -> None:
    first, second = Settings(plugin_dir="a"), Settings(plugin_dir="b", indexes=(LAB,))
    merged = merge(first, second)
    assert (merged.plugin_dir, merged.indexes) == ("a", (LAB,))


def test_files_are_found_upwards_and_the_users_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    inner = tmp_path / "project" / "inner"
    inner.mkdir(parents=True)
    (inner / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    (tmp_path / "project" / "dioptra.toml").write_text("plugin-dir = 'from project'\n")
    user_settings_path().parent.mkdir(parents=True)
    user_settings_path().write_text("plugin-dir = 'from user'\n[[indexes]]\nname = 'lab'\nurl = 's3://b/p'\n")
    found = load_settings({}, inner)
    assert (found.plugin_dir, found.indexes) == ("from project", (LAB,))
    assert load_settings({"DIOPTRA_PLUGIN_DIR": "from environment"}, inner).plugin_dir == "from environment"


def test_patterns_of_plugins_belong_to_an_index() -> None:
    text = '[[indexes]]\nname = "lab"\nurl = "s3://b/p"\nplugins = ["lab-*", "fog"]\n'
    (index,) = parse_settings_file(text, source="f").indexes
    assert index.plugins == ("lab-*", "fog")
    (moved,) = parse_index_options(["lab=/elsewhere"], [index], source="--index")
    assert (moved.url, moved.plugins) == ("/elsewhere", ("lab-*", "fog"))


@pytest.mark.parametrize("plugins", ['"lab-*"', '["Lab"]', '["a b"]', '[""]', "[1]"])
def test_a_pattern_that_could_match_nothing_is_refused(plugins: str) -> None:
    with pytest.raises(ConfigurationError, match="plugins"):
        parse_settings_file(f'[[indexes]]\nname = "lab"\nurl = "u"\nplugins = {plugins}\n', source="f")
