"""The command line: the only place that prints, sets up logging and ends the process."""

from __future__ import annotations

import sys


def main() -> None:
    """Run `dioptra-plugins` with the process's arguments and exit with the documented code."""
    from dioptra.plugins.cli.app import run

    sys.exit(run(sys.argv[1:]))
