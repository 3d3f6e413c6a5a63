"""The environment of watch: series with known incidents, as problems."""

import itertools
import math
from collections.abc import Iterator
from pathlib import Path

from labhand.core.task import Task
from labhand.kit import cases
from labhand.watch.readers import Stream
from labhand.watch.readers.csv import Reader, Table
from labhand.watch.readers.output import Text
from labhand.watch.signals import Ended, Points, Signal, Tick
from labhand.watch.watcher import Watcher

NAME = "watch"
TICKS = 4
"""How often in a gap between two rows the clock is shown."""


def run_case(text: str) -> list[tuple[str, int]]:
    """The incidents that a table or an output brings, as pairs of rule and line.

    Lines count from 1; an incident belongs to the line whose reading opened it.
    """
    watcher = Watcher(None, None)
    opened: dict[str, tuple[str, int]] = {}
    for number, signal in signals_of(text):
        for finding in watcher.feed(signal):
            opened.setdefault(finding.id, (finding.rule, number))
    return sorted(opened.values(), key=lambda pair: pair[1])


def signals_of(text: str) -> Iterator[tuple[int, Signal]]:
    """What a watcher would be fed of a table or an output, each with the line that brings it."""
    table = Reader().accepts(Path("case.csv"), text.encode())
    stream: Stream = Table() if table else Text()
    lines = text.splitlines()
    clock = math.nan
    for number, line in enumerate(lines, 1):
        last = number == len(lines)
        rows = stream.feed(line.encode() + b"\n") + (stream.close() if last else [])
        for row in rows:
            time = math.nan if row.time is None else row.time
            for tick in _ticks(clock, time):
                yield number, tick
            yield number, Points(time, "csv" if table else "output", row.step, row.values)
            clock = time
        if last:
            yield number, Ended(clock, None, None, False, "" if table else text)


def _ticks(before: float, after: float) -> Iterator[Tick]:
    if after - before > 0:
        yield from (Tick(before + (after - before) * i / TICKS) for i in range(1, TICKS + 1))


def tasks(folder: Path) -> Iterator[Task]:
    """The problems in a folder of case files: each block, and healthy ones with a NaN put in."""
    for path in sorted(folder.glob("*.md")):
        for case in cases.parse(path.read_text(encoding="utf-8")):
            identity = f"{path.stem}:{case.line}"
            yield _task(identity, case.text, case.expected, case.title)
            if case.language == "csv" and not case.expected:
                for number, (twin, line) in enumerate(twins(case.text)):
                    yield _task(
                        f"{identity}:twin{number}", twin, [("non-finite", line)], case.title
                    )


def twins(text: str) -> Iterator[tuple[str, int]]:
    """A healthy table with a column `loss` that turns NaN from a line on, and that line."""
    lines = text.splitlines()
    names = lines[0].split(",")
    # where cells are blank at times, nobody can tell at once that one is meant
    sparse = any("" in line.split(",") or "nan" in line for line in lines)
    if "loss" not in names or len(lines) < 6 or sparse:
        return
    column = names.index("loss")
    for start in (len(lines) // 2, len(lines) - 2):
        spoilt = []
        for line in itertools.islice(lines, start, None):
            cells = line.split(",")
            cells[column] = "nan"
            spoilt.append(",".join(cells))
        yield "\n".join([*lines[:start], *spoilt]) + "\n", start + 1


def _task(identity: str, text: str, expected: list[tuple[str, int]], title: str) -> Task:
    return Task(
        id=identity,
        environment=NAME,
        prompt=text,
        expected=[list(pair) for pair in expected],
        facts={"title": title},
    )
