"""Recall of check on faults that people reported in public repositories, in the code as it stood.

    python benchmarks/check_reported.py MIRRORS [--half mend|held] [--each]

MIRRORS holds git directories named `owner+name`, as cloned. `check/reported.jsonl` says where each fault
stands: lines of a file, or a pattern of them, at a commit. A fault is told where a rule that names it
speaks by default within two lines. Halves were parted by a hash of the repository before anything was run.
"""

import argparse
import json
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labhand.check.engine import check
from labhand.core.finding import Finding

REPORTED = Path(__file__).parent / "check" / "reported.jsonl"
SUFFIXES = (".py", ".ipynb", ".yaml", ".yml", ".toml", ".cfg", ".json")
NEAR = 2
LARGEST = 4_000_000


def main() -> None:
    """Prints how many are told, and with `--each` which."""
    parser = argparse.ArgumentParser()
    parser.add_argument("mirrors", type=Path)
    parser.add_argument("--half", choices=("mend", "held"))
    parser.add_argument("--each", action="store_true")
    options = parser.parse_args()
    entries = [json.loads(line) for line in REPORTED.read_text(encoding="utf-8").splitlines()]
    for half in [options.half] if options.half else ("mend", "held"):
        told, every = 0, [e for e in entries if e["half"] == half]
        known: dict[tuple[str, str], tuple[Path, Sequence[Finding]]] = {}
        with tempfile.TemporaryDirectory() as place:
            for entry in every:
                key = (entry["repository"], entry["commit"])
                if key not in known:
                    folder = Path(place).resolve() / str(len(known))
                    lay_out(options.mirrors, *key, folder)
                    known[key] = folder, check([folder], root=folder).findings
                hit = any(is_told(entry, f, known[key][0]) for f in known[key][1])
                told += hit
                if options.each:
                    print("told  " if hit else "missed", *key, "/".join(entry["rules"]))
        print(f"{half}: {told} of {len(every)} told")


def lay_out(mirrors: Path, repository: str, commit: str, folder: Path) -> None:
    """Writes the code of a commit into a folder."""
    folder.mkdir()
    mirror = mirrors / repository.replace("/", "+")
    inner = [mirror / "repo" / ".git", mirror / "repo", mirror / ".git", mirror]
    git = ["git", "--git-dir", str(next(p for p in inner if (p / "HEAD").is_file()))]
    listed = subprocess.run(
        [*git, "ls-tree", "-r", "-z", "--name-only", commit], capture_output=True, check=True
    ).stdout.decode()
    for name in filter(lambda n: n.endswith(SUFFIXES), listed.split("\0")):
        shown = subprocess.run([*git, "show", f"{commit}:{name}"], capture_output=True, check=False)
        if shown.returncode == 0 and len(shown.stdout) < LARGEST:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(shown.stdout)


def is_told(entry: dict[str, Any], finding: Finding, folder: Path) -> bool:
    """Whether a finding tells a fault: by its rule and its place."""
    where = finding.where
    assert isinstance(where.path, str) and isinstance(where.line, int)
    if finding.rule not in entry["rules"]:
        return False
    for place in entry["places"]:
        if place["path"] != where.path:
            continue
        if "lines" in place:
            first, last = place["lines"]
            if first - NEAR <= where.line <= last + NEAR:
                return True
            continue
        lines = (folder / where.path).read_text(encoding="utf-8", errors="replace").split("\n")
        if isinstance(where.cell, int):
            cell = json.loads("\n".join(lines))["cells"][where.cell]
            lines = "".join(cell["source"]).split("\n")
        around = lines[max(0, where.line - 1 - NEAR) : where.line + NEAR]
        if any(re.search(place["pattern"], line) for line in around):
            return True
    return False


if __name__ == "__main__":
    main()
