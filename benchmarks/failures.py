"""Does the watch name the cause? Small real PyTorch trainings, each with one planted cause, and healthy ones.

    python benchmarks/failures.py [--of unseen|frameworks|fresh|usual|strangers/mend|…] [--half mend|held] [--fast] [--only NAME ...] [--jobs N] [--keep DIR]

Each script of `failures/`, or of the folder in it that `--of` names (what they showed at first contact stands
in docs/benchmarks.md), is run as it is by `labhand run --no-check -- python SCRIPT`, alone in a project of its
own, and judged by what `labhand show last --json` says. What should be found stands in its docstring:

    Expected: RULE [or RULE] [at step N[±M | +M]] [, layer NAME [or NAME]] [, rows N ...] [, says TEXT [or TEXT]]
    Also: RULE, ...          what may be told besides, being true too
    Before: ARGUMENTS        an earlier run of the script in the same project; can be given again
    Arguments: ARGUMENTS     of the run that is judged
    Launch: ARGUMENTS        of Python, in front of the script
    Needs: PACKAGE           left out, by name, where that is not installed
    Stop: after N s          the run does not end by itself; it is then stopped
    Fast                     part of --fast

`Expected: nothing` marks the healthy ones. Steps count optimizer steps from 0; without M a step is right
within 2, `+M` means up to M steps later. Only findings of severity warning and above count as told.
The cause is right where every expected finding is told with its layer, rows and text; the step is right
where every step that is stated is.
"""

import argparse
import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

SCRIPTS = Path(__file__).parent / "failures"
BESIDE = ("data", "loop")
"""What the scripts import of what lies beside them."""
DEADLINE = 600.0
_EXPECTED = re.compile(
    r"(?P<rules>[a-z-]+(?: or [a-z-]+)*)(?: at step (?P<step>\d+)(?:(?P<sign>[±+])(?P<reach>\d+))?)?"
)


@dataclass
class Expected:
    """One finding that the docstring promises."""

    rules: list[str]
    steps: range | None = None
    layers: list[str] = field(default_factory=list)
    rows: list[int] | None = None
    says: tuple[str, ...] = ("",)

    @classmethod
    def parse(cls, line: str) -> "Expected":
        first, *rest = line.split(", ")
        if not (found := _EXPECTED.fullmatch(first)):
            raise ValueError(f"cannot be read: Expected: {line}")
        expected = cls(found["rules"].split(" or "))
        if found["step"]:
            step, reach = int(found["step"]), int(found["reach"] or 2)
            expected.steps = range(max(0, step - (found["sign"] != "+") * reach), step + reach + 1)
        for part in rest:
            word, _, value = part.partition(" ")
            if word == "layer":
                expected.layers = value.split(" or ")
            elif word == "rows":
                expected.rows = [int(row) for row in value.split()]
            elif word == "says":
                expected.says = tuple(value.lower().split(" or "))
            else:
                raise ValueError(f"cannot be read: {part}")
        return expected

    def names(self, finding: dict) -> bool:
        """Whether the finding tells the rule, the layer, the rows and the text, at whatever step."""
        where = finding["where"]
        told = " ".join(str(finding[key]) for key in ("message", "advice", "evidence", "related"))
        return (
            finding["rule"] in self.rules
            and (not self.layers or any(_names_layer(finding, layer) for layer in self.layers))
            and (self.rows is None or where.get("batch_rows") == self.rows)
            and any(text in told.lower() for text in self.says)
        )

    def dates(self, finding: dict) -> bool:
        """Whether the step of the finding is right."""
        return self.steps is None or finding.get("opened_step") in self.steps


def _names_layer(finding: dict, layer: str) -> bool:
    named = finding["where"].get("layer") or ""
    inside = rf"`{re.escape(layer)}(\.[\w.]+)?`"
    return f"{named}.".startswith(f"{layer}.") or bool(re.search(inside, finding["message"]))


