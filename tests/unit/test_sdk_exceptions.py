from __future__ import annotations

import copy
import pickle

import pytest

from dioptra.sdk import exceptions as errors
from dioptra.sdk.exceptions import Claimant, Collision, DioptraSDKError, FailedTask, Searched

SEARCHED = Searched(("/plugins/site",), "/host", True)
EXAMPLES: list[tuple[DioptraSDKError, int, list[str]]] = [
    (DioptraSDKError("what", why="why", hint="hint"), 1, ["what: why", "hint: hint"]),
    (
        errors.UnknownPackageError("pkg", nearest=("pkh", "pk"), searched=SEARCHED),
        1,
        ["'pkg'", "'pkh' or 'pk'", "/plugins/site", "/host"],
    ),
    (errors.UnknownPackageError("pkg", searched=Searched((), "/host")), 1, ["DIOPTRA_PLUGIN_DIR is unset"]),
    (errors.UnknownPackageError("pkg", searched=Searched((), "/host", True)), 1, ["plugin_dirs() is not active"]),
    (errors.UnknownPluginError("pkg", "mod", searched=SEARCHED), 1, ["package 'pkg' has no plugin 'mod'"]),
    (errors.UnknownPluginError("", "mod", searched=SEARCHED), 1, ["top-level modules have no plugin 'mod'"]),
    (errors.UnknownPluginFunctionError("pkg", "mod", "f", searched=SEARCHED), 1, ["'pkg.mod' has no task 'f'"]),
    (
        errors.PluginLoadError("pkg.mod", distribution="dist", version="1", cause=ValueError("no")),
        1,
        ["'pkg.mod' of dist 1", "ValueError: no"],
    ),
    (errors.PluginLoadError("mod"), 1, ["plugin module 'mod' cannot be loaded"]),
    (
        errors.MissingDependencyError("pkg.mod", missing="torch", distribution="dist", version="1"),
        1,
        ["'torch'", "dist"],
    ),
    (
        errors.TaskConflictError("pkg", "mod", None, [Claimant("a", "1", "ab" * 32), Claimant("b", "2")]),
        1,
        ["'pkg.mod'", "a 1 (sha256 abab", "and b 2"],
    ),
    (errors.RegistrationError("wrong"), 1, ["wrong"]),
    (errors.DuplicateTaskError("pkg.mod", "f", "mod.py:3", "mod.py:9"), 1, ["'f' twice", "mod.py:3", "mod.py:9"]),
    (errors.TaskBlockedError("pkg", "mod", "f", "pkg.*"), 1, ["'pkg.mod.f'", "'pkg.*'", "DIOPTRA_ALLOW=pkg.mod.f"]),
    (
        errors.UnknownPluginFunctionError("pkg", "mod", "f", its_label="fast", searched=SEARCHED),
        1,
        ["no task 'f' without a label", "label='fast'"],
    ),
    (errors.BaseOptionalDependencyError("work needs the package 'x'"), 2, ["work needs the package 'x'"]),
    (errors.ARTDependencyError("no art"), 2, ["no art"]),
    (errors.CryptographyDependencyError("no cryptography"), 2, ["no cryptography"]),
    (errors.TensorflowDependencyError("no tensorflow"), 2, ["no tensorflow"]),
    (errors.PrefectDependencyError("call_task needs prefect"), 2, ["call_task needs prefect", "pip install"]),
    (errors.PluginDirectoryError("/gone", why="it does not exist", hint="make it"), 2, ["'/gone'", "make it"]),
    (errors.EnvironmentInUseError(["/a"], ["/b"]), 2, ["active: /a; wanted: /b"]),
    (errors.StaleModuleError(["numpy.core"], ["/a"], ["/b"]), 2, ["numpy.core", "child process"]),
    (
        errors.StaleModuleError(["fog.tasks.f"], ["/a"], ["/b"], referenced=True),
        2,
        ["fog.tasks.f", "still referenced", "drop the variables"],
    ),
    (
        errors.HostCollisionError("/env", [Collision("x", "dist 1", "/host/x")]),
        4,
        ["x (dist 1) is in the host at /host/x"],
    ),
    (
        errors.RevokedEnvironmentError("/plugins", {"fog-1.0-py3-none-any.whl": "it steals keys"}),
        4,
        ["environment of /plugins", "fog-1.0-py3-none-any.whl: it steals keys"],
    ),
    (
        errors.TaskRunFailedError("flow", [FailedTask("resize", "Failed")]),
        10,
        ["'flow': 1 task did", "resize (Failed)"],
    ),
]


@pytest.mark.parametrize(("error", "code", "parts"), EXAMPLES, ids=lambda item: type(item).__name__)
def test_an_error_says_what_why_and_what_helps(error: DioptraSDKError, code: int, parts: list[str]) -> None:
    assert error.exit_code == code
    assert [part for part in parts if part not in str(error)] == []


@pytest.mark.parametrize("error", [error for error, _, _ in EXAMPLES], ids=lambda item: type(item).__name__)
def test_an_error_survives_the_way_to_another_process(error: DioptraSDKError) -> None:
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is type(error)
        assert (str(twin), twin.__dict__) == (str(error), error.__dict__)


def test_every_error_of_the_sdk_has_the_base() -> None:
    found = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, Exception)]
    classes = [item for item in found if not issubclass(item, Warning)]
    assert all(issubclass(item, DioptraSDKError) for item in classes)
    assert {type(error) for error, _, _ in EXAMPLES} >= set(classes) - {errors.UnknownTaskError}


def test_a_load_error_keeps_its_cause() -> None:
    cause = SyntaxError("bad")
    assert errors.PluginLoadError("mod", cause=cause).__cause__ is cause
