"""Which commit of a git work tree a folder is at.

git itself is asked, for only it knows what a file would be after filters and line endings. A folder that is in no work
tree, and a machine without git, give nothing; so does a work tree that git refuses to open (another user's, say).
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass

_SECONDS = 10.0
"""A work tree on a slow network file system takes a while; a git that asks for something never answers."""

_NO_COMMIT = "(initial)"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """What git knows of a folder.

    Attributes:
        commit: Full name of the commit that is checked out; None outside of git, and before the first commit.
        dirty: Whether files of the folder differ from that commit, or are new; None outside of git.
    """

    commit: str | None = None
    dirty: bool | None = None


def source_state(folder: str) -> SourceState:
    """Ask git for the state of a folder. Nothing is written and no hook or monitor is started.

    Args:
        folder: The folder.

    Returns:
        Its state. What git ignores counts for nothing; changes beside the folder do not count either.
    """
    # A hook or a rebase sets variables that would lead git to another work tree.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-c", "core.fsmonitor=false", "status", "--porcelain=v2", "--branch", "--", "."]
    try:
        answer = subprocess.run(
            command,
            cwd=folder,
            env={**environment, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return SourceState()
    if answer.returncode != 0:
        return SourceState()
    commit, dirty = None, False
    for line in answer.stdout.decode("utf-8", "surrogateescape").splitlines():
        if line.startswith("# branch.oid "):
            commit = line.rpartition(" ")[2]
        elif not line.startswith("#"):
            dirty = True
    if commit is None or commit == _NO_COMMIT:
        return SourceState(commit=None, dirty=True)
    return SourceState(commit=commit, dirty=dirty)
