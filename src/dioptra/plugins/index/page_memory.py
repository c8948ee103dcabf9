"""Project pages that were read already by this process."""

from __future__ import annotations

import threading
from collections.abc import Callable

from packaging.utils import NormalizedName

from dioptra.plugins.index.model import ProjectPage


class PageMemory:
    """One request a project, however many threads ask."""

    def __init__(self) -> None:
        self._pages: dict[NormalizedName, ProjectPage | None] = {}
        self._locks: dict[NormalizedName, threading.Lock] = {}
        self._guard = threading.Lock()

    def get(self, project: NormalizedName, read: Callable[[], ProjectPage | None]) -> ProjectPage | None:
        """A project's page.

        Args:
            project: Its normalized name.
            read: Reads the page; called once, and again if it raises.

        Raises:
            IndexAccessError: What `read` raises.
        """
        with self._guard:
            lock = self._locks.setdefault(project, threading.Lock())
        with lock:
            if project not in self._pages:
                self._pages[project] = read()
            return self._pages[project]
