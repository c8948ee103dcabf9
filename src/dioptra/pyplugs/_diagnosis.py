"""What to say when a task cannot be found or its module cannot be loaded."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from dioptra.pyplugs._activation import Activation
from dioptra.pyplugs._discovery import Catalogue
from dioptra.pyplugs._loading import ImportFailedError, ModuleAbsentError
from dioptra.pyplugs._registrations import Registrations
from dioptra.pyplugs._suggest import nearest
from dioptra.pyplugs._types import Coordinates
from dioptra.pyplugs._views import ListedTask, Views
from dioptra.sdk.exceptions import (
    PLUGIN_DIR_VARIABLE,
    MissingDependencyError,
    PluginLoadError,
    Searched,
    UnknownPackageError,
    UnknownPluginError,
    UnknownPluginFunctionError,
    UnknownTaskError,
)


class Diagnosis:
    """Makes the errors of lookups, with the nearest names and what was searched.

    Args:
        activation: The plugin directories that are searched.
        registrations: What decorators registered.
        views: What can be told of packages and plugins.
    """

    def __init__(self, activation: Activation, registrations: Registrations, views: Views) -> None:
        self._activation, self._registrations, self._views = activation, registrations, views

    def unknown_package(self, catalogue: Catalogue, package: str) -> UnknownPackageError:
        """There is no such package.

        Args:
            catalogue: What is declared.
            package: What was asked for.
        """
        known = {*catalogue.package_names(), *(name.rpartition(".")[0] for name in self._registrations.modules())}
        return UnknownPackageError(package, nearest=nearest(package, known - {""}), searched=self._searched())

    def unknown_plugin(self, catalogue: Catalogue, target: Coordinates) -> UnknownTaskError:
        """There is no such plugin, or no such package.

        Args:
            catalogue: What is declared.
            target: What was asked for.
        """
        packages = self._views.packages(catalogue, target.package)
        if not packages:
            return self.unknown_package(catalogue, target.package)
        names = {plugin for name in packages for _, plugin in self._views.plugins(catalogue, name)}
        names.update(alias for name in packages for alias in catalogue.plugin_aliases(name))
        return UnknownPluginError(
            target.package, target.plugin, nearest=nearest(target.plugin, names), searched=self._searched()
        )

    def unknown_function(
        self, target: Coordinates, listed: Sequence[ListedTask], label: str | None, meant: Sequence[str]
    ) -> UnknownPluginFunctionError:
        """The plugin has no such task.

        Args:
            target: What was asked for.
            listed: The tasks that the plugin has.
            label: The label that was asked for, or None.
            meant: The names that were asked for, if the task has another label.
        """
        labels = {task.func: task.label for task in listed if task.label != label}
        other = [task for task in meant if task in labels]
        return UnknownPluginFunctionError(
            target.package,
            target.plugin,
            target.func,
            label=label,
            its_label=labels[other[0]] if other else None,
            nearest=() if target.func is None or other else nearest(target.func, [task.func for task in listed]),
            searched=self._searched(),
        )

    def load_error(
        self, catalogue: Catalogue, name: str, failed: ModuleAbsentError | ImportFailedError
    ) -> PluginLoadError:
        """The module cannot be loaded; names the distribution it belongs to.

        Args:
            catalogue: What is declared.
            name: The plugin module.
            failed: What happened.
        """
        provenance = self._views.provenance(catalogue, name)
        distribution, version = provenance.distribution, provenance.version
        if isinstance(failed, ModuleAbsentError):
            why = f"there is no module {failed.name!r}"
            return PluginLoadError(name, distribution=distribution, version=version, why=why)
        cause = failed.cause
        if isinstance(cause, ModuleNotFoundError) and cause.name:
            return MissingDependencyError(
                failed.module, missing=cause.name, distribution=distribution, version=version, cause=cause
            )
        return PluginLoadError(failed.module, distribution=distribution, version=version, cause=cause)

    def _searched(self) -> Searched:
        variable_set = bool(os.environ.get(PLUGIN_DIR_VARIABLE))
        return Searched(tuple(self._activation.entries), sys.prefix, variable_set)
