"""What differs between runs: command, settings, code, environment, results, findings."""

import re
import statistics
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import msgspec

from labhand.core.errors import LabhandError, RecordError, UsageError
from labhand.core.finding import Finding
from labhand.core.run import Code, Run
from labhand.core.store import Store
from labhand.cycle.judge import Judgement, Setup, judge
from labhand.kit.metric_names import Direction, best, direction
from labhand.kit.values import flat

DIFF_LINES = 2000
"""A diff longer than this is cut, and says so."""
LIKE_RUNS = 200
"""So many of the newest runs of the same script are asked for their noise and their tries."""

_SEED = re.compile(
    r"(?:^|[._/-])(?:seed|(?:random|rng|global|torch|np|numpy)_?(?:seed|state))$", re.I
)


class RunShort(msgspec.Struct, kw_only=True):
    """A run as the comparison names it."""

    id: str
    name: str
    status: str
    exit_code: int | None
    command: list[str]
    started: str
    wall_s: float | None


class Difference(msgspec.Struct, kw_only=True):
    """One named thing that is not the same in all runs. A run that has none is not in `values`.

    `change` is seen from the first run: added (it had none), removed (only it had one), changed.
    """

    key: str
    change: Literal["added", "changed", "removed"]
    values: dict[str, Any]


class CodeDifference(msgspec.Struct, kw_only=True):
    """The code of a later run against the first run's. `diff` is None where one cannot be had."""

    run: str
    diff: str | None
    added: int = 0
    removed: int = 0
    files: list[str] = []
    others: list[str] = []
    cut: bool = False


class Result(msgspec.Struct, kw_only=True):
    """A metric in one run. `difference` is its last value less the first run's.

    `change` says which way that is, where the metric's direction is known. It is no claim that the
    difference is more than noise.
    """

    last: float | None
    best: float | None
    points: int
    non_finite: int
    difference: float | None = None
    change: Literal["better", "worse", "equal"] | None = None


class Estimate(msgspec.Struct, kw_only=True):
    """The last value over the runs of a group. `standard_error` is None for a single run."""

    runs: int
    mean: float
    standard_error: float | None


class MetricComparison(msgspec.Struct, kw_only=True):
    """A metric over all runs by run id, and over all groups in their order (None: no value)."""

    name: str
    direction: Direction | None
    values: dict[str, Result]
    groups: list[Estimate | None] = []


class FindingDifference(msgspec.Struct, kw_only=True):
    """A finding that some of the runs have and others do not."""

    rule: str
    severity: str
    message: str
    runs: list[str]


class Comparison(msgspec.Struct, kw_only=True):
    """What differs between runs (`labhand.comparison/1`). The first run is what others are held to.

    `groups` are runs that share command, code, packages and every setting but the seed; each but the
    first has a judgement. `caution` says how far the results may be trusted.
    """

    schema: str = "labhand.comparison/1"
    runs: list[RunShort]
    command: bool
    settings: list[Difference] = []
    code: list[CodeDifference] = []
    environment: list[Difference] = []
    packages: list[Difference] = []
    groups: list[list[str]] = []
    metrics: list[MetricComparison] = []
    findings: list[FindingDifference] = []
    judgements: list[Judgement] = []
    caution: str


def compare(store: Store, root: Path, runs: list[str]) -> Comparison:
    """What differs between two or more runs; `runs` are ids, names or `last`.

    Raises:
        UsageError: fewer than two runs are meant.
        NotFoundError: one of them does not exist.
        RecordError: one of them cannot be read.
    """
    ids = list(dict.fromkeys(store.find(reference) for reference in runs))
    if len(ids) < 2:
        raise UsageError(
            "one run has nothing to be compared with; name two different ones, as in "
            "`labhand compare RUN last`"
        )
    return in_record(store, root, [store.read(run_id) for run_id in ids])


def against_previous(store: Store, root: Path, run_id: str) -> Comparison | None:
    """A run against the last one of the same command before it; None where it is the first.

    Raises:
        RecordError: the run or the one before it cannot be read.
    """
    from labhand.kit.catalog import Catalog

    run = store.read(run_id)
    earlier = Catalog(store).previous(run.command, run_id)
    if earlier is None:
        return None
    return in_record(store, root, [store.read(earlier), run])


def in_record(store: Store, root: Path, runs: list[Run]) -> Comparison:
    """The comparison, with the noise that the other runs of the same script tell."""
    from labhand.kit.catalog import Catalog

    named = {run.id for run in runs}
    like: list[Run] = []
    for row in Catalog(store).like(runs[0].command, None, LIKE_RUNS):
        if row.id not in named and row.status == "finished":
            with suppress(RecordError):
                like.append(store.read(row.id))
    return compare_runs(runs, store.home, root, like)


