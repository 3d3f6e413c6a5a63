"""The environment of watch: series with known incidents, as problems."""

import itertools
import math
import random
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import msgspec

from labhand.core.finding import SEVERITIES
from labhand.core.task import Score, Task, score_pairs
from labhand.kit import cases
from labhand.watch.readers import Stream
from labhand.watch.readers.csv import Reader, Table
from labhand.watch.readers.output import Text
from labhand.watch.rows import TIMES, shown
from labhand.watch.signals import Ended, Fact, Signal, Tick
from labhand.watch.synthetic import HEALTHY, ILL, curve
from labhand.watch.watcher import Watcher

NAME = "watch"
_FACT = re.compile(r"! ([a-z-]+) (\{.*\})")
_DOTS = re.compile(r"\.\.\.(?: ±(\d+(?:\.\d+)?)%)?")
TICKS = 4
"""How often in a gap between two rows the clock is shown."""


def run_case(text: str) -> list[tuple[str, int]]:
    """The incidents that a table or an output brings, as pairs of rule and line.

    Lines count from 1; an incident belongs to the line whose reading opened it.
    """
    return _told(text, SEVERITIES)


def disturbed(text: str) -> list[tuple[str, int]]:
    """Those of the incidents of `run_case` that are more than a note, with the line that made them so."""
    return _told(text, ("error", "warning"))


def _told(text: str, severities: Collection[str]) -> list[tuple[str, int]]:
    watcher = Watcher(None, None)
    opened: dict[str, tuple[str, int]] = {}
    for number, signal in signals_of(text):
        for finding in watcher.feed(signal):
            if finding.severity in severities:
                opened.setdefault(finding.id, (finding.rule, number))
    return sorted(opened.values(), key=lambda pair: pair[1])


def signals_of(text: str) -> Iterator[tuple[int, Signal]]:
    """What a watcher would be fed of a table or an output, each with the line that brings it.

    A line `...` of a table stands for the rows between its neighbours, one a step, all values on the
    straight line between theirs; `... ±5%` lets all but the step and the time scatter by so much.
    A line `! kind {…}` is a fact of the probe, its data as JSON.
    """
    table = Reader().accepts(Path("case.csv"), text.encode())
    stream: Stream = Table() if table else Text()
    whole = _unfolded(text.splitlines()) if table else list(enumerate(text.splitlines(), 1))
    clock = math.nan
    for place, (number, line) in enumerate(whole, 1):
        last = place == len(whole)
        if fact := _FACT.fullmatch(line):
            yield number, Fact(clock, fact[1], msgspec.json.decode(fact[2]))
            continue
        rows = stream.feed(line.encode() + b"\n") + (stream.close() if last else [])
        for row in rows:
            time = math.nan if row.time is None else row.time
            for tick in _ticks(clock, time):
                yield number, tick
            yield number, shown(row, "csv" if table else "output")
            clock = time
        if last:
            yield number, Ended(clock, None, None, False, "" if table else text)


def _unfolded(lines: list[str]) -> list[tuple[int, str]]:
    """The lines of a table, each with its number, and the rows that a line of dots stands for."""
    whole: list[tuple[int, str]] = []
    names = lines[0].split(",") if lines else []
    for number, line in enumerate(lines, 1):
        dots = _DOTS.fullmatch(line)
        if dots is None or not 1 < number < len(lines):
            whole.append((number, line))
            continue
        before, after = whole[-1][1].split(","), lines[number].split(",")
        whole += [
            (number, row) for row in _between(names, before, after, float(dots[1] or 0) / 100)
        ]
    return whole


def _between(
    names: list[str], before: list[str], after: list[str], noise: float
) -> Iterator[str]:  # fmt: skip
    generator = random.Random(",".join(before))
    first, last = int(before[0]), int(after[0])
    for step in range(first + 1, last):
        share = (step - first) / (last - first)
        cells = [str(step)]
        for name, old, new in zip(names[1:], before[1:], after[1:], strict=True):
            if not old or not new:
                cells.append("")
                continue
            value = float(old) + share * (float(new) - float(old))
            steady = name in TIMES
            cells.append(repr(value if steady else value * (1 + noise * generator.gauss(0, 1))))
        yield ",".join(cells)


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


def synthetic_tasks(seeds: Iterable[int], families: Collection[str] = ()) -> Iterator[Task]:
    """Made curves as problems: one of each family (all, if none is named) for each seed.

    `expected` is the rule and the line where it begins; `facts` hold how many lines later it may be
    told, and the rules that are right too. `score` knows both.
    """
    numbers = list(seeds)
    for family in families or (*HEALTHY, *ILL):
        for seed in numbers:
            made = curve(family, seed)
            yield Task(
                id=f"{family}:{seed}",
                environment=NAME,
                prompt=made.table(),
                expected=[] if made.rule is None else [[made.rule, (made.opening or 0) + 2]],
                facts={
                    "title": family,
                    "synthetic": True,
                    "tolerance": made.tolerance,
                    "beside": list(made.beside),
                },
            )


def score(task: Task, answer: Iterable[tuple[str, int]]) -> Score:
    """How an answer meets a task, where what is told within the task's tolerance is in time.

    Rules that are right too count neither way.
    """
    tolerance, beside = task.facts.get("tolerance", 0), task.facts.get("beside", ())
    begins = {rule: line for rule, line in task.expected}
    given = []
    for rule, line in answer:
        first = begins.get(rule, line)
        if rule in begins or rule not in beside:
            given.append((rule, first if first <= line <= first + tolerance else line))
    return score_pairs(task, given)


def twins(text: str) -> Iterator[tuple[str, int]]:
    """A healthy table with a column `loss` that turns NaN from a line on, and that line."""
    lines = text.splitlines()
    names = lines[0].split(",")
    # where cells are blank at times, nobody can tell at once that one is meant
    sparse = any("" in line.split(",") or "nan" in line for line in lines)
    folded = any(_DOTS.fullmatch(line) for line in lines)
    if "loss" not in names or len(lines) < 6 or sparse or folded:
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
