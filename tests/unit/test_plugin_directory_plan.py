"""What a sync has to do is a value, and every difference between lock and host is named at once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from dioptra.plugins.errors import UnsatisfiedError
from dioptra.plugins.host_model import Host
from dioptra.plugins.lock.model import Lock, LockTarget, ProvidedDistribution
from dioptra.plugins.plugin_directory.generation import Generation
from dioptra.plugins.plugin_directory.plan import Target, choose_target, is_active, plan_sync, plan_target
from sync_worlds import FixedClock, locked, make_host, make_lock, make_target
from wheel_factory import make_wheel, wheel_filename

FOG, RAIN = locked([make_wheel(name, "1.0", files={f"{name}.py": ""}) for name in ("fog", "rain")])
NUMPY = ProvidedDistribution(
    project=canonicalize_name("numpy"),
    version=Version("2.0"),
    specifier=SpecifierSet(">=1.26"),
    required_by=("fog",),
)


def refusal(*, lock: Lock | None = None, host: Host | None = None) -> str:
    with pytest.raises(UnsatisfiedError) as refused:
        choose_target(lock or make_lock([FOG]), host or make_host())
    assert refused.value.why is not None
    return refused.value.why


def plan_for(lock: Lock, lock_bytes: bytes, host: Host) -> Target:
    return plan_target(choose_target(lock, host), lock_bytes, host)


def for_target(target: LockTarget) -> Lock:
    lock = make_lock([FOG])
    return replace(lock, targets=(replace(lock.targets[0], target=target),))


def active(target: Target) -> Generation:
    return Generation(
        number=3,
        lock_sha256=target.lock_sha256,
        environment=target.environment,
        target="",
        indexes=(),
        wheels=(),
        provided=(),
        host_fingerprint=target.host_fingerprint,
        time=FixedClock().now(),
    )


def test_what_the_store_has_is_not_fetched() -> None:
    plan = plan_sync(make_lock([FOG, RAIN]).targets[0], {FOG.sha256, "another"})
    assert (plan.reuse, plan.fetch) == ((FOG,), (RAIN,))


def test_the_same_lock_on_the_same_host_is_active_already() -> None:
    target = plan_for(make_lock([FOG]), b"lock", make_host())
    assert is_active(target, active(target))
    assert not is_active(target, None)


@pytest.mark.parametrize("other", ["lock", "wheels", "host", "python"])
def test_another_lock_wheel_or_host_is_not_active(other: str) -> None:
    before = plan_for(make_lock([FOG]), b"lock", make_host())
    now = {
        "lock": lambda: plan_for(make_lock([FOG]), b"another", make_host()),
        "wheels": lambda: plan_for(make_lock([FOG, RAIN]), b"lock", make_host()),
        "host": lambda: plan_for(make_lock([FOG]), b"lock", make_host({"numpy": "2.0"})),
        "python": lambda: plan_for(make_lock([FOG]), b"lock", make_host(python="3.11.9")),
    }[other]()
    assert not is_active(now, active(before))


def test_the_environment_is_named_by_its_wheels_and_not_by_the_lock_or_the_host() -> None:
    first = plan_for(make_lock([FOG, RAIN]), b"one", make_host())
    second = plan_for(make_lock([RAIN, FOG]), b"two", make_host({"numpy": "2.0"}))
    assert first.environment == second.environment
    assert first.environment != plan_for(make_lock([FOG]), b"one", make_host()).environment


def test_what_the_host_provides_is_recorded_as_found() -> None:
    target = plan_for(make_lock([FOG], provided=[NUMPY]), b"", make_host({"numpy": "2.5.0a0+nv24.10"}))
    assert [(item.project, item.version, item.specifier) for item in target.provided] == [
        ("numpy", "2.5.0a0+nv24.10", ">=1.26")
    ]


def test_a_missing_or_unsatisfied_provided_distribution_is_named_with_wanted_and_found() -> None:
    scipy = replace(NUMPY, project=canonicalize_name("scipy"), specifier=SpecifierSet("<2"))
    lock = make_lock([FOG], provided=[NUMPY, scipy])
    assert refusal(lock=lock, host=make_host({"numpy": "1.20"})) == (
        "numpy: wanted >=1.26 from the host, found 1.20\nscipy: wanted <2 from the host, found none"
    )


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (make_target(python="3.12"), "it is for cpython 3.12"),
        (make_target(implementation="pypy"), "it is for pypy 3.11"),
        (
            make_target(platform="macosx-14.0-arm64"),
            "this host is linux-x86_64",
        ),
    ],
)
def test_a_lock_for_another_interpreter_or_system_is_refused(target: LockTarget, expected: str) -> None:
    assert expected in refusal(lock=for_target(target))


def test_processor_and_system_version_are_left_to_the_wheels() -> None:
    choose_target(for_target(make_target(platform="linux-aarch64")), make_host())


def test_a_wheel_for_another_platform_or_python_is_named() -> None:
    filename = wheel_filename("fog", "1.0", "cp39-cp39-win_amd64")
    wheel = replace(FOG, filename=filename, requires_python=SpecifierSet("<3.10"))
    assert refusal(lock=make_lock([wheel])) == (
        f"{filename} does not fit Python 3.11.7 on linux-x86_64\n{filename} wants Python <3.10, found 3.11.7"
    )


def test_a_host_that_is_only_described_cannot_be_synced() -> None:
    with pytest.raises(UnsatisfiedError, match="only described"):
        plan_for(make_lock([FOG]), b"lock", replace(make_host(), key=None))
