"""The environment of watch: series with known incidents, as problems, and the score of an answer."""

import itertools
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

from labhand.core.finding import Finding
from labhand.core.task import Score, Task
from labhand.kit import cases
from labhand.watch.readers import Stream
from labhand.watch.readers.csv import Reader, Table
from labhand.watch.readers.output import Text
from labhand.watch.signals import Ended, Points, Tick
from labhand.watch.watcher import Watcher

NAME = "watch"
TICKS = 4
"""How often in a gap between two rows the clock is shown."""


def run_case(text: str) -> list[tuple[str, int]]:
    """The incidents that a table or an output brings, as pairs of rule and line.

    Lines count from 1; an incident belongs to the line whose reading opened it.
    """
    table = Reader().accepts(Path("case.csv"), text.encode())
    stream: Stream = Table() if table else Text()
    watcher = Watcher(None, None)
    lines = text.splitlines()
    opened: dict[str, tuple[str, int]] = {}
    clock = math.nan
    for number, line in enumerate(lines, 1):
        last = number == len(lines)
        rows = stream.feed(line.encode() + b"\n") + (stream.close() if last else [])
        for row in rows:
            time = math.nan if row.time is None else row.time
            found = [f for tick in _ticks(clock, time) for f in watcher.feed(tick)]
            found += watcher.feed(Points(time, "csv" if table else "output", row.step, row.values))
            _note(opened, found, number)
            clock = time
        if last:
            ended = Ended(clock, None, None, False, "" if table else text)
            _note(opened, watcher.feed(ended), number)
    return sorted(opened.values(), key=lambda pair: pair[1])


def _ticks(before: float, after: float) -> Iterator[Tick]:
    if after - before > 0:
        yield from (Tick(before + (after - before) * i / TICKS) for i in range(1, TICKS + 1))


def _note(opened: dict[str, tuple[str, int]], found: list[Finding], line: int) -> None:
    for finding in found:
        opened.setdefault(finding.id, (finding.rule, line))


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


def score(task: Task, answer: Iterable[tuple[str, int]]) -> Score:
    """How an answer, pairs of rule and line, meets a task: F1 of the pairs."""
    expected = {(str(rule), int(line)) for rule, line in task.expected}
    given = set(answer)
    hits, misses, false = len(expected & given), len(expected - given), len(given - expected)
    whole = 2 * hits + misses + false
    value = 2 * hits / whole if whole else 1.0
    return Score(task=task.id, value=value, hits=hits, misses=misses, false_alarms=false)