def compare_runs(runs: list[Run], home: Path, root: Path, like: Iterable[Run] = ()) -> Comparison:
    """What differs between runs that were read already; the first is what others are held to.

    `like` are further runs of the same script: they tell the noise, and how much was tried.
    """
    groups = _groups(runs)
    first, *later = map(_setup, groups)
    judgements = judge(first, later, [_setup(group) for group in _groups([*runs, *like])])
    for judgement, group in zip(judgements, groups[1:], strict=False):
        if told := _harness(home, root, groups[0][0].code, group[0].code):
            judgement.outcome = "harness-touched"
            judgement.said = (
                f"between them the code of {told} changed as well, so that the yardstick may differ, "
                f"not the result: {judgement.said}"
            )
    return Comparison(
        runs=[_short(run) for run in runs],
        command=any(run.command != runs[0].command for run in runs),
        # a run that died before its settings were read has none: nothing is known of them
        settings=differences({run.id: flat(run.config) for run in runs if run.config}),
        code=[_code(home, root, runs[0].code, run) for run in runs[1:]],
        environment=differences({run.id: _surroundings(run) for run in runs}),
        packages=differences({run.id: dict(run.environment.packages) for run in runs}),
        groups=[[run.id for run in group] for group in groups],
        metrics=_metrics(runs, groups),
        findings=_findings(runs),
        judgements=judgements,
        caution=_caution(groups, judgements),
    )


def is_seed(key: str) -> bool:
    """Whether a setting is a seed, told by its name."""
    return _SEED.search(key) is not None


def differences(tables: dict[str, dict[str, Any]]) -> list[Difference]:
    """What is not the same in all tables, by key; the first table is what others are held to."""
    first, *later = tables.values() or [{}]
    found: list[Difference] = []
    for key in sorted({key for table in tables.values() for key in table}):
        values = {run: table[key] for run, table in tables.items() if key in table}
        if len(values) == len(tables) and all(_same(v, first[key]) for v in values.values()):
            continue
        change: Literal["added", "changed", "removed"] = "changed"
        if key not in first:
            change = "added"
        elif not any(key in table for table in later):
            change = "removed"
        found.append(Difference(key=key, change=change, values=values))
    return found


def _same(a: Any, b: Any) -> bool:
    # NaN is the same setting as NaN; 1 and True are not, 1 and 1.0 are
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    return bool(a == b) or (a != a and b != b)


def _short(run: Run) -> RunShort:
    return RunShort(
        id=run.id,
        name=run.name,
        status=run.status,
        exit_code=run.exit_code,
        command=run.command,
        started=run.started,
        wall_s=run.wall_s,
    )


def _surroundings(run: Run) -> dict[str, Any]:
    gpus = [gpu.get("name", gpu) for gpu in run.environment.gpus]
    return {"python": run.environment.python, "gpus": gpus, "cwd": run.cwd} | {
        f"host.{key}": value for key, value in flat(run.environment.host).items()
    }


def _code(home: Path, root: Path, before: Code, run: Run) -> CodeDifference:
    if before.tree is None or run.code.tree is None:
        return CodeDifference(run=run.id, diff=None)
    if before.tree == run.code.tree:
        return CodeDifference(run=run.id, diff="")
    from labhand.kit import snapshot

    try:
        whole = snapshot.diff(root, home, before, run.code).splitlines()
    except LabhandError:
        return CodeDifference(run=run.id, diff=None)  # kept once, gone since
    lines, others = _of_code(whole)
    headers = ("+++ ", "--- ")
    return CodeDifference(
        run=run.id,
        diff="\n".join(lines[:DIFF_LINES]),
        added=sum(line.startswith("+") and not line.startswith(headers) for line in lines),
        removed=sum(line.startswith("-") and not line.startswith(headers) for line in lines),
        files=_files(lines),
        others=others,
        cut=len(lines) > DIFF_LINES,
    )


def _harness(home: Path, root: Path, before: Code, after: Code) -> str:
    """What of that which judges results differs between two codes, and where; empty: nothing known."""
    if before.tree is None or after.tree is None or before.tree == after.tree:
        return ""
    from tempfile import TemporaryDirectory

    from labhand.implement import touches
    from labhand.kit import snapshot

    with suppress(LabhandError, OSError), TemporaryDirectory() as place:
        old, new = Path(place, "before"), Path(place, "after")
        snapshot.lay_out(before, root, home, old)
        snapshot.lay_out(after, root, home, new)
        # data files are mostly what runs wrote
        of_code, _ = _of_code(snapshot.diff(root, home, before, after).splitlines())
        found = touches("\n".join(of_code), old, new)
        first: dict[str, str] = {}
        for touch in found:
            if touch.what != "tests":
                first.setdefault(touch.what, f"{touch.what} ({touch.path}:{touch.line})")
        return " and ".join(first.values())
    return ""


def _of_code(lines: list[str]) -> tuple[list[str], list[str]]:
    """The part of a diff that is of code and configuration, and the files of the rest."""
    from labhand.kit.choice import says_what_runs

    kept: list[str] = []
    others: list[str] = []
    wanted = True
    for line in lines:
        if line.startswith("diff --git "):
            path = line.rpartition(" b/")[2]
            wanted = says_what_runs(path)
            if not wanted:
                others.append(path)
        if wanted:
            kept.append(line)
    return kept, others


