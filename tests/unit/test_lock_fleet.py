"""One lock for several kinds of worker: what each takes, how a worker finds its own, and what stock installers see."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest
from packaging.pylock import Pylock
from packaging.tags import Tag
from packaging.utils import canonicalize_name
from packaging.version import Version

from dioptra.plugins.errors import ConfigurationError, UnsatisfiedError
from dioptra.plugins.host_model import Host, HostDistribution
from dioptra.plugins.lock.difference import compare_locks
from dioptra.plugins.lock.locking import make_lock
from dioptra.plugins.lock.model import Lock
from dioptra.plugins.lock.pylock import render
from dioptra.plugins.lock.pylock_parser import parse
from dioptra.plugins.plugin_directory.plan import choose_target
from resolution_scenarios import Scenario


def scenario(*lines: str) -> Scenario:
    made = Scenario("made here")
    for line in lines:
        made.add(line)
    return made


WORLD = scenario(
    "fog 1.0 needs haze | torch>=2.5",
    "fog 1.1 needs haze | torch>=2.5",
    "haze 1.0",
    "haze 2.0 python=>=3.12",
    "torch 2.5.0",
)
CATALOGUES = list(WORLD.catalogues.values())


def host(name: str, *, python: str = "3.11", machine: str = "x86_64", has: dict[str, str] | None = None) -> Host:
    base = WORLD.host.interpreter
    markers = {
        "implementation_name": "cpython",
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "platform_machine": machine,
    }
    interpreter = replace(
        base,
        python_full_version=f"{python}.0",
        platform=f"linux-{machine}",
        tags=(Tag(f"py{python.replace('.', '')}", "none", "any"), Tag("py3", "none", "any")),
        marker_environment=tuple(sorted({**dict(base.marker_environment), **markers}.items())),
    )
    distributions = tuple(
        HostDistribution(project=canonicalize_name(project), version=Version(version))
        for project, version in sorted((has or {}).items())
    )
    return Host(interpreter=interpreter, key=None, distributions=distributions, name=name, is_described=True)


GPU = host("gpu", has={"torch": "2.6.0"})
CPU = host("cpu")
NEW = host("new", python="3.12")


def picks(lock: Lock) -> dict[str, dict[str, str]]:
    return {item.target.name: {wheel.project: str(wheel.version) for wheel in item.wheels} for item in lock.targets}


def test_each_kind_takes_what_it_needs() -> None:
    lock = make_lock(["fog"], CATALOGUES, [GPU, CPU, NEW])
    assert picks(lock) == {
        "gpu": {"fog": "1.1", "haze": "1.0"},
        "cpu": {"fog": "1.1", "haze": "1.0", "torch": "2.5.0"},
        # As the others as far as that satisfies.
        "new": {"fog": "1.1", "haze": "1.0", "torch": "2.5.0"},
    }
    assert [item.project for item in lock.targets[0].provided] == ["torch"]
    assert picks(make_lock(["fog"], CATALOGUES, [NEW, CPU])) == {
        "new": {"fog": "1.1", "haze": "2.0", "torch": "2.5.0"},
        "cpu": {"fog": "1.1", "haze": "1.0", "torch": "2.5.0"},
    }


@pytest.mark.parametrize("hosts", [[GPU], [GPU, CPU], [NEW, CPU, GPU]], ids=["one", "two", "three"])
def test_a_lock_is_read_back_as_it_was_written(hosts: list[Host]) -> None:
    lock = make_lock(["fog"], CATALOGUES, hosts)
    text = render(lock)
    assert parse(text, source="lock") == lock
    assert render(parse(text, source="lock")) == text


def test_each_kind_keeps_its_own_pins() -> None:
    before = make_lock(["fog"], CATALOGUES, [NEW, CPU])
    pins = {item.target.name: {wheel.project: wheel.version for wheel in item.wheels} for item in before.targets}
    assert make_lock(["fog"], CATALOGUES, [CPU, NEW], pins=pins).targets == before.targets[::-1]


def test_stock_installers_choose_by_marker() -> None:
    lock = Pylock.from_dict(tomllib.loads(render(make_lock(["fog"], CATALOGUES, [NEW, CPU]))))
    assert str(lock.requires_python) in ("<3.13,>=3.11", ">=3.11,<3.13")
    for kind, haze in ((NEW, "2.0"), (CPU, "1.0")):
        environment = dict(kind.interpreter.marker_environment)
        assert sum(marker.evaluate(environment) for marker in lock.environments or ()) == 1
        taken = [item for item in lock.packages if item.marker is None or item.marker.evaluate(environment)]
        assert {item.name: str(item.version) for item in taken} == {"fog": "1.1", "haze": haze, "torch": "2.5.0"}


def test_processors_are_told_apart_where_nothing_else_does() -> None:
    lock = make_lock(["haze"], CATALOGUES, [CPU, host("arm", machine="aarch64"), NEW])
    named = ["platform_machine" in item.target.marker for item in lock.targets]
    assert named == [True, True, False]


@pytest.mark.parametrize(
    ("worker", "expected"),
    [
        (host("", has={"torch": "2.6.0"}), "gpu"),
        (host("", has={"torch": "2.9.0"}), "gpu"),
        (host(""), "cpu"),
        (host("", has={"torch": "2.4.0"}), "cpu"),
        (host("", python="3.12"), "new"),
    ],
)
def test_a_worker_finds_its_own(worker: Host, expected: str) -> None:
    lock = make_lock(["fog"], CATALOGUES, [CPU, GPU, NEW])
    assert choose_target(lock, worker).target.name == expected


def test_a_worker_of_no_kind_is_told_the_nearest() -> None:
    lock = make_lock(["fog"], CATALOGUES, [GPU, NEW])
    with pytest.raises(
        UnsatisfiedError, match=r"none of those that the lock is for \(gpu, new\).*nearest is gpu"
    ) as no:
        choose_target(lock, host("", has={"torch": "2.4.0"}))
    assert no.value.why == "torch: wanted >=2.5 from the host, found 2.4.0"


def test_kinds_that_no_marker_tells_apart_must_agree() -> None:
    old = host("old", has={"torch": "2.6.0", "haze": "1.0"})
    conflict = scenario("fog 1.0 needs torch<2", "fog 2.0 needs torch>=2")
    catalogues = list(conflict.catalogues.values())
    with pytest.raises(UnsatisfiedError, match="no environment marker tells apart") as no:
        make_lock(["fog"], catalogues, [old, host("older", has={"torch": "1.0"})])
    assert no.value.why == "fog: 2.0 for old, 1.0 for older"
    with pytest.raises(UnsatisfiedError, match="no lock for workers like bare: there is no project 'torch'"):
        make_lock(["fog"], catalogues, [old, host("bare")])


def test_two_kinds_need_two_names() -> None:
    with pytest.raises(ConfigurationError, match="two kinds of worker are called 'cpu'"):
        make_lock(["fog"], CATALOGUES, [CPU, host("cpu", python="3.12")])


def test_a_difference_names_the_kinds_it_concerns() -> None:
    before, after = (make_lock([text], CATALOGUES, [CPU, GPU]) for text in ("fog==1.0", "fog==1.1"))
    (change,) = compare_locks(before, after)
    assert (change.project, change.targets) == ("fog", ())
    more = make_lock(["fog==1.0"], CATALOGUES, [CPU])
    assert {(change.project, change.targets) for change in compare_locks(before, more)} == {
        (project, ("gpu",)) for project in ("fog", "haze", "torch")
    }


VENDOR = host("vendor", has={"torch": "2.5.0a0+872d.nv24.10"})
DECLARED = replace(
    VENDOR, distributions=tuple(replace(item, declared=Version("2.5.0")) for item in VENDOR.distributions)
)


def test_a_vendors_build_may_stand_for_a_release() -> None:
    with pytest.raises(UnsatisfiedError) as no:
        make_lock(["fog"], CATALOGUES, [VENDOR])
    assert 'say so in the settings: [tool.dioptra.host] torch = "2.5.0"' in str(no.value.hint)
    lock = make_lock(["fog"], CATALOGUES, [DECLARED])
    (given,) = lock.targets[0].provided
    assert (str(given.version), str(given.declared)) == ("2.5.0a0+872d.nv24.10", "2.5.0")
    assert parse(render(lock), source="lock") == lock
    assert choose_target(lock, VENDOR).target.name == "vendor"
    with pytest.raises(UnsatisfiedError) as other:
        choose_target(lock, host("", has={"torch": "2.5.0a0+999"}))
    assert "wanted 2.5.0a0+872d.nv24.10 from the host, which the lock takes for 2.5.0" in str(other.value.why)
