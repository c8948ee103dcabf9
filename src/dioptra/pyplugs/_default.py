"""The one registry that the functions of `dioptra.pyplugs` use: the only module state of the runtime.

Plugin modules register with plain decorators, so there has to be one registry that they all mean. Nothing is read or
imported when it is made.
"""

from __future__ import annotations

from dioptra.pyplugs._activation import Activation
from dioptra.pyplugs._registry import Registry

default_registry = Registry(activation=Activation())