@dataclass
class Script:
    """A training and what its docstring says of it."""

    name: str
    expected: list[Expected]
    also: set[str]
    before: list[str]
    arguments: str
    launch: str
    needs: list[str]
    stop: float | None
    fast: bool
    folder: Path

    @classmethod
    def read(cls, path: Path) -> "Script":
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        lines = text.splitlines()

        def values(key: str) -> list[str]:
            return [line[len(key) + 2 :] for line in lines if line.startswith(f"{key}: ")]

        expected, stop = values("Expected"), values("Stop")
        if not expected:
            raise ValueError(f"{path.name} does not say what is expected")
        return cls(
            name=path.stem,
            expected=[Expected.parse(e) for e in expected if e != "nothing"],
            also={rule for line in values("Also") for rule in line.split(", ")},
            before=values("Before"),
            arguments=" ".join(values("Arguments")),
            launch=" ".join(values("Launch")),
            needs=values("Needs"),
            stop=float(stop[0].split()[1]) if stop else None,
            fast="Fast" in lines,
            folder=path.parent,
        )


@dataclass
class Verdict:
    """What was told of one run, and whether it was right."""

    script: Script
    seconds: float
    status: str
    told: dict[str, list[int | None]]
    alarms: list[str]
    found: bool = False
    cause: bool = False
    step: bool | None = None
    beside: list[str] = field(default_factory=list)


def run(script: Script, folder: Path) -> Verdict:
    """Runs the script in a project of its own in `folder`, and judges what was told."""
    folder.mkdir(parents=True)
    (folder / "labhand.toml").touch()
    for path in script.folder.glob("*.py"):
        if path.stem in (script.name, *BESIDE):
            shutil.copy(path, folder)
    for arguments in script.before:
        labhand(folder, command(script, arguments), None)
    began = time.monotonic()
    labhand(folder, command(script, script.arguments), script.stop)
    seconds = time.monotonic() - began
    shown = subprocess.check_output([*LABHAND, "show", "last", "--json"], cwd=folder)
    return judge(script, json.loads(shown), seconds)


LABHAND = [sys.executable, "-m", "labhand"]


def command(script: Script, arguments: str) -> list[str]:
    parts = [*shlex.split(script.launch), f"{script.name}.py", *shlex.split(arguments)]
    return [*LABHAND, "run", "--no-check", "--", sys.executable, *parts]


