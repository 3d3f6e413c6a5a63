"""`labhand implement`: new code for an instruction, proven before you look."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labhand.cli import looks
from labhand.core.errors import UsageError

if TYPE_CHECKING:
    from labhand.core.patch import Patch

_MARKS = {"passed": ("✓", "green"), "failed": ("✗", "red"), "skipped": ("·", "bright_black")}


@click.command(epilog='Example: labhand implement "add label smoothing as an option"')
@click.argument("words", metavar="INSTRUCTION", nargs=-1)
@click.option(
    "--agent",
    metavar="NAME",
    help="Who writes the code (builtin otherwise); also where settings alone would do.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document (labhand.patch/1).")
def implement(words: tuple[str, ...], agent: str | None, as_json: bool) -> int:
    """Implement an instruction: a patch in a worktree of its own, proven by running it.

    Your files stay as they are until `labhand accept`. The code is written by an agent, which needs a
    language model: LABHAND_MODEL, with LABHAND_BASE_URL and LABHAND_API_KEY, is any
    OpenAI-compatible endpoint. Where settings alone will do, no model and no patch is needed.
    Ends with 1 where the proof fails, or the patch touches what judges results.
    """
    from labhand.cycle.proposal import propose

    if words and words[0] in ("accept", "reject") and len(words) <= 2:
        raise UsageError(f"`{words[0]}` is a command of its own; say `labhand {' '.join(words)}`")
    patch = propose(said(words), Path.cwd(), agent, partial(click.echo, err=True))
    click.echo(looks.document(patch) if as_json else told(patch))
    return exit_code(patch)


def said(words: tuple[str, ...]) -> str:
    """The instruction; `-` reads it from standard input.

    Raises:
        UsageError: there is none.
    """
    text = sys.stdin.read() if words == ("-",) else " ".join(words)
    if not text.strip():
        raise UsageError(
            "the instruction is empty; say what is wanted, as in "
            '`labhand implement "add label smoothing as an option"`'
        )
    return text


def exit_code(patch: "Patch") -> int:
    """1 where a person has to look twice: the proof failed, or what judges results was touched."""
    if patch.status == "not-needed":
        return 0
    return int(not patch.proven or patch.harness_touched)


def told(patch: "Patch") -> str:
    """The patch for a person: the diff, its proof, what it touches, and how to go on."""
    if patch.status == "not-needed":
        return f"{patch.summary}\n{patch.command}"
    lines = [
        coloured(patch.diff),
        f"{click.style(patch.name, bold=True)}  {patch.summary}".rstrip(),
    ]
    for rung in patch.proof:
        mark, colour = _MARKS[rung.status]
        first, *more = rung.said.splitlines() or [""]
        lines.append(f"  {click.style(mark, fg=colour)} {rung.name:<10} {first}")
        lines += [f"      {click.style(line, dim=True)}" for line in more]
    for touch in patch.touches:
        what = click.style(f"! touches {touch.what}", fg="yellow")
        lines.append(f"  {what}: {touch.path}:{touch.line}  {touch.text}")
    lines += [f"  {note}" for note in patch.notes]
    lines += [f"  {looks.counted(patch.steps, 'answer')}, {patch.tokens:,} tokens, {patch.seconds:.0f} s; {patch.sandbox}"]  # fmt: skip
    lines += ["", f"labhand accept {patch.name}", f"labhand reject {patch.name} REASON"]
    return "\n".join(lines)


def coloured(diff: str) -> str:
    """The diff with its lines in the colours of git."""
    colours = {"+": "green", "-": "red", "@": "cyan"}
    return "\n".join(
        click.style(line, fg=colours[line[0]]) if line[:1] in colours else line
        for line in diff.splitlines()
    )