def _files(lines: Iterable[str]) -> list[str]:
    names: list[str] = []
    for line in lines:
        if line.startswith(("--- ", "+++ ")):
            name = line[4:].split("\t")[0].strip('"')
            if name != "/dev/null":
                names.append(re.sub(r"^[ab]/", "", name))
    return list(dict.fromkeys(names))


def _groups(runs: list[Run]) -> list[list[Run]]:
    groups: dict[str, list[Run]] = {}
    for run in runs:
        settings = {k: v for k, v in flat(run.config).items() if not is_seed(k)}
        # a code that was not kept may have been any code
        tree = run.code.tree or run.id
        setup = [_seedless(run.command), settings, tree]
        setup += [run.environment.python, run.environment.packages]
        key = msgspec.json.encode(setup, order="sorted").decode()
        groups.setdefault(key, []).append(run)
    return list(groups.values())


def setups_of(found: Comparison) -> list[list[str]]:
    """The runs to tell apart: setups where some have several runs and others differ, else each."""
    if 1 < len(found.groups) < len(found.runs):
        return found.groups
    return [[run.id] for run in found.runs]


def settings_told(found: Comparison) -> list[Difference]:
    """The settings that differ; between setups, the seed is no difference."""
    several = 1 < len(found.groups) < len(found.runs)
    return [d for d in found.settings if not (several and is_seed(d.key))]


def _setup(runs: list[Run]) -> Setup:
    return Setup(runs, [seed_of(run) for run in runs])


def seed_of(run: Run) -> str | None:
    """The seed of a run, from its settings or its command; None where none is known."""
    for key, value in flat(run.config).items():
        if is_seed(key) and value is not None:
            return str(value)
    words = iter(run.command)
    for word in words:
        name, _, value = word.partition("=")
        if is_seed(name.lstrip("-+")) and (value or name.startswith("-")):
            return value or next(words, None)
    return None


def _seedless(command: list[str]) -> list[str]:
    kept: list[str] = []
    skip = False
    for word in command:
        name, _, value = word.partition("=")
        if skip:
            skip = False
        elif is_seed(name.lstrip("-+")):
            skip = not value and name.startswith("-")
        else:
            kept.append(word)
    return kept


def _metrics(runs: list[Run], groups: list[list[Run]]) -> list[MetricComparison]:
    names = list(dict.fromkeys(name for run in runs for name in run.metrics))
    several = any(len(group) > 1 for group in groups)
    return [
        MetricComparison(
            name=name,
            direction=direction(name),
            values={r.id: _result(name, runs[0], r) for r in runs if name in r.metrics},
            groups=[estimate(name, group) for group in groups] if several else [],
        )
        for name in names
    ]


def _result(name: str, first: Run, run: Run) -> Result:
    metric = run.metrics[name]
    result = Result(
        last=metric.last,
        best=best(name, metric),
        points=metric.points,
        non_finite=metric.non_finite,
    )
    before = first.metrics.get(name)
    if run is first or before is None or before.last is None or metric.last is None:
        return result
    result.difference = metric.last - before.last
    way = direction(name)
    if result.difference == 0:
        result.change = "equal"
    elif way is not None:
        result.change = "better" if (result.difference < 0) == (way == "down") else "worse"
    return result


def estimate(name: str, group: list[Run]) -> Estimate | None:
    """The last value of a metric over runs; None where none of them has one."""
    found = [run.metrics[name].last for run in group if name in run.metrics]
    values = [value for value in found if value is not None]
    if not values:
        return None
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else None
    return Estimate(runs=len(values), mean=statistics.fmean(values), standard_error=error)


def _findings(runs: list[Run]) -> list[FindingDifference]:
    found: dict[tuple[Any, ...], FindingDifference] = {}
    for run in runs:
        for f in run.findings:
            entry = found.setdefault(
                _identity(f),
                FindingDifference(rule=f.rule, severity=f.severity, message=f.message, runs=[]),
            )
            if run.id not in entry.runs:
                entry.runs.append(run.id)
    return [entry for entry in found.values() if len(entry.runs) < len(runs)]


def _identity(finding: Finding) -> tuple[Any, ...]:
    # an incident's id may hold its run; its rule and place say better whether it came back
    if finding.job == "watch":
        places = (finding.where.metric, finding.where.layer)
        return (finding.rule, *(place or None for place in places))
    return (finding.id,)


def _caution(groups: list[list[Run]], judgements: list[Judgement]) -> str:
    sizes = [len(group) for group in groups]
    if max(sizes) == 1:
        if any(j.effect is not None for j in judgements):
            return "One run each: the noise is that of like runs."
        return "One run each: a difference may be noise."
    alike = "the same code, settings and packages but for the seed"
    if len(groups) == 1:
        who = "Both runs have" if sizes[0] == 2 else f"All {sizes[0]} runs have"
        return f"{who} {alike}: what differs between their results is noise."
    counts = ", ".join(map(str, sizes))
    single = " A single run may be noise." if min(sizes) == 1 else ""
    return f"Mean ± standard error over runs with {alike} ({counts} runs).{single}"
