"""Two example tasks: replace them with your own.

A task is a function with `@pyplugs.register`. Flows call it by package, plugin (this module's name) and function.
"""

from __future__ import annotations

from collections.abc import Sequence

from dioptra import pyplugs


@pyplugs.register
def rescale(values: Sequence[float], low: float = 0.0, high: float = 1.0) -> list[float]:
    """Map values linearly so that the smallest becomes `low` and the largest `high`.

    Args:
        values: At least two different numbers.
        low: New smallest value.
        high: New largest value.

    Returns:
        The mapped values, in order.

    Raises:
        ValueError: All values are the same, or there are none.
    """
    smallest, largest = min(values, default=0.0), max(values, default=0.0)
    if smallest == largest:
        raise ValueError("rescale needs at least two different values")
    scale = (high - low) / (largest - smallest)
    return [low + (value - smallest) * scale for value in values]


@pyplugs.register
@pyplugs.task_nout(2)
def split(values: Sequence[float], fraction: float = 0.5) -> tuple[list[float], list[float]]:
    """Split values in two, such as for training and testing.

    Args:
        values: The values.
        fraction: Share of the first part, from 0 to 1.

    Returns:
        The first part and the rest. In a flow both can be unpacked: ``first, rest = pyplugs.call_task(...)``.
    """
    position = round(len(values) * fraction)
    return list(values[:position]), list(values[position:])
