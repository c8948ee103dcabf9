"""Drawing random numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dioptra import pyplugs

_HIGH = 2**31 - 1


@pyplugs.register
def draw_random_integer(rng: np.random.Generator, low: int = 0, high: int = _HIGH) -> int:
    """Draw one integer from a uniform distribution.

    Args:
        rng: Where from.
        low: Smallest value.
        high: One above the largest value.

    Returns:
        The integer.

    Raises:
        ValueError: `high` is not above `low`.
    """
    return int(rng.integers(low=low, high=high))


@pyplugs.register
def draw_random_integers(
    rng: np.random.Generator, low: int = 0, high: int = _HIGH, size: int | tuple[int, ...] = 1
) -> npt.NDArray[np.int64]:
    """Draw integers from a uniform distribution.

    Args:
        rng: Where from.
        low: Smallest value.
        high: One above the largest value.
        size: Shape of the result.

    Returns:
        Integers of shape `size`.

    Raises:
        ValueError: `high` is not above `low`, or `size` is negative.
    """
    return rng.integers(low=low, high=high, size=size, dtype=np.int64)
