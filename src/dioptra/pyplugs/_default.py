"""The one registry that the functions of `dioptra.pyplugs` use.

Plugin modules register with plain decorators, so there has to be one registry that they all mean. Nothing is read or
imported when it is made.
"""

from __future__ import annotations

from dioptra.pyplugs._activation import process_activation
from dioptra.pyplugs._registry import Registry

default_registry = Registry(activation=process_activation)
