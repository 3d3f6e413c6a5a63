"""A sweep: one command with many settings or seeds; what it is made of, and how it is kept."""

import csv
import itertools
import math
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from labhand.core import event
from labhand.core.errors import LabhandError, RecordError, UsageError
from labhand.core.home import make_folder
from labhand.core.run import Code
from labhand.core.store import LONGEST_NAME, Store, check_name, project_root, write_whole
from labhand.cycle import limit
from labhand.cycle.request import LaidOut, Request
from labhand.cycle.rerun import lay_out_beside, taken_up
from labhand.kit import configuration, settings, slots, snapshot
from labhand.kit.scrub import scrub, scrub_arguments, scrub_tree
from labhand.kit.secret_kinds import secret_variable
from labhand.launch.command import program_of
from labhand.launch.job import Job

LARGEST = 10_000
"""Runs of a sweep at most."""
BEFORE = ".before"
"""Behind a run's number: the id of the lost one that it takes up again."""
_RANGE = re.compile(r"([-+.\deE_]+?)\.\.([-+.\deE_]+?)(?::(\d+))?(\s+log)?")


class Sweep(msgspec.Struct, kw_only=True):
    """Runs that wait in the queue, or did, with all they share (`labhand.sweep/1`).

    A run's place in `settings` is its number. `keys` are the settings that differ, `seed` the one of
    them that is the seed. `variables` are those of the environment that hold no secret.
    """

    schema: str = "labhand.sweep/1"
    id: str
    name: str
    command: list[str]
    cwd: str
    queued: str
    keys: list[str] = []
    seed: str | None = None
    settings: list[dict[str, str]]
    fix: configuration.Allowed | None = None
    check: bool = True
    on_alarm: configuration.OnAlarm | None = None
    launcher: str = "local"
    limit: str | None = None
    budget: str | None = None
    stop_lost: bool | None = None
    resume_flag: str | None = None
    cpus: int = 1
    gpus: int = 0
    memory: int = 0
    code: Code = msgspec.field(default_factory=Code)
    variables: dict[str, str] = {}

    @property
    def need(self) -> slots.Need:
        """What each of its runs takes of the machine."""
        return slots.Need(self.cpus, self.gpus, self.memory)

    def name_of(self, number: int) -> str:
        """The name of one of its runs; the only one of a single run is the sweep's own."""
        if len(self.settings) == 1 and not self.keys:
            return self.name
        return f"{self.name}-{number + 1:0{len(str(len(self.settings)))}}"


def runs_of(
    axes: Sequence[str], seeds: str | None, request: Request
) -> tuple[list[str], str | None, list[dict[str, str]]]:
    """The swept keys, the seed among them, and the settings of each run: the grid over all axes.

    Raises:
        UsageError: an axis or the seeds cannot be read, or there are too many runs.
        NotFoundError: the script has no such setting.
    """
    parts = [_axis(text, request.cwd) for text in axes]
    seed = None
    if seeds is not None:
        seed = _seed_key(request)
        parts.append([{seed: value} for value in _seeds(seeds)])
    count = math.prod(map(len, parts))
    if count > LARGEST:
        raise UsageError(
            f"this sweep is of {count:,} runs ({' × '.join(str(len(p)) for p in parts)}); labhand takes "
            f"{LARGEST:,} at most: leave values out"
        )
    keys = [key for part in parts for key in part[0]]
    for key in keys:
        if keys.count(key) > 1 or key in request.settings:
            raise UsageError(
                f"`{key}` is set twice; name each setting once in --set, --sweep and --seeds"
            )
    for part in parts:
        for values in part:
            _try(values, request)
    grid = [
        {k: v for values in row for k, v in values.items()} for row in itertools.product(*parts)
    ]
    return keys, seed, grid


def _try(values: dict[str, str], request: Request) -> None:
    root = project_root(request.cwd)
    settings.apply(request.settings | values, request.command, request.cwd, root)


def _axis(text: str, cwd: Path) -> list[dict[str, str]]:
    """The settings along one `--sweep`: `KEY=V1,V2`, `KEY=A..B:N`, or `@FILE`, a table with a row a run."""
    if text.startswith("@"):
        return _table(cwd / text[1:])
    key, equals, given = text.partition("=")
    if not equals or not key or not given.strip():
        raise UsageError(f"--sweep takes KEY=V1,V2 or KEY=A..B:N or @FILE.csv, found: {text}")
    spaced = _RANGE.fullmatch(given.strip())
    values = _spaced(key, spaced) if spaced else listed(given)
    return [{key: value} for value in dict.fromkeys(values)]


