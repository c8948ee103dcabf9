"""Errors of functions that need a package which is not a dependency: `dioptra.sdk.utilities.decorators`."""

from __future__ import annotations

from dioptra.sdk.exceptions.base import DioptraSDKError


class BaseOptionalDependencyError(DioptraSDKError):
    """A function was called without a package that it needs. Plugin authors may derive their own from it."""

    exit_code = 2


class ARTDependencyError(BaseOptionalDependencyError):
    """A function needs the package ``art`` (adversarial-robustness-toolbox)."""


class CryptographyDependencyError(BaseOptionalDependencyError):
    """A function needs the package ``cryptography``."""


class TensorflowDependencyError(BaseOptionalDependencyError):
    """A function needs the package ``tensorflow``."""


class PrefectDependencyError(BaseOptionalDependencyError):
    """A function needs the package ``prefect``."""

    def __init__(self, what: str, *, why: str | None = None, hint: str | None = None) -> None:
        super().__init__(what, why=why, hint=hint or "python -m pip install 'prefect>=3.8,<4'")
