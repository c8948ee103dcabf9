"""What the commands print: data on stdout, talk on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TextIO

import click

JSON_SCHEMA = "1.0"


def print_json(document: Mapping[str, object]) -> None:
    """Print a report for programs, with its schema version first."""
    print(json.dumps({"schema": JSON_SCHEMA, **document}, ensure_ascii=False, indent=2))


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows for people: fitted to a terminal, in plain aligned columns elsewhere."""
    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(*headers, box=SIMPLE_HEAD, pad_edge=False)
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        Console().print(table)
        return
    widths = [max(len(cell) for cell in column) for column in zip(headers, *rows, strict=True)]
    for line in (headers, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


@contextmanager
def progress_bar(what: str, *, total: int) -> Iterator[Callable[[str], None]]:
    """Show how far a long task is, on a terminal; elsewhere nothing.

    Args:
        what: What is being done.
        total: The number of steps.

    Yields:
        To be called after each step, with what was done.
    """
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, advance=1, description=f"{what} {done}")


def say(text: str) -> None:
    """Tell a person what is going on."""
    click.echo(text, err=True)


def report_error(what: str, why: str | None, hint: str | None) -> None:
    """Print an error in its three parts."""
    _labelled("error", what, "red")
    if why:
        _labelled("cause", why, "yellow")
    if hint:
        _labelled("hint", hint, "cyan")


def _labelled(label: str, text: str, colour: str) -> None:
    shown = click.style(f"{label}:", fg=colour, bold=True) if colours_wanted(sys.stderr) else f"{label}:"
    first, *rest = text.splitlines() or [""]
    # click strips styles that a terminal would not show, unless it is told that they are wanted.
    click.echo("\n".join([f"{shown} {first}", *(f"       {line}" for line in rest)]), err=True, color=True)


def colours_wanted(stream: TextIO) -> bool:
    """Whether to use colours: FORCE_COLOR, then NO_COLOR, TERM=dumb and no terminal forbid them."""
    if os.environ.get("FORCE_COLOR"):
        return True
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()


def size_text(size: int) -> str:
    """A size in bytes for people."""
    amount = float(size)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"
