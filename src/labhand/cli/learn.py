"""`labhand learn`: the habits of this researcher, with their evidence."""

import shutil
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labhand.cli import looks
from labhand.core.errors import UsageError
from labhand.core.habit import Habits

if TYPE_CHECKING:
    from labhand.core.habit import Habit
    from labhand.kit.habits import Kept

TITLES = {
    "value": "usual values",
    "together": "changed together",
    "next": "what comes next",
    "files": "files that change together",
    "convention": "conventions",
}


@click.command(epilog="Example: labhand learn forget usual-lr")
@click.argument("words", metavar="[forget HABIT]", nargs=-1)
@click.option("--from-git", is_flag=True, help="Learn from the history of the repository as well.")
@click.option("--block", is_flag=True, help="A block for AGENTS.md instead, for your agents.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document (labhand.habits/1).")
def learn(words: tuple[str, ...], from_git: bool, block: bool, as_json: bool) -> None:
    """Learn your habits from the record, and keep them in habits.toml for you to read and edit.

    What you write there wins over what is learned. `forget HABIT` takes one away; it stays away
    until it has held more often since then than before.
    """
    from labhand import learn as room

    here = Path.cwd()
    if words:
        if len(words) != 2 or words[0] != "forget":
            raise UsageError(
                f"`labhand learn {' '.join(words)}` means nothing; say `labhand learn forget HABIT`"
            )
        habit = room.forget(here, words[1])
        click.echo(f"forgotten: {habit.text}")
        return
    if block and as_json:
        raise UsageError("--block and --json are two documents; ask for one of them")
    kept = room.learn(here, from_git=from_git)
    if block:
        click.echo(_block(kept))
        return
    click.echo(looks.document(Habits(habits=kept.habits)) if as_json else told(kept))


def _block(kept: "Kept") -> str:
    """The habits that are sure enough, as a part of AGENTS.md."""
    from labhand.kit.habits import SURE

    sure = [f"- {habit.text}" for habit in kept.habits if habit.confidence >= SURE]
    lines = sure or ["- nothing is certain enough yet to be called a habit"]
    return "\n".join(["## What this researcher usually does", "", *lines])


def told(kept: "Kept") -> str:
    """The habits for a person, by kind, the surest first."""
    lines: list[str] = []
    for kind, title in TITLES.items():
        mine = [habit for habit in kept.habits if habit.kind == kind]
        if mine:
            lines += ["", click.style(title, bold=True)]
            lines += [line for habit in mine for line in _lines(habit)]
    if not lines:
        return "nothing is certain enough yet to be called a habit"
    return "\n".join(lines[1:])


def _lines(habit: "Habit") -> list[str]:
    width = min(shutil.get_terminal_size().columns, 110)
    shown = textwrap.wrap(habit.text, width - 7, initial_indent="", subsequent_indent="       ")
    sure = f"{habit.confidence:4.0%}"
    return [f" {sure}  {shown[0]}", *shown[1:], click.style(f"       {habit.id}", dim=True)]
