"""A flow as a deployment loads it: from its file, in a process that has entered no plugin directory."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from dioptra import pyplugs
from dioptra.sdk.exceptions import UnknownPackageError

pytestmark = [
    pytest.mark.prefect_server,
    pytest.mark.usefixtures("prefect_server"),
    # Prefect's own libraries warn from within its threads.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]

SCRIPT = '''
from dioptra import pyplugs

@pyplugs.flow(name="Deployed")
def deployed(name: str) -> str:
    """Do it."""
    return pyplugs.call_task("deployedlab", "steps", "greet", name)
'''

PLUGIN = """
from dioptra import pyplugs

@pyplugs.register
def greet(name):
    return f"hello {name}"
"""


def test_the_flow_is_loaded_by_prefect_and_enters_the_plugin_directories_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect import Flow
    from prefect.flows import load_flow_from_entrypoint
    from prefect.utilities.hashing import file_hash

    package = tmp_path / "plugins" / "deployedlab"
    package.mkdir(parents=True)
    (package / "steps.py").write_text(PLUGIN)
    script = tmp_path / "deployed.py"
    script.write_text(textwrap.dedent(SCRIPT))

    loaded: Flow[..., str] = load_flow_from_entrypoint(f"{script}:deployed")
    assert isinstance(loaded, Flow)
    assert (loaded.name, loaded.description) == ("Deployed", "Do it.")
    assert loaded.version == file_hash(str(script))

    monkeypatch.setenv("DIOPTRA_PLUGIN_DIR", str(tmp_path / "plugins"))
    assert loaded("you") == "hello you"
    assert not pyplugs.default_registry.activation.active
    with pytest.raises(UnknownPackageError, match="plugin_dirs"):
        pyplugs.call("deployedlab", "steps", "greet", "you")
