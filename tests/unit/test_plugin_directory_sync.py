"""Sync makes a lock active whole or not at all, trusts only hashes, and does nothing twice."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from packaging.version import Version

from dioptra.manifest.environment import current_environment, read_environment
from dioptra.plugins.errors import ConfigurationError, IndexAccessError, IntegrityError, WheelRefusedError
from dioptra.plugins.host_model import Host
from dioptra.plugins.index.catalogue_port import Catalogue
from dioptra.plugins.index.revocation import Revocation, RevokedError
from dioptra.plugins.lock.model import Lock, LockedWheel
from dioptra.plugins.plugin_directory.generation import read_current
from dioptra.plugins.plugin_directory.layout import PluginDirectory
from dioptra.plugins.plugin_directory.sync import SyncReport, sync
from dioptra.sdk import plugin_dirs
from dioptra.sdk.exceptions import PluginDirectoryError, RevokedEnvironmentError
from sync_worlds import FixedClock, MemoryIndex, locked, make_host, make_lock
from wheel_factory import dist_info_of, make_wheel, pack, wheel_filename, wheel_files

TASK = """from dioptra import pyplugs


@pyplugs.register
def blur(image: str, *, amount: int = 3) -> str:
    return image
"""


def with_wheels(lock: Lock, *wheels: LockedWheel) -> Lock:
    return replace(lock, targets=(replace(lock.targets[0], wheels=wheels),))


def fog(version: str = "1.0") -> tuple[str, bytes]:
    return make_wheel(
        "fog-attack",
        version,
        files={"fog_attack/__init__.py": f"VERSION = '{version}'\n", "fog_attack/blur.py": TASK},
        entry_points={"fog": "fog_attack"},
    )


@dataclass
class World:
    """A plugin directory beside an index."""

    directory: PluginDirectory
    index: MemoryIndex = field(default_factory=MemoryIndex)
    opened: int = 0
    host: Host = field(default_factory=make_host)
    down: bool = False
    local: bool = False

    def lock(self, *wheels: tuple[str, bytes]) -> Lock:
        self.index.wheels.update(wheels)
        return make_lock(locked(list(wheels)))

    def sync(self, lock: Lock, lock_bytes: bytes | None = None) -> SyncReport:
        body = repr(lock).encode() if lock_bytes is None else lock_bytes
        return sync(lock, body, self.directory, self.open, self.host, FixedClock())

    def open(self, *, local_only: bool) -> Mapping[str, Catalogue]:
        if local_only:
            return {"main": self.index} if self.local else {}
        self.opened += 1
        if self.down:
            raise IndexAccessError("the index is down")
        return {"main": self.index}

    def read(self, path: str) -> str:
        environment = current_environment(self.directory.root)
        assert environment is not None
        return (environment / "site" / path).read_text()

    def tree(self) -> dict[str, tuple[int, int]]:
        """Every path with its inode and time of change: a write of any kind shows."""
        return {
            str(path.relative_to(self.directory.root)): (path.lstat().st_ino, path.lstat().st_mtime_ns)
            for path in [self.directory.root, *self.directory.root.rglob("*")]
        }

    def active(self) -> str | None:
        state = read_current(self.directory)
        return None if state is None else state.environment.digest


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(PluginDirectory(tmp_path / "plugins"))


def test_a_first_sync_makes_an_environment_that_describes_itself(world: World) -> None:
    filename, body = fog()
    lock = world.lock((filename, body))
    report = world.sync(lock)

    assert (report.changed, report.generation) == (True, 1)
    assert [(wheel.project, wheel.version, wheel.size, wheel.fetched) for wheel in report.wheels] == [
        ("fog-attack", "1.0", len(body), True)
    ]
    assert world.read("fog_attack/__init__.py") == "VERSION = '1.0'\n"
    environment = current_environment(world.directory.root)
    assert environment is not None
    assert environment.name == report.environment
    (wheel,) = read_environment(environment).wheels
    assert (wheel.sha256, wheel.filename) == (hashlib.sha256(body).hexdigest(), filename)
    assert wheel.import_roots == ("fog_attack",)
    assert wheel.manifest is not None
    assert [(module.package, module.plugin, task.func) for module, task in wheel.manifest.tasks] == [
        ("fog_attack", "blur", "blur")
    ]
    assert stat.S_IMODE((environment / "lease").stat().st_mode) & 0o222 == 0


def test_the_current_state_says_what_was_locked_and_where_it_came_from(world: World) -> None:
    assert read_current(world.directory) is None
    lock = world.lock(fog())
    world.sync(lock, b"the lock")
    state = read_current(world.directory)
    assert state is not None
    assert state.generation.lock_sha256 == hashlib.sha256(b"the lock").hexdigest()
    assert state.generation.indexes == (("main", "memory:main"),)
    assert state.generation.time == FixedClock().now()
    assert state.path == world.directory.environment(state.environment.digest)


def test_the_site_folder_can_be_imported_from_and_lists_its_distributions(world: World) -> None:
    rain = make_wheel("rain", "2.0", files={"testbed/rain.py": "x = 1\n"})
    snow = make_wheel("snow", "3.0", files={"testbed/deep/snow.py": "y = 2\n", "flake.py": ""})
    world.sync(world.lock(fog(), rain, snow))
    environment = current_environment(world.directory.root)
    code = (
        "import sys; sys.path.append(sys.argv[1]); import importlib.metadata as m\n"
        "import fog_attack, testbed.rain, testbed.deep.snow, flake\n"
        "print(sorted(d.name for d in m.distributions(path=[sys.argv[1]])), fog_attack.VERSION)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, f"{environment}/site"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "['fog-attack', 'rain', 'snow'] 1.0\n"


def test_links_are_relative_so_that_the_directory_can_be_moved(world: World, tmp_path: Path) -> None:
    rain, snow = (make_wheel(name, "1", files={f"ns/{name}.py": ""}) for name in ("rain", "snow"))
    world.sync(world.lock(fog(), rain, snow))
    moved = tmp_path / "elsewhere" / "deeper"
    moved.parent.mkdir()
    world.directory.root.rename(moved)
    environment = current_environment(moved)
    assert environment is not None
    assert (environment / "site/fog_attack/blur.py").read_text() == TASK
    assert (environment / "site/ns/snow.py").is_file()


def test_the_same_lock_again_does_nothing_and_asks_nobody(world: World) -> None:
    lock = world.lock(fog())
    first = world.sync(lock)
    before = world.tree()
    second = world.sync(lock)
    assert (second.changed, second.generation, second.environment) == (False, 1, first.environment)
    assert [wheel.fetched for wheel in second.wheels] == [False]
    assert world.opened == 1
    assert world.tree() == before


def test_an_upgrade_fetches_only_what_is_new_and_keeps_the_old_environment(world: World) -> None:
    rain = make_wheel("rain", "1.0", files={"rain.py": ""})
    first = world.sync(world.lock(fog(), rain))
    second = world.sync(world.lock(fog("2.0"), rain))
    assert world.index.downloads[2:] == [fog("2.0")[0]]
    assert {wheel.project: wheel.fetched for wheel in second.wheels} == {"fog-attack": True, "rain": False}
    assert world.read("fog_attack/__init__.py") == "VERSION = '2.0'\n"
    old = world.directory.environment(first.environment) / "site/fog_attack/__init__.py"
    assert old.read_text() == "VERSION = '1.0'\n"
    assert second.generation == 2


def test_going_back_downloads_nothing(world: World) -> None:
    one, two = world.lock(fog("1.0")), world.lock(fog("2.0"))
    first = world.sync(one)
    world.sync(two)
    world.index.wheels.clear()
    report = world.sync(one)
    assert (report.changed, report.generation, report.environment) == (True, 3, first.environment)
    assert report.unasked is None
    assert len(world.index.downloads) == 2


def test_an_outage_keeps_nobody_from_what_is_there_and_is_told(world: World) -> None:
    one, two = world.lock(fog("1.0")), world.lock(fog("2.0"))
    first = world.sync(one)
    world.sync(two)
    world.down = True
    report = world.sync(one)
    assert (report.changed, report.environment) == (True, first.environment)
    assert report.unasked == "the index is down"
    with pytest.raises(IndexAccessError, match="the index is down"):
        world.sync(world.lock(fog("3.0")))
    assert world.active() == first.environment


def revoked(lock: Lock, reason: str = "it steals keys") -> dict[str, Revocation]:
    return {
        wheel.sha256: Revocation(
            sha256=wheel.sha256,
            project=wheel.project,
            version=str(wheel.version),
            filename=wheel.filename,
            reason=reason,
            time=FixedClock().now(),
        )
        for wheel in lock.wheels
    }


def test_what_is_revoked_is_refused_from_a_warm_store_too_and_remembered(world: World) -> None:
    one, two = world.lock(fog("1.0")), world.lock(fog("2.0"))
    world.sync(one)
    second = world.sync(two)
    world.index.revoked = revoked(one)
    with pytest.raises(RevokedError, match=r"fog-attack 1\.0 is revoked") as refused:
        world.sync(one)
    assert refused.value.exit_code == 4
    assert "it steals keys" in str(refused.value)
    assert world.active() == second.environment
    world.down = True
    with pytest.raises(RevokedError):
        world.sync(one)
    assert not world.sync(two).changed


def test_an_index_in_a_folder_is_asked_about_what_is_active_too(world: World) -> None:
    lock = world.lock(fog("1.0"))
    world.sync(lock)
    world.index.revoked = revoked(lock)
    assert not world.sync(lock).changed
    world.local = True
    with pytest.raises(RevokedError):
        world.sync(lock)
    with pytest.raises(RevokedEnvironmentError), plugin_dirs(world.directory.root):
        pass


def test_an_environment_with_a_revoked_wheel_starts_no_job(world: World) -> None:
    one, two = world.lock(fog("1.0")), world.lock(fog("2.0"))
    world.sync(one)
    first = current_environment(world.directory.root)
    assert first is not None
    world.index.revoked = revoked(one)
    world.sync(two)
    with plugin_dirs(world.directory.root):
        pass
    for entry in (first, world.directory.generation(1)):
        with pytest.raises(RevokedEnvironmentError, match="it steals keys") as refused, plugin_dirs(entry):
            pass
        assert refused.value.exit_code == 4
    (world.directory.root / "revoked.json").write_text("{")
    with pytest.raises(PluginDirectoryError), plugin_dirs(world.directory.root):
        pass
    with pytest.raises(ConfigurationError, match="malformed"):
        world.sync(two)


def test_a_changed_host_is_checked_and_recorded_without_a_request(world: World) -> None:
    lock = world.lock(fog())
    world.sync(lock)
    world.host = make_host({"numpy": "2.0"})
    assert world.sync(lock).generation == 2
    assert not world.sync(lock).changed
    assert world.opened == 1


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda body: body[:-1] + bytes([body[-1] ^ 1]), "sha256"),
        (lambda body: body[:-1], "bytes"),
        (lambda body: body + b"x", "more than"),
        (lambda body: b"", "0 bytes"),
        (lambda body: b"<html>no</html>", "15 bytes"),
    ],
)
def test_bytes_that_are_not_the_locked_ones_are_refused_before_they_are_unpacked(
    world: World, change: object, found: str
) -> None:
    filename, body = fog()
    lock = world.lock((filename, body))
    assert callable(change)
    world.index.wheels[filename] = change(body)
    with pytest.raises(IntegrityError) as refused:
        world.sync(lock)
    assert filename in refused.value.what
    assert refused.value.why is not None
    assert f"found {found}" in refused.value.why or found in refused.value.why
    assert hashlib.sha256(body).hexdigest() in refused.value.why
    assert world.active() is None
    assert not list(world.directory.store.iterdir())
    assert not list(world.directory.tmp.iterdir())


def test_a_download_without_end_is_cut_where_the_lock_ends(world: World) -> None:
    lock = world.lock(fog())
    size = lock.wheels[0].size

    class Endless(MemoryIndex):
        sent = 0

        def download(self, project: object, filename: str, url: str, sink: object, *, limit: int) -> None:
            while True:
                self.sent += 1024
                sink.write(bytes(1024))  # type: ignore[attr-defined]  # the port's sink

    world.index = endless = Endless()
    with pytest.raises(IntegrityError, match="not the file that was locked"):
        world.sync(lock)
    assert endless.sent <= size + 1024


def test_a_failure_leaves_the_active_environment_and_the_next_run_succeeds(world: World) -> None:
    first = world.sync(world.lock(fog()))
    rain = make_wheel("rain", "1.0", files={"rain.py": ""})
    lock = world.lock(fog("2.0"), rain)
    del world.index.wheels[rain[0]]
    with pytest.raises(IndexAccessError, match="rain"):
        world.sync(lock)
    assert world.active() == first.environment
    world.index.wheels.update([rain])
    assert world.sync(lock).generation == 2


def test_a_refused_wheel_is_not_stored(world: World) -> None:
    files = wheel_files("evil", "1.0", files={"evil.pth": "import os", "evil.py": ""})
    body = pack(files, dist_info=dist_info_of("evil", "1.0"))
    lock = world.lock(fog(), (wheel_filename("evil", "1.0"), body))
    with pytest.raises(WheelRefusedError, match="run code at every start"):
        world.sync(lock)
    assert world.active() is None
    assert not list(world.directory.environments.iterdir())


def test_a_wheel_of_another_version_than_the_lock_says_is_refused(world: World) -> None:
    lock = world.lock(fog())
    wheel = replace(lock.wheels[0], version=Version("9.9"))
    with pytest.raises(IntegrityError, match=r"found fog-attack 1\.0, wanted fog-attack 9\.9"):
        world.sync(with_wheels(lock, wheel))


def test_two_wheels_with_one_path_are_refused_naming_both(world: World) -> None:
    other = make_wheel("fog-clone", "7.0", files={"fog_attack/__init__.py": "", "fog_attack/more.py": ""})
    with pytest.raises(IntegrityError) as refused:
        world.sync(world.lock(fog(), other))
    assert str(refused.value.why).endswith(": fog-attack 1.0, fog-clone 7.0")
    assert world.active() is None


@pytest.mark.parametrize("files", [{"json/__init__.py": ""}, {"sys.py": ""}, {"dioptra/manifest/model.py": ""}])
def test_names_of_the_host_are_refused_with_the_place_where_it_has_them(world: World, files: dict[str, str]) -> None:
    with pytest.raises(IntegrityError, match=r"of shadow 1\.0: the host has it at") as refused:
        world.sync(world.lock(fog(), make_wheel("shadow", "1.0", files=files)))
    assert "fog" not in str(refused.value)
    assert world.active() is None


def test_an_environment_that_is_on_the_path_already_is_not_the_host(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = world.sync(world.lock(fog()))
    monkeypatch.syspath_prepend(str(world.directory.environment(report.environment) / "site"))
    assert world.sync(world.lock(fog("2.0"))).changed


def test_an_index_that_is_not_configured_is_named(world: World) -> None:
    lock = world.lock(fog())
    wheels = tuple(replace(wheel, index="staging") for wheel in lock.wheels)
    with pytest.raises(ConfigurationError, match="staging") as refused:
        world.sync(with_wheels(lock, *wheels))
    assert refused.value.hint == "add --index staging=URL"


def test_a_lock_without_wheels_gives_an_empty_environment(world: World) -> None:
    report = world.sync(make_lock([]))
    assert (report.changed, report.wheels, world.opened) == (True, (), 0)
    state = read_current(world.directory)
    assert state is not None
    assert state.environment.wheels == ()


def test_what_killed_runs_left_is_removed(world: World) -> None:
    world.sync(world.lock(fog()))
    for leftover in ("tmp/half/files/x.py", "generations/2/generation.json"):
        path = world.directory.root / leftover
        path.parent.mkdir(parents=True)
        path.write_text("half")
    report = world.sync(world.lock(fog("2.0")))
    assert report.generation == 2
    assert sorted(path.name for path in world.directory.root.iterdir()) == [
        "current",
        "environments",
        "generations",
        "locks",
        "store",
        "tmp",
    ]
    assert read_current(world.directory) is not None


def test_an_environment_that_somebody_damaged_is_made_again(world: World) -> None:
    lock = world.lock(fog())
    report = world.sync(lock)
    (world.directory.environment(report.environment) / "environment.json").unlink()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_current(world.directory)
    assert world.sync(lock).generation == 2
    assert world.read("fog_attack/blur.py") == TASK


@pytest.mark.parametrize("content", [None, "{", '{"schema": "1.0"}'])
def test_a_stored_wheel_that_somebody_damaged_is_named_with_what_helps(world: World, content: str | None) -> None:
    lock = world.lock(fog())
    world.sync(lock)
    folder = world.directory.stored_wheel(lock.wheels[0].sha256)
    (folder / "wheel.json").unlink()
    if content is not None:
        (folder / "wheel.json").write_text(content)
    with pytest.raises(IntegrityError, match="is damaged") as damaged:
        world.sync(lock, b"another lock of the same wheels")
    assert damaged.value.hint == f"remove the folder {folder} and sync again"


def test_a_damaged_generation_is_named_with_what_helps(world: World) -> None:
    lock = world.lock(fog())
    world.sync(lock)
    (world.directory.generation(1) / "generation.json").write_text("{")
    with pytest.raises(ConfigurationError):
        world.sync(lock)
    world.directory.current.unlink()
    assert world.sync(lock).generation == 1


def test_a_root_that_is_a_file_is_a_configuration_error(world: World) -> None:
    world.directory.root.write_text("")
    with pytest.raises(ConfigurationError, match="cannot be used"):
        world.sync(world.lock(fog()))


def test_a_read_only_directory_can_be_used_but_not_changed(world: World) -> None:
    lock = world.lock(fog())
    world.sync(lock)
    folders = [world.directory.root, *(path for path in world.directory.root.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        if os.access(world.directory.root, os.W_OK):
            pytest.skip("this user may write to read-only folders")
        assert not world.sync(lock).changed
        with pytest.raises(ConfigurationError, match="cannot be used"):
            world.sync(world.lock(fog("2.0")))
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_a_dead_lock_holder_blocks_nobody_and_a_live_one_is_waited_for(world: World) -> None:
    lock = world.lock(fog())
    world.sync(lock)
    # Holding the lock in another process, dying with it.
    code = (
        "import fcntl, os, signal, sys\n"
        "f = open(sys.argv[1], 'ab'); fcntl.flock(f, fcntl.LOCK_EX); os.kill(os.getpid(), signal.SIGKILL)"
    )
    path = world.directory.locks / "sync.lock"
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == -9
    assert world.sync(world.lock(fog("2.0"))).changed
    with path.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert not world.sync(world.lock(fog("2.0"))).changed, "nothing to do needs no lock"
