"""Importing plugin modules for a registry: from where they are declared only, remembering failures by module."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType

from dioptra.pyplugs._activation import Activation
from dioptra.pyplugs._diagnosis import Diagnosis
from dioptra.pyplugs._discovery import Catalogue
from dioptra.pyplugs._loading import ImportFailedError, ModuleAbsentError, exists, load
from dioptra.pyplugs._types import BrokenModule
from dioptra.pyplugs._unloading import is_below
from dioptra.pyplugs._views import Views
from dioptra.sdk.exceptions import PluginLoadError


class Loader:
    """Imports plugin modules. May be used from any thread.

    Args:
        activation: The plugin directories that modules may come from.
        views: Tells where a module comes from.
        diagnosis: Makes the errors.
        catalogue: Gives what is declared now.
    """

    def __init__(
        self, activation: Activation, views: Views, diagnosis: Diagnosis, catalogue: Callable[[], Catalogue]
    ) -> None:
        self._activation, self._views, self._diagnosis = activation, views, diagnosis
        self._catalogue = catalogue
        self._lock = threading.Lock()
        self._failures: dict[str, BrokenModule] = {}

    @property
    def failures(self) -> Mapping[str, BrokenModule]:
        """A copy of the modules whose last import failed, by name."""
        with self._lock:
            return dict(self._failures)

    def set_failures(self, failures: Mapping[str, BrokenModule]) -> None:
        """Put other failures in place of those that are remembered.

        Args:
            failures: Modules whose import failed, by name.
        """
        with self._lock:
            self._failures = dict(failures)

    def load(self, name: str) -> ModuleType:
        """Import a plugin module.

        Args:
            name: Its dotted name.

        Returns:
            The module, completely imported.

        Raises:
            PluginLoadError: It cannot be imported, or was imported from elsewhere than it is declared.
            MissingDependencyError: It imports a module that is not installed.
        """
        try:
            with self._preferring(name):
                module = load(name)
            self._refuse_stranger(name, module)
        except (ModuleAbsentError, ImportFailedError, PluginLoadError) as failed:
            catalogue = self._catalogue()
            error = failed
            if not isinstance(error, PluginLoadError):
                error = self._diagnosis.load_error(catalogue, name, error)
            broken = BrokenModule(name, error.summary, error, self._views.provenance(catalogue, name))
            with self._lock:
                self._failures[name] = broken
            raise error from error.__cause__
        with self._lock:
            self._failures.pop(name, None)
        return module

    @contextmanager
    def _preferring(self, name: str) -> Iterator[None]:
        """Let a module be found in the distribution that counts, where the order of the path would not lead there."""
        catalogue = self._catalogue()
        claims = catalogue.claims(name)
        site = claims[0].declared.site if claims else None
        # Two environments may have one regular package; the first then hides the modules of the second.
        is_hidden = len(claims) > 1 or catalogue.rules.block or not exists(name)
        if site is None or name in sys.modules or not is_hidden:
            yield
            return
        from dioptra.pyplugs._finders import PreferredFinder

        finder = PreferredFinder(name, site)
        sys.meta_path.insert(0, finder)
        try:
            yield
        finally:
            sys.meta_path[:] = [item for item in sys.meta_path if item is not finder]

    def _refuse_stranger(self, name: str, module: ModuleType) -> None:
        """Refuse a module that was imported from elsewhere than the distribution that it is attributed to."""
        file = getattr(module, "__file__", None)
        catalogue = self._catalogue()
        claims = catalogue.claims(name)
        if not claims or file is None:
            return
        declared = claims[0].declared
        roots = [root for item in self._activation.directories if item.entry == declared.site for root in item.roots]
        decided = len(claims) > 1 or catalogue.rules.block
        if decided and not roots and declared.site is not None:
            roots = [declared.site, os.path.realpath(declared.site)]
        if roots and not is_below(file, roots):
            raise PluginLoadError(
                name,
                distribution=declared.manifest.project,
                version=declared.manifest.version,
                why=f"it was imported from {file}, not from {declared.site}",
                hint="enter plugin_dirs() and choose the distribution before anything imports the plugin",
            )
