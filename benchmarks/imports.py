"""Import cost: CPU time of `import dioptra.pyplugs` over a bare interpreter, in turn, in one run."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys

RUNS = 15
WANTED = 60.0


def cpu_milliseconds(statement: str) -> float:
    """CPU time of a fresh interpreter that runs a statement."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, "-c", statement], check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def main() -> None:
    """Print the medians and their differences."""
    statements = {"bare": "pass", "dioptra.pyplugs": "import dioptra.pyplugs", "click": "import click"}
    times: dict[str, list[float]] = {name: [] for name in statements}
    for statement in statements.values():
        cpu_milliseconds(statement)  # writes the bytecode
    for _ in range(RUNS):
        for name, statement in statements.items():
            times[name].append(cpu_milliseconds(statement))
    medians = {name: statistics.median(values) for name, values in times.items()}
    bare = medians.pop("bare")
    print(f"bare interpreter: {bare:.1f} ms CPU (median of {RUNS})")
    for name, median in medians.items():
        print(f"import {name}: {median - bare:+.1f} ms CPU, ratio {median / bare:.2f}")
    print(f"wanted: import dioptra.pyplugs at most {WANTED:+.0f} ms")


if __name__ == "__main__":
    main()
