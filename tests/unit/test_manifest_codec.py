from __future__ import annotations

import json
from typing import Any

import pytest

from dioptra.manifest.codec import (
    MalformedManifestError,
    environment_from_json,
    environment_to_json,
    manifest_from_json,
    manifest_to_json,
    wheel_from_json,
    wheel_to_json,
)
from dioptra.manifest.model import (
    EntryPoint,
    EnvironmentDescription,
    EnvironmentWheel,
    InterpreterKey,
    ModuleEntry,
    SchemaVersionError,
    TaskEntry,
    TaskManifest,
)

MANIFEST = TaskManifest(
    project="fog",
    version="1.0",
    entry_points=(EntryPoint(name="fog", value="fog"),),
    modules=(
        ModuleEntry(
            name="fog.plug",
            path="fog/plug.py",
            tasks=(
                TaskEntry(
                    func="f",
                    signature="(*, é='ü')",
                    sort_value=2.0,
                    label="fast",
                    nout=3,
                    is_async=True,
                ),
            ),
        ),
        ModuleEntry(name="fog.wrong", path="", error="SyntaxError: line 1: invalid syntax"),
    ),
)
ENVIRONMENT = EnvironmentDescription(
    digest="0" * 64,
    layout=1,
    interpreter=InterpreterKey(cache_tag="cpython-311", soabi="", platform="linux-x86_64"),
    wheels=(
        EnvironmentWheel(project="dep", version="2", filename="dep-2.whl", sha256="a", import_roots=("dep", "x.y")),
        EnvironmentWheel(project="fog", version="1.0", filename="fog-1.0.whl", sha256="b", manifest=MANIFEST),
    ),
)


def changed(body: bytes, *path: str | int, to: object) -> bytes:
    document: Any = json.loads(body)
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return json.dumps(document).encode()


def test_values_come_back_as_they_were() -> None:
    assert manifest_from_json(manifest_to_json(MANIFEST), source="x") == MANIFEST
    assert environment_from_json(environment_to_json(ENVIRONMENT), source="x") == ENVIRONMENT
    assert wheel_from_json(wheel_to_json(ENVIRONMENT.wheels[1]), source="x") == ENVIRONMENT.wheels[1]


def test_json_is_compact_sorted_utf8_with_a_schema() -> None:
    manifest = TaskManifest(
        project="fog",
        version="1.0",
        modules=(ModuleEntry(name="é", path="p", tasks=(TaskEntry(func="f"),)),),
    )

    assert manifest_to_json(manifest).decode("utf-8") == (
        '{"modules":[{"name":"é","path":"p","tasks":[{"func":"f"}]}],"project":"fog","schema":"1.0","version":"1.0"}\n'
    )


def test_lone_surrogate_of_a_docstring_survives_in_valid_utf8() -> None:
    manifest = TaskManifest(project="fog", version="1", modules=(ModuleEntry(name="m", path="p", doc="\ud800"),))

    body = manifest_to_json(manifest)
    body.decode("utf-8")
    assert manifest_from_json(body, source="x") == manifest


def test_unknown_keys_of_a_newer_minor_are_ignored() -> None:
    body = changed(manifest_to_json(MANIFEST), "modules", 0, "colour", to="red")

    assert manifest_from_json(changed(body, "schema", to="1.9"), source="x") == MANIFEST


def test_newer_major_names_what_was_found() -> None:
    with pytest.raises(SchemaVersionError) as raised:
        manifest_from_json(changed(manifest_to_json(MANIFEST), "schema", to="2.0"), source="fog.tasks.json")

    assert (raised.value.what, raised.value.found, raised.value.wanted) == ("fog.tasks.json", "2.0", "1.0")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b'"x"',
        b"null",
        b"{",
        b"{}",
        b'{"schema":1}',
        b'{"schema":"one"}',
        b'{"schema":"1.0.0"}',
        b'{"schema":"' + b"9" * 5000 + b'"}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_manifest_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedManifestError) as raised:
        manifest_from_json(body, source="fog.tasks.json")

    assert str(raised.value).startswith("fog.tasks.json is malformed: ")


@pytest.mark.parametrize(
    ("path", "to", "message"),
    [
        (("digest",), 5, "'digest' is a number, not a string"),
        (("layout",), True, "'layout' is true or false, not an integer"),
        (("interpreter",), [], "'interpreter' is a list, not an object"),
        (("interpreter",), {"cache_tag": "", "soabi": ""}, "'interpreter.platform' is missing"),
        (("wheels",), None, "'wheels' is null, not a list"),
        (("wheels", 0), "x", "'wheels[0]' is a string, not an object"),
        (("wheels", 0, "import_roots", 1), 5, "'wheels[0].import_roots[1]' is a number, not a string"),
        (("wheels", 1, "manifest"), [], "'wheels[1].manifest' is a list, not an object"),
        (
            ("wheels", 1, "manifest", "modules", 0, "tasks", 0, "signature"),
            None,
            "'wheels[1].manifest.modules[0].tasks[0].signature' is null, not a string",
        ),
        (
            ("wheels", 1, "manifest", "modules", 0, "tasks", 0, "sort_value"),
            10**400,
            "'wheels[1].manifest.modules[0].tasks[0].sort_value' is too large",
        ),
        (("wheels", 1, "manifest", "modules", 1, "error"), 1, "'wheels[1].manifest.modules[1].error' is a number"),
    ],
)
def test_malformed_value_is_named_by_its_key_path(path: tuple[str | int, ...], to: object, message: str) -> None:
    with pytest.raises(MalformedManifestError) as raised:
        environment_from_json(changed(environment_to_json(ENVIRONMENT), *path, to=to), source="environment.json")

    assert str(raised.value).startswith(f"environment.json is malformed: {message}")