def listed(text: str) -> list[str]:
    """The values between commas; commas within brackets or quotes belong to a value."""
    values, depth, quote, begun = [], 0, "", 0
    for at, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif letter == "," and depth <= 0:
            values.append(text[begun:at])
            begun = at + 1
    return [value.strip() for value in [*values, text[begun:]] if value.strip()]


def _spaced(key: str, found: re.Match[str]) -> list[str]:
    """`1..4`: every whole number; `0..1:5`: so many evenly; `1e-4..1e-1:4 log`: by equal factors."""
    wrong = UsageError(
        f"--sweep {key}={found[0]} is no range; write {key}=1..4, {key}=0..1:5 or {key}=1e-4..1e-1:4 log"
    )
    try:
        low, high = float(found[1]), float(found[2])
    except ValueError:
        raise wrong from None
    whole = re.fullmatch(r"[-+]?\d+", found[1]) and re.fullmatch(r"[-+]?\d+", found[2])
    if found[3] is None:
        if not whole or found[4] or high < low:
            raise wrong
        if high - low >= LARGEST:
            raise UsageError(
                f"--sweep {key}={found[0]} holds {int(high - low) + 1:,} values; say how many: {found[0]}:5"
            )
        return [str(value) for value in range(int(low), int(high) + 1)]
    count = int(found[3])
    if not 2 <= count <= LARGEST or (found[4] and (low <= 0 or high <= 0)):
        raise wrong
    shares = [i / (count - 1) for i in range(count)]
    if found[4]:
        return [f"{low * (high / low) ** share:.6g}" for share in shares]
    values = [low + (high - low) * share for share in shares]
    if whole and all(value == round(value) for value in values):
        return [str(round(value)) for value in values]
    return [f"{value:.6g}" for value in values]


def _table(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"the settings of the sweep cannot be read from {path}: {error}"
        ) from error
    rows = [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)]
    if len(rows) < 2:
        raise UsageError(
            f"{path} holds no runs; its first line names settings, each further one is a run"
        )
    head, *rest = rows
    for number, row in enumerate(rest, start=2):
        if len(row) != len(head):
            raise UsageError(
                f"{path} has {len(row)} values in row {number}, its first line names {len(head)}"
            )
    return [dict(zip(head, row, strict=True)) for row in rest]


def _seeds(text: str) -> list[str]:
    try:
        given = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        given = []
    if not given or ("," not in text and given[0] < 1):
        raise UsageError(
            f"--seeds takes a number of seeds, such as 3, or a list, such as 1,2,3; found: {text}"
        )
    if "," not in text:
        if given[0] > LARGEST:
            raise UsageError(
                f"this sweep is of {given[0]:,} seeds; labhand takes {LARGEST:,} at most"
            )
        given = list(range(given[0]))
    return list(dict.fromkeys(map(str, given)))


def _seed_key(request: Request) -> str:
    script, _ = settings.script_of(request.command, request.cwd, project_root(request.cwd))
    setting = settings.seed_setting(settings.discover(script, project_root(request.cwd)))
    if setting is None:
        raise UsageError(
            f"{script.name} has no setting for its seed that --seeds could change; add a flag or a "
            "constant named `seed` and seed with it"
        )
    return setting.name


