"""The commands that change what is published: what they take, and what they refuse with a clear text."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from index_world import cli, cli_json, write_wheel
from wheel_factory import make_wheel


@pytest.fixture
def index(tmp_path: Path) -> str:
    url = str(tmp_path / "index")
    cli("index", "init", url)
    wheel = make_wheel("fog", "1.0", files={"fog.py": ""}, entry_points={"x": "fog"})
    cli("publish", write_wheel(tmp_path / "wheels", wheel), "--index", url)
    return url


COMMANDS = [("yank", "fog==1.0"), ("revoke", "fog==1.0"), ("index", "remove", "--yes", "fog==1.0")]


@pytest.mark.parametrize("command", [*COMMANDS, ("index", "status", "fog", "archived")])
def test_a_reason_that_is_no_text_is_refused(index: str, command: tuple[str, ...]) -> None:
    told = cli(*command, "--reason", os.fsdecode(b"caf\xe9"), "--index", index, code=2)
    assert "it is no valid UTF-8" in told
    assert cli_json("index", "verify", "--index", index)["differences"] == []


@pytest.mark.parametrize("command", COMMANDS[1:])
def test_what_cannot_be_undone_needs_a_reason(index: str, command: tuple[str, ...]) -> None:
    assert "it is empty; say why" in cli(*command, "--reason", " ", "--index", index, code=2)
    assert "Missing option '--reason'" in cli(*command, "--index", index, code=2)


def test_an_index_can_be_given_to_a_single_publisher(index: str) -> None:
    assert cli_json("index", "init", index)["index"]["publishing"] == "concurrent"
    told = cli_json("index", "init", index, "--single-publisher")
    assert (told["made"], told["index"]["publishing"]) == (False, "single")
    cli("yank", "fog==1.0", "--reason", "bad", "--index", index)
