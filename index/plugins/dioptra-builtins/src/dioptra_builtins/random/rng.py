"""Starting random number generators."""

from __future__ import annotations

import numpy as np

from dioptra import pyplugs


@pyplugs.register
@pyplugs.task_nout(2)
def init_rng(seed: int = -1) -> tuple[int, np.random.Generator]:
    """Make a random number generator.

    Args:
        seed: A seed that is not negative; a negative one asks the operating system for a new one.

    Returns:
        The seed that was used, with which the same numbers can be drawn again, and the generator.
    """
    used = int(np.random.SeedSequence().generate_state(1, dtype=np.uint32)[0]) if seed < 0 else seed
    return used, np.random.default_rng(used)
