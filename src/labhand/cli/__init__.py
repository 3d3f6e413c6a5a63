"""The command line: parses and shows, nothing else. One file a verb, imported when it is called."""

import importlib
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from labhand import __version__
from labhand.core.errors import LabhandError, NotFoundError

COMMANDS = {
    "interpret": "Interpret an instruction: the settings, assumptions and questions in it.",
    "do": "Do what an instruction says: interpret, implement, run, compare.",
    "implement": "Implement an instruction: a patch, proven before you look.",
    "accept": "Accept a patch: it becomes a commit.",
    "reject": "Reject a patch, with a reason.",
    "learn": "Learn your habits from what happened, with their evidence.",
    "run": "Run a command: recorded, supervised, watched, reported.",
    "runs": "List the runs of this project, newest first.",
    "queue": "Show the runs that wait for a free slot; pause, resume, reorder.",
    "show": "Show a run.",
    "compare": "Compare runs: what differs in code, settings and results.",
    "rerun": "Run a run again: the same code, command and settings.",
    "stop": "Stop a run that goes on.",
    "note": "Add a note to a run.",
    "check": "Check research code for bugs and suspicious logic.",
    "lsp": "Serve an editor: findings, fixes and rule pages.",
    "scan": "Scan data for anomalies, down to the rows.",
    "watch": "Replay a log and report what is off, as watching it live would have.",
    "verdict": "Say of a finding whether it was right.",
    "record": "Bring runs that other tools recorded into labhand's record.",
    "rule": "Print the documentation of a rule, detector, failure or fixer.",
    "new": "Start a new rule, detector, failure, fixer, launcher or reader.",
    "mcp": "Serve labhand to a coding agent: checks, scans, runs and comparisons as tools.",
    "doctor": "Look whether labhand and its record are well.",
    "demo": "Run the main job on a bundled training.",
}
"""Every command with its one line, so that `--help` imports none of them."""


class Verbs(click.Group):
    """The commands by name, each loaded from `labhand.cli.<name>` when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, with `-C DIR` added; None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(
            importlib.import_module(f"labhand.cli.{cmd_name}"), cmd_name
        )
        _add_directory(command)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """The command that the words begin with, and the rest.

        Raises:
            NotFoundError: there is none; the nearest are named.
        """
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            raise NotFoundError.named("command", args[0], COMMANDS, "labhand --help")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list of commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="labhand %(version)s")
def cli() -> None:
    """A lab hand for AI researchers.

    \b
    labhand run -- python train.py     record, supervise, watch and report a run
    labhand check                      bugs and suspicious logic in research code
    labhand scan data.csv              what is off in data, down to the rows
    labhand do "lr 1e-3, three seeds"  from words to a judged result
    labhand show last                  how it went
    """  # noqa: D301 - click's mark for lines that stay as they are


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits: 0 fine, 1 findings, 2 a wrong call, 130 interrupted."""
    sys.exit(_guarded(lambda: cli.main(arguments, prog_name="labhand", standalone_mode=False)))


def _guarded(call: Callable[[], Any]) -> int:
    try:
        code = call()
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.UsageError as error:
        said = error.format_message().rstrip(".)").replace("'", "`")
        said = re.sub(r"\. \(?Did", "; did", said[:1].lower() + said[1:])
        place = f"see `{error.ctx.command_path} --help`" if error.ctx else ""
        return _sorry(f"{said}{'; '[said.endswith('?') :] if place else ''}{place}")
    except click.ClickException as error:
        return _sorry(error.format_message())
    except LabhandError as error:
        return _sorry(str(error))
    except (KeyboardInterrupt, click.Abort):
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone; nothing may be written to it any more, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _sorry(message: str) -> int:
    click.echo(f"labhand: {message}", err=True)
    return 2


def _add_directory(command: click.Command) -> None:
    if any(parameter.name == "directory" for parameter in command.params):
        return
    command.params.insert(
        0,
        click.Option(
            ["-C", "directory"],
            metavar="DIR",
            help="Work as if started in DIR.",
            is_eager=True,
            expose_value=False,
            callback=_enter,
        ),
    )


def _enter(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is None:
        return
    if not Path(value).is_dir():
        raise click.UsageError(f"-C names no folder: {value}", ctx)
    os.chdir(value)
