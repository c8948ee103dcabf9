"""The command group, and the one place where an error becomes a message and an exit code."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence

import click

from dioptra.plugins.cli.output import report_error
from dioptra.plugins.errors import DioptraPluginsError
from dioptra.sdk.exceptions import DioptraSDKError

UNEXPECTED = 70
"""Exit code of a fault in this program (EX_SOFTWARE)."""

_COMMANDS = {
    "new": "author",
    "build": "author",
    "check": "author",
    "publish": "author",
    "migrate": "migrate_command",
    "yank": "release_commands",
    "unyank": "release_commands",
    "revoke": "release_commands",
    "index": "index_commands",
    "add": "lock_commands",
    "remove": "lock_commands",
    "lock": "lock_command",
    "lock bundle": "lock_command",
    "tree": "lock_commands",
    "why": "lock_commands",
    "outdated": "lock_commands",
    "diff": "diff_command",
    "promote": "channel_commands",
    "channel": "channel_commands",
    "try": "try_command",
    "sync": "sync_command",
    "status": "history_commands",
    "history": "history_commands",
    "rollback": "history_commands",
    "gc": "history_commands",
    "worker": "worker_command",
    "list": "flow_author",
    "show": "flow_author",
    "call": "flow_author",
    "doctor": "doctor_command",
    "demo": "demo_command",
}


class _LazyGroup(click.Group):
    """Loads a command's module when the command is asked for; the modules keep heavy imports inside functions."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # `lock` takes requirements, so that what follows it cannot be commands of a group.
        for position in range(len(args) - 1):
            if f"{args[position]} {args[position + 1]}" in _COMMANDS:
                args[position : position + 2] = [f"{args[position]} {args[position + 1]}"]
            if not args[position].startswith("-"):
                break
        return super().parse_args(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = _COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = getattr(
            importlib.import_module(f"dioptra.plugins.cli.{module}"), f"{cmd_name.replace(' ', '_')}_command"
        )
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS:
            import difflib

            nearest = difflib.get_close_matches(args[0], _COMMANDS, n=1)
            meant = f" Did you mean '{nearest[0]}'?" if nearest else ""
            raise click.UsageError(f"There is no command '{args[0]}'.{meant}", ctx)
        return super().resolve_command(ctx, args)


@click.command(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
)
@click.version_option(package_name="dioptra-plugins", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command_line(debug: bool) -> None:
    """Build, publish, lock, sync and run task plugins.

    Authors: new, build, check, publish, try, yank, migrate. Operators: index, revoke, add, lock, promote, sync, status,
    rollback, gc, worker.
    Flow authors: list, show, call.

    Every command explains itself with --help; `demo` runs the whole path.
    """


def run(arguments: Sequence[str]) -> int:
    """Run one command line.

    Args:
        arguments: What follows the program's name.

    Returns:
        The exit code: 0 done, 1 unsatisfied, 2 usage or configuration, 3 index, 4 integrity, 10 the called task
        raised.
    """
    debug = "--debug" in arguments[:1]
    try:
        result = command_line.main(args=list(arguments), prog_name="dioptra-plugins", standalone_mode=False)
    except (DioptraPluginsError, DioptraSDKError) as error:
        if debug:
            raise
        report_error(error.what, error.why, error.hint)
        return error.exit_code
    except click.UsageError as error:
        context = error.ctx
        command = context.command_path if context is not None else "dioptra-plugins"
        report_error(error.format_message(), None, f"{command} --help")
        return 2
    except click.ClickException as error:
        report_error(error.format_message(), None, None)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        report_error("interrupted", None, None)
        return 130
    except BrokenPipeError:
        # The reader (`head`, a pager) went away; nothing more can be said on stdout, and Python would try at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except Exception as error:
        if debug:
            raise
        report_error(
            "dioptra-plugins met an error that it does not know",
            f"{type(error).__name__}: {error}",
            "run it again as `dioptra-plugins --debug …` and report what it prints",
        )
        return UNEXPECTED
    return result if isinstance(result, int) else 0
