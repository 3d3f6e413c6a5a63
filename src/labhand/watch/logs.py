"""Logs of any format: opened, and replayed strictly online, row by row."""

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from labhand.core.errors import InputError, NotFoundError
from labhand.core.finding import Findings, Skipped
from labhand.core.registry import load_all
from labhand.kit import verdicts
from labhand.watch.calibration import BUDGET, Calibration
from labhand.watch.rows import Pieces, Row, Rows, head, number, shown, singly
from labhand.watch.signals import Ended, Gap, Slept
from labhand.watch.watcher import Watcher, detectors

if TYPE_CHECKING:
    from labhand.watch.stretch import Stretch

TAIL_BYTES = 20_000
AT_ONCE = 4096
"""Rows that are looked at together."""
QUIET_S = 60.0
"""A gap between two rows of a log in which the clock is shown to the detectors."""
LONGEST_LINE = 1 << 24
"""So much is read to see the first lines of a log: ten thousand names are long."""
HOUR_S, SLACK_S = 3600.0, 5.0
"""A clock that is set to summer time jumps by an hour, and no more than these."""
DEPTH = 4
_PASSED_OVER = frozenset({".git", ".venv", "venv", "node_modules", "__pycache__", "site-packages"})


class Log(NamedTuple):
    """A log, the name of its format and what reads it."""

    path: Path
    format: str
    reader: Any


def open_log(path: Path, home: Path | None = None) -> Iterator[tuple[str | None, Rows]]:
    """The runs in a log: the run's name where the log has one, and its rows in order.

    Raises:
        InputError: the file cannot be read or no reader knows it.
    """
    for log in logs(path, home):
        for name, pieces in log.reader.parts(log.path):
            yield name, singly(pieces)


def logs(path: Path, home: Path | None = None) -> list[Log]:
    """The log that `path` is, or the logs in the folder that it is.

    Raises:
        InputError: there is none.
    """
    readers = {name: reader() for name, reader in load_all("reader", home)[0].items()}
    found = _log(path, readers, fallback=True)
    if found is not None:
        return [found]
    if path.is_dir():
        inside = [_log(p, readers, fallback=p.suffix in (".log", ".out")) for p in _files(path)]
        if several := [log for log in inside if log is not None]:
            return several
        raise InputError(f"no file in the folder {path} is a log that labhand knows; name the file")
    raise InputError(
        f"{path} is not a log that labhand reads (it knows {', '.join(sorted(readers))}); "
        "give a file of metrics or the output of a run"
    )


def _log(path: Path, readers: Mapping[str, Any], *, fallback: bool) -> Log | None:
    try:
        beginning = head(path)
        if beginning.count(b"\n") < 2 and b"\0" not in beginning:
            beginning = head(path, LONGEST_LINE)
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}; give the path of a log") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if not beginning and path.is_file():
        if fallback:
            raise InputError(f"{path} is empty; give a log that holds metrics")
        return None
    ordered = sorted(readers.items(), key=lambda item: getattr(item[1], "fallback", False))
    for name, reader in ordered:
        if getattr(reader, "fallback", False) and not fallback:
            continue
        if reader.accepts(path, beginning):
            return Log(path, name, reader)
    return None


def _files(root: Path, depth: int = DEPTH) -> Iterator[Path]:
    for path in sorted(root.iterdir()):
        if path.is_dir() and depth > 1 and path.name not in _PASSED_OVER:
            yield from _files(path, depth - 1)
        elif path.is_file() and path.stat().st_size:
            yield path


def replay(
    paths: Collection[Path],
    roles: Mapping[str, str] | None = None,
    *,
    select: Collection[str] | None = None,
    ignore: Collection[str] = (),
    home: Path | None = None,
    alarms_per_1000: float = BUDGET,
    see: "Callable[[str, Row | Stretch], None] | None" = None,
) -> Findings:
    """What watching the logs live would have told, each run row by row, knowing nothing of later rows.

    `where.run` is the file's name; the run's where the log names its runs; of several such logs both.
    `alarms_per_1000` is how many healthy runs of a thousand may be told of as if they were not.
    `see` is shown every row, or many in order, with the name of their run.

    Raises:
        InputError: a file cannot be read, is no log, or holds no metric.
        NotFoundError: a detector that does not exist.
    """
    for name in {*(select or ()), *ignore} - set(detectors(home)):
        raise NotFoundError.named("detector", name, detectors(home), "labhand rule --list")
    opened = [(path, log) for path in paths for log in logs(path, home)]
    whole = Findings()
    whole.summary = {"runs": {}, "rows": 0, "incidents": 0, "alarms": 0}
    skipped: dict[str, str] = {}
    calibration = Calibration.prior(alarms_per_1000)
    if home is not None:
        calibration = calibration.adapted((), verdicts.read(home))
    for path, log in opened:
        rows_before = whole.summary["rows"]
        for part, rows in log.reader.parts(log.path):
            run = _run_name(log, part, alone=len(opened) == 1)
            watcher = Watcher(
                run,
                None,
                home=home,
                roles=roles,
                select=select,
                ignore=ignore,
                calibration=calibration,
            )
            count = _watch(watcher, log, _shown(rows, partial(see, run)) if see else rows)
            if not count:
                continue
            _add(whole, watcher.findings(), run, count, skipped)
        # of a folder's files some may be no log of metrics; a file that was named must be one
        if whole.summary["rows"] == rows_before and log.path == path:
            raise InputError(
                f"{log.path} holds no metric that labhand understands (read as {log.format})"
                f"{_headless(log.path)}; give a log of numbers over steps"
            )
    if not whole.summary["rows"]:
        raise InputError(f"the folder {opened[0][0]} holds no metric in any file; name a log")
    whole.skipped = [Skipped(n, w) for n, w in sorted(skipped.items()) if n not in whole.ran]
    return whole


