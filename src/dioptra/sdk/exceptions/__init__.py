"""Errors of the runtime: what plugin authors and flow authors meet.

Every error says what happened (`what`), why (`why`) and which command or change helps (`hint`), and carries the
same facts as typed attributes. The class decides the exit code that the command line returns for it:

====  ==========================================================================
1     an unknown, conflicting, wrongly registered or unloadable task
2     configuration: a plugin directory, a second environment, missing prefect
4     an environment that would collide with what the host imports
10    a flow whose tasks failed
====  ==========================================================================

Errors can be pickled, so that they survive the way back from a child process or a remote task runner (the cause of
an error does not travel: what it said is kept in `why`).
"""

from __future__ import annotations

from dioptra.sdk.exceptions.base import (
    DioptraSDKError,
)
from dioptra.sdk.exceptions.flows import (
    FailedTask,
    TaskRunFailedError,
)
from dioptra.sdk.exceptions.optional_dependencies import (
    ARTDependencyError,
    BaseOptionalDependencyError,
    CryptographyDependencyError,
    PrefectDependencyError,
    TensorflowDependencyError,
)
from dioptra.sdk.exceptions.plugin_directories import (
    Collision,
    EnvironmentInUseError,
    HostCollisionError,
    PluginDirectoryError,
    RevokedEnvironmentError,
    StaleModuleError,
)
from dioptra.sdk.exceptions.pyplugs import (
    ALLOW_VARIABLE,
    BLOCK_VARIABLE,
    PLUGIN_DIR_VARIABLE,
    PREFER_VARIABLE,
    Claimant,
    DuplicateTaskError,
    MissingDependencyError,
    PluginLoadError,
    RawFolderWarning,
    RegistrationError,
    Searched,
    TaskBlockedError,
    TaskConflictError,
    UnknownPackageError,
    UnknownPluginError,
    UnknownPluginFunctionError,
    UnknownTaskError,
)

__all__ = [
    "ALLOW_VARIABLE",
    "BLOCK_VARIABLE",
    "PLUGIN_DIR_VARIABLE",
    "PREFER_VARIABLE",
    "ARTDependencyError",
    "BaseOptionalDependencyError",
    "Claimant",
    "Collision",
    "CryptographyDependencyError",
    "DioptraSDKError",
    "DuplicateTaskError",
    "EnvironmentInUseError",
    "FailedTask",
    "HostCollisionError",
    "MissingDependencyError",
    "PluginDirectoryError",
    "PluginLoadError",
    "PrefectDependencyError",
    "RawFolderWarning",
    "RegistrationError",
    "RevokedEnvironmentError",
    "Searched",
    "StaleModuleError",
    "TaskBlockedError",
    "TaskConflictError",
    "TaskRunFailedError",
    "TensorflowDependencyError",
    "UnknownPackageError",
    "UnknownPluginError",
    "UnknownPluginFunctionError",
    "UnknownTaskError",
]
