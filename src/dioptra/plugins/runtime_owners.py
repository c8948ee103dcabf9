"""Which distributions of this Python own the runtime's files, beside the one that should."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import metadata

from packaging.utils import canonicalize_name

_OWN = canonicalize_name("dioptra-plugins")
_RUNTIME = ("dioptra/pyplugs/", "dioptra/sdk/")


def foreign_runtime_owners(distributions: Iterable[metadata.Distribution] | None = None) -> Mapping[str, str]:
    """Find distributions that installed files into ``dioptra/pyplugs`` or ``dioptra/sdk``.

    pip overwrites silently: whichever of two such distributions was installed last is what runs.

    Args:
        distributions: Where to look; by default everything that this Python finds.

    Returns:
        Version by project name, sorted.
    """
    found: dict[str, str] = {}
    for distribution in metadata.distributions() if distributions is None else distributions:
        name = distribution.name
        if canonicalize_name(name) == _OWN:
            continue
        if any(str(file).startswith(_RUNTIME) for file in distribution.files or ()):
            found[canonicalize_name(name)] = distribution.version
    return dict(sorted(found.items()))