def _headless(path: Path) -> str:
    """What is missing in a table of names alone, or one that begins with numbers, as a rotated log does."""
    lines = head(path).decode("utf-8", "replace").split("\n") if path.is_file() else [""]
    cells = [cell.strip() for cell in re.split(r"[,;\t|]", lines[0])]
    numbers = sum(number(cell) is not None for cell in cells)
    if len(cells) > 1 and not numbers and not any(line.strip() for line in lines[1:]):
        return ": it has the names of the columns, and no row below them"
    if len(cells) < 2 or numbers < len(cells):
        return ""
    return ": its first line is numbers, and the line with the names of the columns is missing"


def _run_name(log: Log, part: str | None, *, alone: bool) -> str:
    if part is None:
        return log.path.name
    return part if alone else f"{log.path.name}:{part}"


def _shown(pieces: Pieces, see: "Callable[[Row | Stretch], None]") -> Pieces:
    for piece in pieces:
        see(piece)
        yield piece


def _watch(watcher: Watcher, log: Log, pieces: Pieces) -> int:
    """Feeds the rows of one run; how many there were."""
    count, step, clock = 0, 0, math.nan
    for piece in pieces:
        if isinstance(piece, Row):
            clock = _feed(watcher, log, piece, clock)
            count, step = count + 1, piece.step
            continue
        piece.source = log.format
        for begin in range(0, len(piece), AT_ONCE):
            part = piece.part(begin, begin + AT_ONCE)
            for start, stop, calm in part.calm(QUIET_S, step, clock):
                inside = part.part(start, stop)
                if calm:
                    for _ in watcher.pass_over(inside):
                        pass
                    clock = float(inside.times[-1])
                else:
                    for row in inside:
                        clock = _feed(watcher, log, row, clock)
                step = int(inside.steps[-1])
        count += len(piece)
    watcher.feed(Ended(clock, None, None, False, _tail(log) if log.format == "output" else ""))
    watcher.close()
    return count


def _feed(watcher: Watcher, log: Log, row: Row, clock: float) -> float:
    """Feeds a row, and what its time tells after that of the row before, `clock`; gives the clock now."""
    time = math.nan if row.time is None else row.time
    last = watcher.view.step
    # what is taken up from an earlier step was ended before, and did not stand still
    if _is_set(time - clock) or (time - clock > QUIET_S and last is not None and row.step < last):
        watcher.feed(Slept(time, time - clock))
    elif time - clock > QUIET_S:
        watcher.feed(Gap(time, time - clock))
    watcher.feed(shown(row, log.format))
    return time if time == time else clock


def _is_set(jump: float) -> bool:
    """Whether a clock that jumps so far, in seconds, was set: forth by an hour, or back."""
    return jump < -SLACK_S or -SLACK_S < jump - HOUR_S < SLACK_S


def _tail(log: Log) -> str:
    with log.path.open("rb") as file:
        file.seek(max(0, log.path.stat().st_size - TAIL_BYTES))
        return file.read().decode("utf-8", "replace")


def _add(whole: Findings, one: Findings, run: str, count: int, skipped: dict[str, str]) -> None:
    whole.findings += one.findings
    whole.ran = sorted({*whole.ran, *one.ran})
    for entry in one.skipped:
        skipped.setdefault(entry.rule, entry.why)
    summary = whole.summary
    summary["rows"] += count
    summary["incidents"] += one.summary["incidents"]
    summary["alarms"] += one.summary["alarms"]
    summary["runs"][run] = {
        "rows": count,
        "roles": one.summary["roles"],
        "assumptions": one.summary["assumptions"],
    }
