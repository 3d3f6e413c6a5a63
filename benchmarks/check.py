"""check beside its peers: what is found of planted faults, of cases, in code of others, and at what cost.

    python benchmarks/check.py [FOLDER ...] [--peers BIN] [--plant FOLDER ...] [--measure PYTHON]

- *Environment*: faults planted in the programs of `cases/check/programs/`, rewritten by harmless twins;
  recall by rule and the score of `check/env.py`.
- *Planted elsewhere*: `--plant` plants the same faults in the programs of folders (repositories of
  others), at most `MOST` of a shape in each; none of it is run. Whatever has the planted rule told on one
  of the lines of the fault counts as found. Say which folders were looked at when rules were mended.
- *Cases*: for each rule the share of the lines marked in `cases/check/` that is found, and lines found
  that are none; the rules were written with these cases.
- *First contact*: `benchmarks/check/first_contact.jsonl` holds each round of findings on repositories that
  no rule had seen, judged one by one before anything was mended by them: `true`, `harmless` (what it says
  holds, and changes no result there), or `false`. A rule is measured by its newest rounds that hold five
  findings together; where less than 85 % are true its level has to be `possible`, which
  `tests/check/test_levels.py` holds it to. Two kinds of lines count for no level: a `copy` of another, of
  the same line of code in the same repository, and those of a part of the rule that by this record is told
  only where the rule is selected (`since` names it), or in unit tests no more. A mend of an idiom takes no
  line out.
- *Judged*: `benchmarks/check/judged.jsonl` holds those that were still told after the mends.
- *Cost*, on each FOLDER: CPU seconds and default findings a 1000 lines.

`--peers BIN` is the folder of programs of an environment with torchfix, ruff and pylint. A peer has found a
fault where it tells anything at all on one of its lines that it does not tell of the same program without
the fault, which is generous. `--measure PYTHON` runs the programs and all their mutants by a Python that
has their frameworks, and writes what each changed to `effects.json`. Prints Markdown.
"""

import argparse
import json
import math
import random
import re
import subprocess
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from labhand.check import effects, env
from labhand.check.engine import check, claims
from labhand.check.fault import mutants
from labhand.check.planting import Mutant
from labhand.core import registry
from labhand.kit import cases
from labhand.kit.code import Project, Source

ROOT = Path(__file__).parents[1]
CASES = ROOT / "cases" / "check"
PROGRAMS = CASES / "programs"
JUDGED = ROOT / "benchmarks" / "check" / "judged.jsonl"
FIRST_CONTACT = JUDGED.with_name("first_contact.jsonl")
LEAST, ENOUGH = 0.85, 5
MOST, LONGEST = 3, 60_000
"""Mutants of a shape in one folder, and bytes of a file that is planted in."""
PEERS = {
    "torchfix": ("torchfix", "--select", "ALL"),
    "ruff": ("ruff", "check", "--isolated", "--select", "F,B,PL,NPY,PD", "--output-format=concise"),
    "pylint": ("pylint", "--disable=C,R", "--score=n", "--disable=import-error"),
}


class Planted(NamedTuple):
    """A mutant in its project: the folder, the file, its text before, and the mutant."""

    root: Path
    path: Path
    text: str
    mutant: Mutant


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--plant", nargs="*", type=Path, default=[])
    parser.add_argument("--measure", type=Path)
    parser.add_argument("--problems", type=int, default=400)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
        return
    environment(options.problems, options.peers)
    if options.plant:
        elsewhere([f.resolve() for f in options.plant], options.peers)
    on_cases(options.peers)
    first_contact()
    judged()
    for folder in options.folders:
        cost(folder)