def labhand(folder: Path, arguments: list[str], stop: float | None) -> None:
    """Waits for the end of the run; after `stop` seconds it is stopped as a person would."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LABHAND_")}
    process = subprocess.Popen(
        arguments,
        cwd=folder,
        env={**environment, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(stop or DEADLINE)
    except subprocess.TimeoutExpired:
        subprocess.run([*LABHAND, "stop", "last"], cwd=folder, check=True, capture_output=True)
        process.wait(DEADLINE)


def judge(script: Script, shown: dict, seconds: float) -> Verdict:
    watched = [f for f in shown["findings"] if f["job"] == "watch"]
    loud = [f for f in watched if f["severity"] != "note"]
    told: dict[str, list[int | None]] = {}
    for finding in loud:
        told.setdefault(finding["rule"], []).append(finding.get("opened_step"))
    alarms = sorted({f["rule"] for f in watched if f["alarm"]})
    verdict = Verdict(script, seconds, shown["status"], told, alarms)
    known = script.also.union(*(e.rules for e in script.expected))
    verdict.beside = sorted(set(told) - known)
    if script.expected:
        verdict.found = bool(set(script.expected[0].rules) & set(told))
        verdict.cause = all(any(e.names(f) for f in loud) for e in script.expected)
        if dated := [e for e in script.expected if e.steps]:
            verdict.step = all(any(e.names(f) and e.dates(f) for f in loud) for e in dated)
    return verdict


def line(verdict: Verdict) -> str:
    """The verdict as a row of a table."""
    script = verdict.script
    wanted = "; ".join(
        " or ".join(e.rules) + (f" at {e.steps[0]}–{e.steps[-1]}" if e.steps else "")
        for e in script.expected
    )
    told = ", ".join(
        f"{rule} {' '.join('?' if s is None else str(s) for s in steps)}"
        for rule, steps in verdict.told.items()
    )
    marks = {True: "yes", False: "no", None: "-"}
    right = (
        [marks[verdict.found], marks[verdict.cause], marks[verdict.step]]
        if script.expected
        else ["-"] * 3
    )
    cells = [
        script.name, wanted or "nothing", told or "nothing", *right, ", ".join(verdict.alarms) or "-",
        ", ".join(verdict.beside) or "-", f"{verdict.seconds:.1f}", verdict.status,
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def share(hits: int, of: int) -> str:
    """A share with its 95 % interval by Clopper and Pearson."""
    from scipy.stats import beta

    if not of:
        return "none"
    low = beta.ppf(0.025, hits, of - hits + 1) if hits else 0.0
    high = beta.ppf(0.975, hits + 1, of - hits) if hits < of else 1.0
    return f"{hits} of {of} = {hits / of:.0%} ({low:.0%}–{high:.0%})"


def totals(verdicts: list[Verdict]) -> None:
    ill = [v for v in verdicts if v.script.expected]
    well = [v for v in verdicts if not v.script.expected]
    dated = [v for v in ill if v.step is not None]
    print(f"\nplanted, {len(ill)}")
    print(f"  rule told          {share(sum(v.found for v in ill), len(ill))}")
    print(f"  cause named right  {share(sum(v.cause for v in ill), len(ill))}")
    print(f"  step named right   {share(sum(v.step is True for v in dated), len(dated))}")
    print(f"  with an alarm      {share(sum(bool(v.alarms) for v in ill), len(ill))}")
    print(f"  something untrue   {share(sum(bool(v.beside) for v in ill), len(ill))}")
    print(f"healthy, {len(well)}")
    print(f"  with an alarm      {share(sum(bool(v.alarms) for v in well), len(well))}")
    print(f"  with a warning     {share(sum(bool(v.told) for v in well), len(well))}")


def half(scripts: list[Script], held: bool) -> list[Script]:
    """Every second script by name, of the ill and of the healthy ones: those to mend by, or those held out."""
    kinds = ([s for s in scripts if s.expected], [s for s in scripts if not s.expected])
    return [script for kind in kinds for script in kind[held::2]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--of", metavar="FOLDER", default="", help="the scripts of failures/FOLDER/"
    )
    parser.add_argument(
        "--half", choices=("mend", "held"), help="every second script by name, of either kind"
    )
    parser.add_argument("--fast", action="store_true", help="only the scripts marked Fast")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these scripts")
    parser.add_argument("--jobs", type=int, default=2, help="how many run at once")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the runs in this new folder")
    arguments = parser.parse_args()
    paths = sorted((SCRIPTS / arguments.of).glob("*.py"))
    scripts = [Script.read(path) for path in paths if path.stem not in BESIDE]
    if arguments.half:
        scripts = half(scripts, held=arguments.half == "held")
    if arguments.only:
        scripts = [script for script in scripts if script.name in arguments.only]
    elif arguments.fast:
        scripts = [script for script in scripts if script.fast]
    for script in [s for s in scripts if not all(map(find_spec, s.needs))]:
        print(f"left out: {script.name}, which needs {', '.join(script.needs)}")
        scripts.remove(script)
    scripts.sort(key=lambda s: (-(s.stop or 0), not s.expected, s.name))
    began = time.monotonic()
    print("| script | expected | told | rule | cause | step | alarm | untrue | s | ended |")
    print("|---" * 10 + "|")
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(arguments.jobs) as pool:
        root = (arguments.keep or Path(place)).resolve()
        verdicts = []
        for verdict in pool.map(lambda script: run(script, root / script.name), scripts):
            verdicts.append(verdict)
            print(line(verdict), flush=True)
    totals(verdicts)
    print(f"in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
