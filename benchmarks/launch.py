"""Are failures recognised and mended? Faults of every kind in working programs, through `labhand run`.

    python benchmarks/launch.py [--seeds N ...] [--kinds KIND ...] [--json FILE]

Each fault of `labhand.launch.env` is put into a program drawn by its seed and run as a person would; the
score is by outcome. Prints by kind how many were recognised and mended, the time that diagnosing took
(process CPU time, all recognisers, on the texts of `cases/launch/`), and the time lost: from the start of
the first attempt to that of the one that reached the result.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from datetime import datetime
from pathlib import Path

from labhand.core.store import Store
from labhand.core.task import Task
from labhand.kit import cases
from labhand.launch.diagnosis import diagnose
from labhand.launch.env import Outcome, evidence_of, lay_out, score, tasks

CASES = Path(__file__).parent.parent / "cases" / "launch"
HARD = resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def carried(task: Task, folder: Path) -> dict[str, object]:
    """What became of one task: kind, value, seconds lost, processor time of all that ran for it."""
    limit = task.facts["open_files"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with lay_out(task, folder) as (command, cwd, env):
        words = [sys.executable, "-P", "-m", "labhand", "run", "--no-check", "--", *command]
        if limit:
            words = ["prlimit", f"--nofile={limit}:{HARD}", *words]
        done = subprocess.run(
            words, cwd=cwd, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    store = Store.at(Path(cwd))
    attempts = store.read(store.ids()[-1]).attempts
    failure = attempts[0].failure
    kind = failure.kind if failure else None
    proposed = (failure.evidence if failure else {}).get("proposed") or {}
    told = f"{proposed.get('summary', '')}\n{proposed.get('patch', '')}"
    value = score(task, folder, Outcome(kind, done.returncode, done.stdout, told)).value
    began = [datetime.fromisoformat(attempt.started) for attempt in attempts]
    lost = (began[-1] - began[0]).total_seconds() if len(began) > 1 else None
    return {
        "task": task.id,
        "kind": task.expected["kind"],
        "told": kind,
        "value": value,
        "lost_s": lost,
        "can": bool(task.expected["fix"]),
        "cpu_s": used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime,
    }


def diagnosing() -> tuple[float, float, int]:
    """Median and greatest milliseconds of CPU that a diagnosis took, and of how many texts."""
    texts = [
        case.text for path in sorted(CASES.glob("*.md")) for case in cases.parse(path.read_text())
    ]
    diagnose(evidence_of("x"))  # loads the recognisers
    took = []
    for text in texts:
        evidence = evidence_of("epoch 3, batch 17: loss 0.25\n" * 300 + text)
        before = time.process_time()
        diagnose(evidence)
        took.append(1000 * (time.process_time() - before))
    return statistics.median(took), max(took), len(took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--kinds", nargs="*", default=[])
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else all is compiled anew in each process
    before = time.process_time()
    diagnose(evidence_of("x"))
    first = 1000 * (time.process_time() - before)
    rows = []
    for task in tasks(chosen.seeds, chosen.kinds):
        with tempfile.TemporaryDirectory() as folder:
            rows.append(carried(task, Path(folder)))
        print(f"{rows[-1]['value']:.1f}  {rows[-1]['task']}  told {rows[-1]['told']}", flush=True)
    by_kind: dict[str, list[dict[str, object]]] = defaultdict(list)
    for row in rows:
        by_kind[str(row["kind"])].append(row)
    print("\nkind                      recognised   mended / can be   left alone as it should")
    for kind, some in sorted(by_kind.items()):
        can = [row for row in some if row["can"]]
        told = sum(row["told"] == kind for row in some)
        mended = sum(row["value"] == 1.0 for row in can)
        left = sum(row["value"] == 1.0 for row in some if not row["can"])
        print(
            f"{kind:25} {told:4}/{len(some):<6} {mended:6}/{len(can):<8} {left:8}/{len(some) - len(can)}"
        )
    lost = [row["lost_s"] for row in rows if row["lost_s"] is not None]
    told, can = sum(row["told"] == row["kind"] for row in rows), [row for row in rows if row["can"]]
    mended = sum(row["value"] == 1.0 for row in can)
    print(f"\nrecognised {told}/{len(rows)}, mended {mended}/{len(can)}")
    if lost:
        print(
            f"time lost a mended run: median {statistics.median(lost):.2f} s, most {max(lost):.2f} s"
        )
    spent = [float(str(row["cpu_s"])) for row in rows]
    print(
        f"processor time a fault, program and all attempts: median {statistics.median(spent):.2f} s, "
        f"{sum(spent):.0f} s in all"
    )
    median, most, count = diagnosing()
    print(
        f"diagnosis: median {median:.2f} ms, most {most:.2f} ms of CPU over {count} texts; the first, with loading, {first:.0f} ms"
    )
    print(f"load {os.getloadavg()[0]:.1f}")
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
