"""Where everything of a managed plugin directory lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dioptra.manifest.environment import CURRENT


@dataclass(frozen=True, slots=True)
class PluginDirectory:
    """A managed plugin directory: paths only, nothing is read or made.

    Attributes:
        root: The directory itself.
    """

    root: Path

    @property
    def store(self) -> Path:
        """Unpacked wheels by sha256."""
        return self.root / "store" / "sha256"

    @property
    def environments(self) -> Path:
        """Environments by digest."""
        return self.root / "environments"

    @property
    def generations(self) -> Path:
        """Activations by number."""
        return self.root / "generations"

    @property
    def current(self) -> Path:
        """The link to the active generation: the one switch."""
        return self.root / CURRENT

    @property
    def locks(self) -> Path:
        """Lock files of writers."""
        return self.root / "locks"

    @property
    def tmp(self) -> Path:
        """Where everything is made before it is renamed into place."""
        return self.root / "tmp"

    def stored_wheel(self, sha256: str) -> Path:
        """Folder of one wheel in the store."""
        return self.store / sha256

    def environment(self, digest: str) -> Path:
        """Folder of one environment."""
        return self.environments / digest

    def generation(self, number: int) -> Path:
        """Folder of one generation."""
        return self.generations / str(number)
