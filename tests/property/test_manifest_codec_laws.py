from __future__ import annotations

import contextlib
import json
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from dioptra.manifest.codec import (
    MalformedManifestError,
    environment_from_json,
    environment_to_json,
    manifest_from_json,
    manifest_to_json,
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

# Pairs of surrogates are one character in JSON, so text that holds them is not expected back.
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
optional = st.none() | text


_Item = TypeVar("_Item")


def tuples(items: st.SearchStrategy[_Item]) -> st.SearchStrategy[tuple[_Item, ...]]:
    return st.lists(items, max_size=2).map(tuple)


entry_points = st.builds(EntryPoint, name=text, value=text)
tasks = st.builds(
    TaskEntry,
    func=text,
    signature=text,
    doc=text,
    line=st.integers(),
    sort_value=st.floats(allow_nan=False),
    label=optional,
    nout=st.none() | st.integers(),
    is_async=st.booleans(),
    is_class=st.booleans(),
    entry_point=optional,
)
modules = st.builds(ModuleEntry, name=text, path=text, doc=text, tasks=tuples(tasks), dynamic=optional, error=optional)
manifests = st.builds(
    TaskManifest, project=text, version=text, entry_points=tuples(entry_points), modules=tuples(modules)
)
environments = st.builds(
    EnvironmentDescription,
    digest=text,
    layout=st.integers(),
    interpreter=st.builds(InterpreterKey, cache_tag=text, soabi=text, platform=text),
    wheels=tuples(
        st.builds(
            EnvironmentWheel,
            project=text,
            version=text,
            filename=text,
            sha256=text,
            import_roots=tuples(text),
            manifest=st.none() | manifests,
        )
    ),
)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["project", "version", "modules", "tasks", "name", "path"]), inner)
    ),
    max_leaves=12,
)


@given(environments)
def test_decoding_undoes_encoding(environment: EnvironmentDescription) -> None:
    assert environment_from_json(environment_to_json(environment), source="x") == environment


@given(manifests)
def test_encoding_what_was_decoded_gives_the_same_bytes(manifest: TaskManifest) -> None:
    body = manifest_to_json(manifest)

    assert manifest_to_json(manifest_from_json(body, source="x")) == body


@given(st.dictionaries(st.sampled_from(["project", "version", "modules", "entry_points"]), documents))
def test_any_document_is_a_manifest_or_a_typed_error(document: dict[str, object]) -> None:
    try:
        manifest = manifest_from_json(json.dumps({"schema": "1.0", **document}).encode(), source="x")
    except MalformedManifestError:
        return
    assert manifest_from_json(manifest_to_json(manifest), source="x") == manifest


@given(st.binary())
def test_any_bytes_are_a_manifest_or_a_typed_error(body: bytes) -> None:
    with contextlib.suppress(MalformedManifestError, SchemaVersionError):
        manifest_from_json(body, source="x")
