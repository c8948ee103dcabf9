"""Which distributions of this Python own the runtime's files, beside the one that should."""

from __future__ import annotations

import csv
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
        # The record itself: `files` leaves out what is missing, and another one may have overwritten or removed it.
        lines = (distribution.read_text("RECORD") or "").splitlines()
        if any(row[0].startswith(_RUNTIME) for row in csv.reader(lines) if row):
            found[canonicalize_name(name)] = distribution.version
    return dict(sorted(found.items()))
