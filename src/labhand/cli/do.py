"""`labhand do`: an instruction carried out, from words to a judged result."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labhand.cli import looks
from labhand.cli.implement import said, told

if TYPE_CHECKING:
    from labhand.core.intent import Question
    from labhand.core.patch import Patch
    from labhand.core.run import Run
    from labhand.cycle.do import Account, Carried
    from labhand.cycle.request import Request
    from labhand.interpret import Reading


@click.command(epilog='Example: labhand do "three seeds with lr 3e-4"')
@click.argument("words", metavar="INSTRUCTION", nargs=-1)
@click.option("--agent", metavar="NAME", help="Who writes new code (builtin otherwise).")
@click.option("--yes", is_flag=True, help="Ask nothing: take defaults, and accept a patch that is proven and leaves alone what judges results.")  # fmt: skip
@click.option("--no-run", is_flag=True, help="Stop before the runs.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document (labhand.do/1).")
def do(words: tuple[str, ...], agent: str | None, yes: bool, no_run: bool, as_json: bool) -> int:
    """Do what INSTRUCTION says: interpret it, have missing code written and proven, run, compare.

    New code becomes part of your files only after you accept it. The results are held against the
    last run of the same script, or against the code without what is new, and against noise. Ends with
    1 where a patch waits to be accepted, with a run's own exit code where one fails.
    """
    from labhand.cycle.do import do as done

    account = done(said(words), Path.cwd(), agent, _Person(yes, as_json), run=not no_run)
    if as_json:
        click.echo(looks.document(account))
    else:
        click.echo("\n".join(account.said))
    return _exit_code(account)


def _exit_code(account: "Account") -> int:
    if account.ended == "interrupted":
        return 130
    if account.ended == "not-accepted":
        return 1
    return next((r.exit_code or 1 for r in account.runs if r.status != "finished"), 0)


class _Person:
    """The person at the terminal; where there is none, nothing is agreed to but by `--yes`."""

    def __init__(self, yes: bool, quiet: bool) -> None:
        self.yes = yes
        self.quiet = quiet
        self.asked = False
        self.there = sys.stdin.isatty() and sys.stderr.isatty() and not quiet

    def tell(self, message: str) -> None:
        """In a line on standard error."""
        click.echo(message, err=True)

    def go_on(self, reading: "Reading") -> bool:
        """Shows what was understood; asks only where something is worth asking."""
        from labhand.cli.interpret import told as understood

        if not self.quiet:
            click.echo(understood(reading), err=True)
        if self.yes or not self.there or not self.asked:
            return True
        return click.confirm("Go on with this?", default=True, err=True)

    def answer(self, question: "Question") -> tuple[Any, bool]:
        """Asked at the terminal: an option by its number, or a value; the default without one."""
        if self.yes or not self.there:
            return question.default, False
        self.asked = True
        from labhand.interpret.values import shown

        click.echo(f"{question.text}", err=True)
        for number, option in enumerate(question.options, start=1):
            mark = " (taken otherwise)" if option == question.default else ""
            click.echo(f"  {number}) {shown(option)}{mark}", err=True)
        typed = click.prompt("Number or value", default="", show_default=False, err=True).strip()
        if not typed:
            return question.default, True
        listed = typed.isdigit() and 1 <= int(typed) <= len(question.options)
        return (question.options[int(typed) - 1] if listed else typed), True

    def agrees(self, patch: "Patch") -> bool:
        """Shows the patch and asks."""
        if not self.quiet:
            click.echo(told(patch), err=True)
        if self.yes:
            return patch.proven and not patch.harness_touched
        return self.there and click.confirm("Accept it?", default=patch.proven, err=True)

    def carry(self, request: "Request") -> "Run":
        """Runs it before the person's eyes, or quietly for a document."""
        from labhand.cli.summary import summary
        from labhand.cli.terminal import Terminal
        from labhand.cycle.request import Silent
        from labhand.cycle.run import prepare
        from labhand.cycle.run import run as carry
        from labhand.web.report import write

        prepared = prepare(request)
        terminal = Terminal()
        if self.quiet:
            done = carry(request, Silent(), prepared)
        else:
            with terminal.held():
                done = carry(request, terminal, prepared)
        report = write(prepared.store, prepared.root, done.id) if prepared.configuration.report else None  # fmt: skip
        if not self.quiet:
            click.echo(summary(done, None, report), err=True)
        return done

    def carry_many(
        self, request: "Request", keys: list[str], grid: list[dict[str, str]]
    ) -> "Carried":
        """By the queue, in a live table before the person's eyes, or quietly for a document."""
        from labhand.cli.many import ending, queued, watched
        from labhand.cycle.compare import is_seed
        from labhand.cycle.do import Carried

        seed = next((key for key in keys if is_seed(key)), None)
        store, many = queued(request, keys, seed, grid, 0)
        standing, stopped = watched(store, many, quiet=self.quiet)
        for line in ending(store, many, standing):
            if not self.quiet:
                click.echo(line, err=True)
        return Carried(many, standing, stopped)