def submit(
    store: Store,
    request: Request,
    need: slots.Need,
    keys: list[str],
    seed: str | None,
    grid: list[dict[str, str]],
) -> Sweep:
    """The sweep, its code and settings kept; each run takes `need`. Nothing is queued yet.

    Raises:
        UsageError: its name cannot be a name, or what is asked for cannot be had.
        InputError: the record cannot be written.
    """
    if request.name is not None:
        check_name(request.name + "-0" * bool(keys))
    if scrub_arguments(request.command) != request.command or scrub_tree(grid) != grid:
        raise UsageError(
            "the command holds a secret, which labhand does not write down for runs that wait; hand it "
            "over in the environment"
        )
    program_of(
        Job(command=request.command, cwd=str(request.cwd), env=dict(os.environ), attempt_dir="")
    )
    _try({}, request)
    root = project_root(request.cwd)
    chosen = configuration.read(root)
    for told in filter(None, (request.limit, request.budget)):
        limit.seconds(told, chosen.price)
    run_id, drawn = store.create(None)
    store.folder(run_id).rmdir()  # an id and a name of the same make; a sweep is no run
    sweep = Sweep(
        id=run_id,
        name=(request.name or drawn)[:LONGEST_NAME],
        command=list(request.command),
        cwd=str(request.cwd),
        queued=event.now(),
        keys=keys,
        seed=seed,
        settings=[request.settings | values for values in grid],
        fix=request.fix,
        check=request.check,
        on_alarm=request.on_alarm,
        launcher=request.launcher,
        limit=request.limit,
        budget=request.budget,
        stop_lost=request.stop_lost,
        resume_flag=request.resume_flag,
        cpus=need.cores,
        gpus=need.gpus,
        memory=need.memory,
        code=snapshot.keep(root, run_id, store.home).code,
        variables={n: v for n, v in os.environ.items() if not secret_variable(n) and scrub(v) == v},
    )
    make_folder(str(folder(store, sweep.id)))
    write_whole(folder(store, sweep.id) / "sweep.json", msgspec.json.encode(sweep))
    return sweep


def folder(store: Store, sweep_id: str) -> Path:
    """The folder of a sweep, whether or not it exists."""
    return store.home / "sweeps" / sweep_id


def read(store: Store, sweep_id: str) -> Sweep:
    """A sweep's `sweep.json`.

    Raises:
        RecordError: it is missing or damaged.
    """
    path = folder(store, sweep_id) / "sweep.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Sweep)
    except (OSError, ValueError) as error:
        raise RecordError(
            f"the sweep {path} cannot be read: {error}; its runs cannot start: remove {path.parent} "
            "and start it again"
        ) from error


def code_stands(store: Store, sweep: Sweep) -> bool:
    """Whether the project's code is what it was when the sweep was asked for."""
    root = project_root(Path(sweep.cwd))
    return snapshot.same(root, store.home, sweep.code, results=False)


def request_of(store: Store, sweep: Sweep, number: int, *, in_place: bool) -> Request:
    """The request of one of its runs, with the code that stood when the sweep was asked for.

    `in_place`: that code still stands in the project; else it is laid out in a folder of its own.
    """
    cwd = Path(sweep.cwd)
    root = project_root(cwd)
    laid_out = None
    if sweep.code.tree is not None:
        place = root
        if not in_place:
            place = lay_out_beside(store, sweep.code, root, sweep.id)
            cwd = place / cwd.relative_to(root)
        laid_out = LaidOut(sweep.code, place, root)
    request = Request(
        command=sweep.command,
        cwd=cwd,
        name=sweep.name_of(number),
        settings=sweep.settings[number],
        fix=sweep.fix,
        # all have the same code: once is enough, unless it decides whether they may run
        check=sweep.check and (number == 0 or configuration.read(root).check == "stop"),
        on_alarm=sweep.on_alarm,
        launcher=sweep.launcher,
        limit=sweep.limit,
        budget=sweep.budget,
        stop_lost=sweep.stop_lost,
        resume_flag=sweep.resume_flag,
        sweep=sweep.id,
        laid_out=laid_out,
    )
    lost = folder(store, sweep.id) / f"{number}{BEFORE}"
    if lost.exists():
        with suppress(LabhandError):  # without a checkpoint it begins anew
            return taken_up(store, lost.read_text(encoding="utf-8"), request, lambda said: None)
    return request


def run_ids(store: Store, sweep: Sweep, known: dict[int, str] | None = None) -> dict[int, str]:
    """The ids of its runs that were started, by number; for one that could not be, `! reason`.

    `known` are those that were read before; what is new is added to them.
    """
    found: dict[int, str] = {} if known is None else known
    place = str(folder(store, sweep.id))
    try:
        names = os.listdir(place)  # noqa: PTH208  thousands of them
    except OSError:
        names = []
    for number in [int(name) for name in names if name.isdigit()]:
        if number not in found:
            with open(f"{place}/{number}", encoding="utf-8") as file:  # noqa: PTH123  as above
                if told := file.read():
                    found[number] = told
    return dict(sorted(found.items()))
