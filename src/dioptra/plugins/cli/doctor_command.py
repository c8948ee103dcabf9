"""The command `doctor`: what is wrong with this host, and what a store really does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from dioptra.plugins.cli.options import json_option
from dioptra.plugins.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from dioptra.plugins.object_store.probe import Finding

_WORDS = {True: "ok", False: "NO", None: "-"}


@click.command(name="doctor")
@click.argument("url", required=False)
@json_option
def doctor_command(url: str | None, as_json: bool) -> int:
    """Look at this host, and try what the store at URL really does.

    The store is raced with conditional writes on keys URL/simple/.dioptra-probe-…, which are removed again.
    """
    from dioptra.plugins.errors import UnsatisfiedError

    findings = _host_findings()
    store_findings: Sequence[Finding] = ()
    if url is not None:
        from dioptra.plugins.clock import SystemClock
        from dioptra.plugins.object_store.locate import open_store
        from dioptra.plugins.object_store.probe import probe_store

        store_findings = probe_store(open_store(url), SystemClock())
    is_safe = all(item.passed for item in store_findings if item.decides) if store_findings else None
    every = [*findings, *store_findings]
    if as_json:
        rows = [{"check": item.check, "passed": item.passed, "detail": item.detail} for item in every]
        print_json({"url": url, "concurrent_publishing_is_safe": is_safe, "findings": rows})
    else:
        print_table(("check", "", "found"), [(item.check, _WORDS[item.passed], item.detail) for item in every])
    if is_safe is not None and not as_json:
        say(
            "concurrent publishing is safe here"
            if is_safe
            else "concurrent publishing is NOT safe here: use index init --single-publisher, and publish from one place"
        )
    return UnsatisfiedError.exit_code if any(item.passed is False for item in every) else 0


def _host_findings() -> list[Finding]:
    from dioptra.plugins.object_store.probe import Finding
    from dioptra.plugins.runtime_owners import foreign_runtime_owners

    owners = foreign_runtime_owners()
    named = ", ".join(f"{name} {version}" for name, version in owners.items())
    other = f"{named} installed files there too; uninstall it, then reinstall dioptra-plugins"
    detail = other if owners else "dioptra-plugins alone"
    return [Finding(check="owner of dioptra/pyplugs and dioptra/sdk", passed=not owners, detail=detail)]
