"""The environment of check: training programs with known faults, as problems, and scores of answers."""

import ast
import hashlib
import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from labhand.check.claim import RuleLike
from labhand.check.engine import claims
from labhand.check.fault import mutants
from labhand.check.planting import Mutant
from labhand.check.twins import Files, twin
from labhand.core import registry
from labhand.core.task import Score, Task
from labhand.kit import cases
from labhand.kit.code import Project, Source

NAME = "check"
PRICE = 0.1
"""What a false finding costs beside its part in F1."""
EFFECTS = "effects.json"
"""Beside the programs: what each mutant that was run changed, by program and digest of its text."""
DECOY = "baseline.py"

Answer = tuple[str, int, str]
"""A finding: path, line, rule."""


class Label(NamedTuple):
    """Where a fault is: the line that names it best, and all that name it as well."""

    path: str
    line: int
    rule: str
    lines: list[int]


# Cases


def run_case(text: str) -> list[tuple[str, int]]:
    """The findings of every rule in a text, as pairs of rule and line."""
    return findings_in(text, {})


def findings_in(
    text: str,
    beside: dict[str, str],
    rules: dict[str, RuleLike] | None = None,
) -> list[tuple[str, int]]:
    """The findings in a text that has other files beside it; nothing is read from disk."""
    if rules is None:
        rules = {name: kind() for name, kind in registry.load_all("rule")[0].items()}
    source, project = in_memory(text, beside)
    found = claims(source, project, rules)
    return sorted((f.rule, f.where.line) for f in found if isinstance(f.where.line, int))


def in_memory(text: str, beside: dict[str, str]) -> tuple[Source, Project]:
    """A source and its project that exist only in memory.

    Raises:
        ValueError: the text is no Python.
    """
    root = Path("/labhand-case")
    project = Project(root)
    source = project.add(Source(root / "case.py", text))
    others = [project.add(Source(root / name, code)) for name, code in beside.items()]
    project.files = [source.path, *(s.path for s in others)]
    if source.error is not None:
        raise ValueError(source.error)
    return source, project


def case_tasks(folder: Path) -> Iterator[Task]:
    """The blocks of a folder of case files as problems of one file, `train.py`."""
    for path in sorted(folder.glob("*.md")):
        for case in cases.parse(path.read_text(encoding="utf-8")):
            labels = [Label("train.py", line, rule, [line]) for rule, line in case.expected]
            files = {"train.py": case.text, **case.beside}
            yield _task(f"{path.stem}:{case.line}", files, labels, title=case.title)


# Planted faults


def problems(folder: Path, seeds: Iterable[int], rules: Iterable[str] = ()) -> Iterator[Task]:
    """A problem for each seed: a fault planted in one of the programs of a folder, another one beside it.

    The rule is drawn first, of `rules` where there are any, then one of its mutants; both programs are
    rewritten by a harmless twin. Mutants that were run and changed nothing are left out; the fact
    `effect` is what a mutant changed, or `not run`. The facts hold the files.
    """
    pool, texts = _pool(folder, set(rules))
    for seed in seeds:
        draw = random.Random(seed)
        rule = draw.choice(sorted(pool))
        name, mutant, effect = draw.choice(pool[rule])
        files, labels = _rewritten(mutant, draw)
        other = draw.choice([n for n in texts if n != name] or [name])
        decoy = twin(texts[other], draw)
        files |= {DECOY if n == "train.py" else f"baseline_{n}": t for n, t in decoy.items()}
        files[DECOY] = files[DECOY].replace("from parts import", "from baseline_parts import")
        yield _task(
            f"{NAME}/{rule}/{name}/{seed}", files, labels, effect=effect, shape=mutant.shape
        )


def _pool(
    folder: Path, rules: set[str]
) -> tuple[dict[str, list[tuple[str, Mutant, object]]], dict[str, str]]:
    """The mutants that change something, by rule, and the programs by name."""
    held = folder / EFFECTS
    effects = msgspec.json.decode(held.read_bytes()) if held.is_file() else {}
    pool: dict[str, list[tuple[str, Mutant, object]]] = defaultdict(list)
    texts = {p.stem: p.read_text(encoding="utf-8") for p in sorted(folder.glob("*.py"))}
    for name, text in texts.items():
        for mutant in mutants(text):
            effect = effects.get(name, {}).get(digest(mutant.text), "not run")
            if effect and (not rules or mutant.rule in rules):
                pool[mutant.rule].append((name, mutant, effect))
    return dict(pool), texts


