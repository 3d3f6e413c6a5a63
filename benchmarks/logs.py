"""What does a log alone tell? Logs of small real trainings in the styles of tools, half of them ill.

    python benchmarks/logs.py [--half mend|held] [--of SET ...] [--only NAME ...] [--jobs N] [--keep DIR]

Each case of `logs/fine.py`, `logs/tools.py`, `logs/bad.py`, and of the later sets `logs/usual.py` and `logs/simulated.py`, trains or simulates something in seconds, writes its log, and is replayed by
`labhand watch FILE --format json`. Told means a finding of severity warning and above; what is neither
among the names that must be told nor among those that may is untrue. Every second case of either kind is
held out (`HELD` in `logs/cases.py`): `--half` says which are run. Cases of a tool that is not installed are left out, by name.
Intervals are exact, 95 %.
"""

import argparse
import contextlib
import importlib
import io
import json
import subprocess
import sys
import tempfile
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
SETS = ("fine", "tools", "bad", "usual", "simulated")


@dataclass
class Verdict:
    """What was told of one log, and whether it was right."""

    name: str
    ill: bool
    left_out: str = ""
    told: bool = False
    step: bool | None = None
    untrue: tuple[str, ...] = ()
    alarm: bool | None = None
    """Whether the alarms were right; None where either is."""
    alarmed: bool = False
    says: tuple[str, ...] = ()


def look(name: str, folder: Path) -> Verdict:
    """Writes the log of a case and judges what labhand tells of it."""
    cases = importlib.import_module("logs.cases")
    load()
    case = next(c for c in cases.HEALTHY + cases.ILL if c.name == name)
    ill = case in cases.ILL
    folder.mkdir(parents=True)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(action="ignore"):
            path = case.write(folder)
    except ImportError as error:
        return Verdict(name, ill, left_out=str(error))
    (folder / "labhand.toml").touch()
    command = [sys.executable, "-m", "labhand", "watch", str(path), "--format", "json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    (folder / "told.json").write_text(done.stdout or done.stderr)
    if done.returncode not in (0, 1):
        return Verdict(name, ill, untrue=(done.stderr.strip()[-200:],))
    return judge(case, ill, json.loads(done.stdout)["findings"])


def judge(case, ill: bool, findings: list[dict]) -> Verdict:
    told = [f for f in findings if f["severity"] != "note"]
    rules = {f["rule"] for f in told}
    known = set().union(case.may, *case.must)
    alarmed = any(f["alarm"] for f in told)
    right = [f for f in told if any(f["rule"] in names for names in case.must)]
    return Verdict(
        case.name,
        ill,
        told=all(names & rules for names in case.must),
        step=None
        if case.steps is None or not right
        else any(f["opened_step"] in case.steps for f in right),
        untrue=tuple(sorted(rules - known)),
        alarm=None if case.alarm is None else alarmed == case.alarm,
        alarmed=alarmed,
        says=tuple(f"{f['rule']}@{f['opened_step']}{'!' * f['alarm']}" for f in findings),
    )


def load() -> None:
    """All cases."""
    for module in SETS:
        importlib.import_module(f"logs.{module}")


def share(hits: int, of: int) -> str:
    """A count, its share and the exact interval of that."""
    from scipy.stats import beta

    if not of:
        return "0 of 0"
    low = beta.ppf(0.025, hits, of - hits + 1) if hits else 0.0
    high = beta.ppf(0.975, hits + 1, of - hits) if hits < of else 1.0
    return f"{hits} of {of}, {hits / of:.0%} ({low:.0%}–{high:.0%})"


def tell(verdicts: list[Verdict]) -> None:
    """Prints a line for each case that is not right, and the shares."""
    for v in verdicts:
        right = v.told and not v.untrue and v.alarm is not False and v.step is not False
        marks = [] if v.told else ["missed"]
        marks += [f"untrue {' '.join(v.untrue)}"] if v.untrue else []
        marks += ["step"] if v.step is False else []
        marks += ["alarm" if v.alarmed else "no alarm"] if v.alarm is False else []
        state = f"left out: {v.left_out}" if v.left_out else "ok" if right else ", ".join(marks)
        print(f"{'ill' if v.ill else 'fine'} {v.name:24} {state:44} {' '.join(v.says)}")
    seen = [v for v in verdicts if not v.left_out]
    ill, fine = [v for v in seen if v.ill], [v for v in seen if not v.ill]
    dated = [v for v in ill if v.step is not None]
    called = [v for v in ill if v.alarm is not None]
    print(f"ill: told {share(sum(v.told for v in ill), len(ill))}")
    print(f"ill: step right {share(sum(bool(v.step) for v in dated), len(dated))}")
    print(f"ill: something untrue {share(sum(bool(v.untrue) for v in ill), len(ill))}")
    print(f"ill: alarm as it should be {share(sum(bool(v.alarm) for v in called), len(called))}")
    print(f"healthy: a warning {share(sum(bool(v.untrue) for v in fine), len(fine))}")
    print(f"healthy: an alarm {share(sum(v.alarmed for v in fine), len(fine))}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--half", choices=("mend", "held"))
    parser.add_argument("--of", choices=SETS, nargs="+", default=SETS)
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    load()
    cases = importlib.import_module("logs.cases")
    names = [
        case.name
        for case in cases.HEALTHY + cases.ILL
        if arguments.half in (None, ("mend", "held")[case.name in cases.HELD])
        and (not arguments.only or case.name in arguments.only)
        and case.write.__module__.split(".")[-1] in arguments.of
    ]
    # a process each: tools keep folders and random states
    make = ProcessPoolExecutor(arguments.jobs, max_tasks_per_child=1)
    with tempfile.TemporaryDirectory() as scratch, make as pool:
        keep = arguments.keep or Path(scratch)
        tell(list(pool.map(look, names, [keep / n for n in names])))


if __name__ == "__main__":
    main()
