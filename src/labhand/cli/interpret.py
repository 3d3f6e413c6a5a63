"""`labhand interpret`: what an instruction asks for, before anything is done."""

import shutil
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labhand.cli import looks
from labhand.core.errors import UsageError

if TYPE_CHECKING:
    from labhand.core.intent import Intent
    from labhand.interpret import Reading

_WIDEST = 110


@click.command(epilog='Example: labhand interpret "three seeds, lr 1e-3 and 3e-4, cosine"')
@click.argument("words", metavar="INSTRUCTION", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One JSON document (labhand.intent/1).")
def interpret(words: tuple[str, ...], as_json: bool) -> None:
    """Interpret an instruction: the settings, assumptions and questions in it. Changes nothing.

    INSTRUCTION is what you would say to a colleague; `-` reads it from standard input.
    """
    from labhand.interpret import interpret as interpreted

    if not words:
        raise UsageError(
            'there is no instruction; say what is wanted: `labhand interpret "three seeds, lr 3e-4"`'
        )
    said = sys.stdin.read() if words == ("-",) else " ".join(words)
    reading = interpreted(said, Path.cwd())
    click.echo(looks.document(reading.intent) if as_json else told(reading))


def told(reading: "Reading") -> str:
    """The intent for a person: what is set and from where, the size, what is assumed and asked."""
    intent = reading.intent
    lines = [*_table(_settings(intent)), *_size(intent)]
    for title, entries in (("assumes", intent.assumptions), ("asks", list(_questions(intent)))):
        if entries:
            lines += ["", click.style(title, bold=True), *(_wrapped(e) for e in entries)]
    note = "code must be written first" if intent.needs_model else ""
    return "\n".join(
        [*lines, "", *([click.style(note, fg="yellow")] if note else []), reading.line()]
    ).lstrip()


def _settings(intent: "Intent") -> Iterator[tuple[str, str, str, str]]:
    from labhand.interpret.values import shown

    for key, values in intent.sweep.items():
        yield "try", key, ", ".join(map(shown, values)), ""
    for choice in intent.settings:
        sure = "" if choice.confidence >= 0.9 else f", {choice.confidence:.0%} sure"
        yield "set", choice.key, shown(choice.value), f"{choice.origin}{sure}: {choice.why}"
    for edit in intent.edits:
        yield "write", edit.path or "new code", edit.summary, ""


def _table(rows: Iterator[tuple[str, str, str, str]]) -> list[str]:
    found = list(rows)
    if not found:
        return []
    keys = max(len(key) for _, key, _, _ in found)
    short = [len(value) for verb, _, value, _ in found if verb == "set"]
    wide = max(short, default=0)
    lines, before = [], ""
    for verb, key, value, why in found:
        head = click.style(f"{verb if verb != before else '':<7}", bold=True)
        line = f"{head}{key:<{keys}}  {value:<{wide if why else 0}}"
        lines.append(f"{line}  {click.style(why, dim=True)}" if why else line.rstrip())
        before = verb
    return lines


def _size(intent: "Intent") -> Iterator[str]:
    from labhand.web.words import duration

    seeds: Any = intent.seeds
    rows = []
    if seeds is not None:
        rows.append(
            ("seeds", ", ".join(map(str, seeds)) if isinstance(seeds, list) else str(seeds))
        )
    if intent.metric is not None:
        way = {"down": ", lower is better", "up": ", higher is better"}.get(
            intent.metric.direction or "", ""
        )
        rows.append(("by", f"{intent.metric.name}{way}"))
    for unit, number in (intent.budget or {}).items():
        rows.append(("budget", duration(number) if unit == "seconds" else f"{number:g} {unit}"))
    if intent.runs > 1:
        rows.append(("runs", str(intent.runs)))
    for name, value in rows:
        yield f"{click.style(f'{name:<7}', bold=True)}{value}"


def _questions(intent: "Intent") -> Iterator[str]:
    from labhand.interpret.values import shown

    for question in intent.questions:
        options = [shown(o) for o in question.options if o != question.default]
        yield f"{question.text} {click.style(shown(question.default), bold=True)} is taken; or {', '.join(options)}"


def _wrapped(text: str) -> str:
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    return textwrap.fill(text, width, initial_indent="  · ", subsequent_indent="    ")
