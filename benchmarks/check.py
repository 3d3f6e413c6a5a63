"""check beside its peers: what they find on the cases, at what cost, and how the judged findings stand.

    python benchmarks/check.py [FOLDER ...] [--peers BIN]

On `cases/check/`: for each rule the share of the planted lines that is found, and the lines found that are
none; the rules were written with these cases, so this tells what holds, not how well strangers' code is
judged. `--peers BIN` is the folder of programs of an environment with torchfix, ruff and pylint: a peer has
found a planted line where it tells anything at all on it that is not of style, which is generous.

On each FOLDER: CPU seconds and default findings a 1000 lines. `benchmarks/check/judged.jsonl` holds findings
on real code that were judged by reading it: `true`, `harmless` (what it says holds, and changes no result
there), or `false`. A rule whose judged findings, five or more, are true in less than 85 % is named: its
level has to become `possible`. Prints Markdown.
"""

import argparse
import json
import re
import subprocess
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

from labhand.check.engine import check
from labhand.check.env import findings_in
from labhand.core import registry
from labhand.kit import cases

ROOT = Path(__file__).parents[1]
JUDGED = ROOT / "benchmarks" / "check" / "judged.jsonl"
LEAST, ENOUGH = 0.85, 5
PEERS = {
    "torchfix": ("torchfix", "--select", "ALL"),
    "ruff": (
        "ruff",
        "check",
        "--isolated",
        "--select",
        "F,B,PL,NPY,PD",
        "--output-format",
        "concise",
    ),
    "pylint": ("pylint", "--disable=C,R", "--score=n", "--disable=import-error"),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--peers", type=Path)
    options = parser.parse_args()
    on_cases(options.peers)
    judged()
    for folder in options.folders:
        cost(folder)


def on_cases(peers: Path | None) -> None:
    """Planted lines and what each tool tells of them, all rules together."""
    rules = {name: kind() for name, kind in registry.load_all("rule")[0].items()}
    planted, found, more = Counter[str](), Counter[str](), Counter[str]()
    by_peer: dict[str, Counter[str]] = defaultdict(Counter)
    clean = 0
    with tempfile.TemporaryDirectory() as folder:
        lines: dict[str, set[int]] = {}
        for path in sorted((ROOT / "cases" / "check").glob("*.md")):
            for case in cases.parse(path.read_text(encoding="utf-8")):
                told = set(findings_in(case.text, case.beside, rules))
                expected = {(str(rule), int(line)) for rule, line in case.expected}
                planted.update(rule for rule, _ in expected)
                found.update(rule for rule, _ in expected & told)
                more.update(rule for rule, _ in told - expected)
                name = f"{path.stem.replace('-', '_')}_{case.line}.py"
                Path(folder, name).write_text(case.text, encoding="utf-8")
                lines[name] = {line for _, line in expected}
                clean += not expected
        for peer, command in PEERS.items() if peers else ():
            by_peer[peer] = beside(Path(folder), [str(peers / command[0]), *command[1:]], lines)
    print(
        f"{sum(planted.values())} planted lines of {len(planted)} rules; {clean} clean programs\n"
    )
    print("| tool | planted lines told | told on clean programs |\n|---|---|---|")
    print(f"| labhand | {sum(found.values())} | {sum(more.values())} |")
    for peer, count in by_peer.items():
        print(f"| {peer} | {count['planted']} | {count['clean']} |")
    missed = {rule: planted[rule] - found[rule] for rule in planted if found[rule] < planted[rule]}
    print(f"\nmissed by rule: {missed or 'none'}; told too much: {dict(more) or 'nothing'}\n")


def beside(folder: Path, command: list[str], lines: dict[str, set[int]]) -> Counter[str]:
    """Of what a peer prints as `file:line:…`: how many planted lines, and how many on clean programs."""
    names = [str(folder / name) for name in lines]
    printed = subprocess.run([*command, *names], capture_output=True, text=True, check=False).stdout
    told: dict[str, set[int]] = defaultdict(set)
    for path, line in re.findall(r"^(\S+?\.py):(\d+)", printed, re.M):
        told[Path(path).name].add(int(line))
    return Counter(
        planted=sum(len(told[name] & planted) for name, planted in lines.items()),
        clean=sum(len(told[name]) for name, planted in lines.items() if not planted),
    )


def judged() -> None:
    """The judged findings by rule, and the rules that have to be demoted."""
    by_rule: dict[str, Counter[str]] = defaultdict(Counter)
    for line in JUDGED.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        by_rule[entry["rule"]][entry["judgement"]] += 1
    print("| rule | true | harmless | false |\n|---|---|---|---|")
    for rule, count in sorted(by_rule.items()):
        print(f"| {rule} | {count['true']} | {count['harmless']} | {count['false']} |")
    every = sum(by_rule.values(), Counter[str]())
    print(f"| all | {every['true']} | {every['harmless']} | {every['false']} |\n")
    for rule, count in sorted(by_rule.items()):
        number = count.total()
        if number >= ENOUGH and count["true"] + count["harmless"] < LEAST * number:
            print(
                f"{rule} is true in {count['true']} of {number}: its level has to become `possible`"
            )


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