def measure(python: Path) -> None:
    """Runs every program and its mutants, and keeps in what each differs."""
    held = PROGRAMS / env.EFFECTS
    told: dict[str, dict[str, list[str]]] = (
        json.loads(held.read_text(encoding="utf-8")) if held.is_file() else {}
    )
    for path in sorted(PROGRAMS.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        made = list(mutants(text))
        asked = json.dumps({"program": text, "variants": [m.text for m in made], "seconds": 60})
        run = subprocess.run(
            [python, effects.__file__], input=asked, capture_output=True, text=True, check=True
        )
        answer = json.loads(run.stdout)
        if answer is None:
            print(f"{path.stem}: not run\n{run.stderr[-500:]}")
            continue
        told[path.stem] = {
            env.digest(m.text): changed
            for m, changed in zip(made, answer, strict=True)
            if m.rule not in NEEDS_MORE
        }
        print(f"{path.stem}: {sum(map(bool, answer))} of {len(made)} mutants change something")
        written = json.dumps(told, indent=0, sort_keys=True) + "\n"
        held.write_text(written, encoding="utf-8")  # after each: the whole takes an hour


NEEDS_MORE = ("config-arg-unused",)
"""Rules whose fault shows only under other arguments than the program's defaults."""


def environment(number: int, peers: Path | None) -> None:
    """Recall by rule and the score on problems of the environment."""
    rules = {name: kind() for name, kind in registry.load_all("rule")[0].items()}
    planted, found = Counter[str](), Counter[str]()
    values, false, run = [], 0, 0
    for task in env.problems(PROGRAMS, range(number)):
        scored = env.score(task, env.solve(task, rules))
        rule = task.expected[0]["rule"]
        planted[rule] += 1
        found[rule] += scored.hits
        values.append(scored.value)
        false += scored.false_alarms
        run += task.facts["effect"] != "not run"
    print(f"## Environment: {number} problems, {run} of mutants that were run\n")
    print(f"score {sum(values) / number:.3f}, false findings {false}\n")
    _by_rule(planted, found)
    if peers:
        every = [
            Planted(PROGRAMS, path, text, mutant)
            for path in sorted(PROGRAMS.glob("*.py"))
            for text in [path.read_text(encoding="utf-8")]
            for mutant in mutants(text)
        ]
        _peers(peers, every)


def elsewhere(folders: list[Path], peers: Path | None) -> None:
    """Recall by rule on faults that are planted in the programs of folders."""
    rules = {name: kind() for name, kind in registry.load_all("rule")[0].items()}
    planted, found, groups = Counter[str](), Counter[str](), dict[str, list[float]]()
    every = [one for folder in folders for one in planted_in(folder)]
    for root, path, _, mutant in every:
        project = Project(root)
        source = project.add(Source(path, mutant.text))
        told = claims(source, project, {mutant.rule: rules[mutant.rule]})
        hit = any(f.where.line in mutant.lines for f in told)
        planted[mutant.rule] += 1
        found[mutant.rule] += hit
        groups.setdefault(root.name, []).append(float(hit))
    print(f"## Planted elsewhere: {len(every)} faults in {len(folders)} folders\n")
    low, high = interval(list(groups.values()))
    print(f"found {sum(found.values()) / len(every):.3f} ({low:.3f} to {high:.3f})\n")
    _by_rule(planted, found)
    if peers:
        _peers(peers, every)


def planted_in(folder: Path) -> Iterator[Planted]:
    """At most `MOST` mutants of a shape in a folder, of different files where there are."""
    shapes: dict[tuple[str, str], list[Planted]] = defaultdict(list)
    for path in sorted(folder.rglob("*.py")):
        if path.name.startswith("test_") or {"test", "tests"} & {*path.relative_to(folder).parts}:
            continue  # odd code is the subject of unit tests, and rules are silent there
        try:
            text = path.read_text(encoding="utf-8")
            for mutant in mutants(text) if len(text) < LONGEST else ():
                if mutant.rule == "config-arg-unused" and read_elsewhere(folder, path, mutant):
                    continue
                shapes[mutant.rule, mutant.shape].append(Planted(folder, path, text, mutant))
        except (SyntaxError, UnicodeDecodeError):
            continue
    draw = random.Random(0)
    for _, many in sorted(shapes.items()):
        draw.shuffle(many)
        first = {one.path: one for one in many}
        rest = [one for one in many if one is not first[one.path]]
        yield from [*first.values(), *rest][:MOST]


def read_elsewhere(folder: Path, path: Path, mutant: Mutant) -> bool:
    """Whether another file of a folder reads the flag that a fault makes unused: then it is none."""
    lines = mutant.text.split("\n")
    flags = [f for line in mutant.lines for f in re.findall(r"--([\w-]+)", lines[line - 1])]
    read = re.compile(rf"\.({'|'.join(f.replace('-', '_') for f in flags) or '$'})\b")
    others = (p for p in folder.rglob("*.py") if p != path)
    return any(read.search(p.read_text(encoding="utf-8", errors="replace")) for p in others)


def interval(groups: list[list[float]], rounds: int = 2000) -> tuple[float, float]:
    """A 95 % interval of the mean by bootstrap over groups."""
    draw, means = random.Random(0), []
    for _ in range(rounds):
        drawn = [value for _ in groups for value in draw.choice(groups)]
        means.append(sum(drawn) / len(drawn))
    means.sort()
    return means[int(0.025 * rounds)], means[int(0.975 * rounds)]


def _by_rule(planted: Counter[str], found: Counter[str]) -> None:
    shares = [found[rule] / planted[rule] for rule in planted]
    print(
        f"{sum(found.values())} of {sum(planted.values())} found; mean over {len(shares)} rules "
        f"{sum(shares) / len(shares):.3f}\n"
    )
    print("| rule | found | planted |\n|---|---|---|")
    for rule, number in sorted(planted.items()):
        print(f"| {rule} | {found[rule]} | {number} |")
    print()


def _peers(programs: Path, every: list[Planted]) -> None:
    """What peers tell on the lines of planted faults that they do not tell without them."""
    print(
        "| tool | planted faults told | other lines told on the programs as they were |\n|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as place:
        before: dict[str, Path] = {}
        for number, (_, _, text, mutant) in enumerate(every):
            Path(place, f"m{number}.py").write_text(mutant.text, encoding="utf-8")
            before.setdefault(text, Path(place, f"t{number}.py"))
        for text, path in before.items():
            path.write_text(text, encoding="utf-8")
        for peer, command in PEERS.items():
            told = told_by([str(programs / command[0]), *command[1:]], Path(place))
            hits = 0
            for number, (_, _, text, mutant) in enumerate(every):
                old = Counter(said for _, said in told[before[text].name])
                new = [(line, said) for line, said in told[f"m{number}.py"] if not old[said]]
                hits += any(line in mutant.lines for line, _ in new)
            clean = sum(len(told[path.name]) for path in before.values())
            print(f"| {peer} | {hits} of {len(every)} | {clean} |")
    print()


def told_by(command: list[str], folder: Path) -> dict[str, list[tuple[int, str]]]:
    """What a peer prints as `file:line:column: words`, by file: lines and words."""
    names = sorted(map(str, folder.glob("*.py")))
    told: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for start in range(0, len(names), 200):
        printed = subprocess.run(
            [*command, *names[start : start + 200]], capture_output=True, text=True, check=False
        ).stdout
        for path, line, said in re.findall(r"^(\S+?\.py):(\d+):(?:\d+:?)?(.*)$", printed, re.M):
            told[Path(path).name].append((int(line), re.sub(r"\d+", "", said)))
    return told


def on_cases(peers: Path | None) -> None:
    """Marked lines of the cases and what each tool tells of them, all rules together."""
    rules = {name: kind() for name, kind in registry.load_all("rule")[0].items()}
    planted, found, more = Counter[str](), Counter[str](), Counter[str]()
    by_peer: dict[str, Counter[str]] = defaultdict(Counter)
    clean = 0
    with tempfile.TemporaryDirectory() as folder:
        lines: dict[str, set[int]] = {}
        for path in sorted(CASES.glob("*.md")):
            for case in cases.parse(path.read_text(encoding="utf-8")):
                told = set(env.findings_in(case.text, case.beside, rules))
                expected = {(str(rule), int(line)) for rule, line in case.expected}
                planted.update(rule for rule, _ in expected)
                found.update(rule for rule, _ in expected & told)
                more.update(rule for rule, _ in told - expected)
                name = f"{path.stem.replace('-', '_')}_{case.line}.py"
                Path(folder, name).write_text(case.text, encoding="utf-8")
                lines[name] = {line for _, line in expected}
                clean += not expected
        for peer, command in PEERS.items() if peers else ():
            told_lines = told_by([str(peers / command[0]), *command[1:]], Path(folder))
            for name, marked in lines.items():
                here = {line for line, _ in told_lines[name]}
                by_peer[peer]["marked"] += len(here & marked)
                by_peer[peer]["clean"] += 0 if marked else len(here)
    print(
        f"## Cases\n\n{sum(planted.values())} marked lines of {len(planted)} rules; {clean} clean programs\n"
    )
    print("| tool | marked lines told | told on clean programs |\n|---|---|---|")
    print(f"| labhand | {sum(found.values())} | {sum(more.values())} |")
    for peer, count in by_peer.items():
        print(f"| {peer} | {count['marked']} | {count['clean']} |")
    missed = {rule: planted[rule] - found[rule] for rule in planted if found[rule] < planted[rule]}
    print(f"\nmissed by rule: {missed or 'none'}; told too much: {dict(more) or 'nothing'}\n")


class Share(NamedTuple):
    """How many of a rule's findings were true at first contact, in its newest rounds that hold enough.

    `low` and `high` are 95 % by bootstrap over repositories; NaN where there are fewer than three.
    """

    rounds: tuple[int, ...]
    judgements: Counter[str]
    low: float
    high: float

    @property
    def true(self) -> float:
        return self.judgements["true"] / self.judgements.total()

    @property
    def demotes(self) -> bool:
        """Whether the level of the rule has to be `possible`."""
        return self.judgements.total() >= ENOUGH and self.true < LEAST


def at_first_contact() -> dict[str, Share]:
    """The share of each rule that was judged at first contact."""
    by_rule: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in FIRST_CONTACT.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if not {"copy", "since"} & set(entry):
            by_rule[entry["rule"]].append(entry)
    return {rule: _share(entries) for rule, entries in sorted(by_rule.items())}


def _share(entries: list[dict[str, Any]]) -> Share:
    kept: list[dict[str, Any]] = []
    for number in sorted({e["round"] for e in entries}, reverse=True):
        if len(kept) < ENOUGH:
            kept += [e for e in entries if e["round"] == number]
    groups: dict[str, list[float]] = defaultdict(list)
    for entry in kept:
        groups[entry["repository"]].append(float(entry["judgement"] == "true"))
    low, high = interval(list(groups.values())) if len(groups) > 2 else (math.nan, math.nan)
    rounds = tuple(sorted({e["round"] for e in kept}))
    return Share(rounds, Counter(e["judgement"] for e in kept), low, high)


def first_contact() -> None:
    """The rules by what was judged at first contact, and those that have to be demoted."""
    levels = {name: kind.level for name, kind in registry.load_all("rule")[0].items()}
    print("## First contact\n\n| rule | level | rounds | true | harmless | false | true |")
    print("|---|---|---|---|---|---|---|")
    for rule, share in at_first_contact().items():
        rounds, count = ", ".join(map(str, share.rounds)), share.judgements
        shown = "" if math.isnan(share.low) else f" ({share.low:.0%} to {share.high:.0%})"
        must = ": has to be possible" if share.demotes and levels[rule] != "possible" else ""
        print(
            f"| {rule} | {levels[rule]}{must} | {rounds} | {count['true']} | {count['harmless']} | "
            f"{count['false']} | {share.true:.0%}{shown} |"
        )
    every: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for line in FIRST_CONTACT.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        every[entry["round"]][entry["repository"]].append(entry["judgement"])
    for number, groups in sorted(every.items()):
        count = Counter(j for g in groups.values() for j in g)
        low, high = interval([[float(j == "true") for j in g] for g in groups.values()])
        print(
            f"\nround {number}: {count['true']} of {count.total()} true, {count['true'] / count.total():.0%} "
            f"({low:.0%} to {high:.0%}), {count['harmless']} harmless, {count['false']} false"
        )
    print()


def judged() -> None:
    """The findings that were still told after the mends, by judgement."""
    entries = map(json.loads, JUDGED.read_text(encoding="utf-8").splitlines())
    count = Counter(entry["judgement"] for entry in entries)
    told = ", ".join(f"{number} {judgement}" for judgement, number in count.most_common())
    print(f"## Judged, after the mends\n\n{count.total()}: {told}\n")


def cost(folder: Path) -> None:
    """CPU seconds and default findings a 1000 lines of Python in a folder."""
    began = time.process_time()
    found = check([folder], root=folder)
    spent = time.process_time() - began
    texts = (p.read_bytes() for p in folder.rglob("*.py"))
    lines = sum(text.count(b"\n") for text in texts)
    many = len(found.findings)
    print(
        f"{folder.name}: {lines} lines, {spent / lines * 1000:.3f} s CPU and "
        f"{many / lines * 1000:.2f} findings a 1000 lines, {len(found.skipped)} skipped"
    )


if __name__ == "__main__":
    main()
