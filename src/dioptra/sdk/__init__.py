"""What plugin authors and flow authors import beside `dioptra.pyplugs`: plugin directories, errors, small utilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dioptra.sdk.utilities.contexts import plugin_dirs

__all__ = ["plugin_dirs"]


def __getattr__(name: str) -> object:
    # On first use: `dioptra.pyplugs` imports this package for its errors, and the context needs `dioptra.pyplugs`.
    if name == "plugin_dirs":
        from dioptra.sdk.utilities.contexts import plugin_dirs

        return plugin_dirs
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