def digest(text: str) -> str:
    """A short name of a text, by its content."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _rewritten(mutant: Mutant, draw: random.Random) -> tuple[Files, list[Label]]:
    """A mutant in the writing of a twin, and where its fault is then."""
    lines = mutant.text.split("\n")
    for mark, line in enumerate(mutant.lines):
        lines[line - 1] += f"  # @{mark}"
    marked = "\n".join(lines)
    if ast.dump(ast.parse(marked)) != ast.dump(ast.parse(mutant.text)):
        lines_left = [*mutant.lines]
        return {"train.py": mutant.text}, [
            Label("train.py", lines_left[0], mutant.rule, lines_left)
        ]
    files = twin(marked, draw)
    places: dict[str, dict[int, int]] = {}
    for path, text in files.items():
        for number, written in enumerate(text.split("\n"), 1):
            for found in re.findall(r"# @(\d+)", written):
                places.setdefault(path, {})[int(found)] = number
    files = {path: re.sub(r"  # @\d+", "", text) for path, text in files.items()}
    best = {path: min(of) for path, of in places.items()}
    labels = [
        Label(path, of[best[path]], mutant.rule, [line for _, line in sorted(of.items())])
        for path, of in sorted(places.items(), key=lambda p: best[p[0]])
    ]
    return files, labels


def _task(identity: str, files: Files, labels: list[Label], **facts: object) -> Task:
    return Task(
        id=identity,
        environment=NAME,
        prompt="Find the lines that make this training, evaluation or split wrong without an error. Say "
        "path, line and rule of each.",
        expected=[label._asdict() for label in labels[:1]],
        facts={"files": files, "elsewhere": [label._asdict() for label in labels[1:]], **facts},
    )


def lay_out(task: Task, place: Path) -> None:
    """Writes the files of a problem into a folder."""
    for name, text in task.facts["files"].items():
        (place / name).write_text(text, encoding="utf-8")


def solve(task: Task, rules: dict[str, RuleLike] | None = None) -> list[Answer]:
    """What labhand itself answers to a problem; nothing is read from disk."""
    files: Files = task.facts["files"]
    found: list[Answer] = []
    for path, text in files.items():
        beside = {name: other for name, other in files.items() if name != path}
        found += [(path, line, rule) for rule, line in findings_in(text, beside, rules)]
    return found


def oracle(task: Task) -> list[Answer]:
    """The answer of somebody who planted the fault."""
    return [(label["path"], label["line"], label["rule"]) for label in task.expected]


def score(task: Task, answer: Iterable[Answer]) -> Score:
    """How an answer meets a problem: F1 of the places, less `PRICE` for each false finding, at least 0.

    A fault is found where its rule is told on one of its lines; told on several of them it counts once.
    Another rule on these lines is neither a hit nor false: it tells the same fault by another name.
    """
    labels = [Label(**label) for label in task.expected]
    other = [Label(**label) for label in task.facts.get("elsewhere", ())]
    given = set(answer)
    hit = {i for i, label in enumerate(labels) for a in given if _meets(a, label)}
    if labels and not hit and any(_meets(a, label) for a in given for label in other):
        hit = {0}
    false = sum(not any(_near(a, label) for label in [*labels, *other]) for a in given)
    hits, misses = len(hit), len(labels) - len(hit)
    whole = 2 * hits + misses + false
    value = (2 * hits / whole if whole else 1.0) - PRICE * false
    return Score(task=task.id, value=max(0.0, value), hits=hits, misses=misses, false_alarms=false)


def _meets(answer: Answer, label: Label) -> bool:
    return answer[2] == label.rule and _near(answer, label)


def _near(answer: Answer, label: Label) -> bool:
    return answer[0] == label.path and answer[1] in label.lines
