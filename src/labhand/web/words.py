"""Numbers, durations and verdicts in plain words, for the report and the terminal alike."""

import math
import re
import shlex
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec import UNSET

from labhand.core.finding import SEVERITIES, Finding, Related
from labhand.core.run import Run
from labhand.cycle.compare import Comparison, Estimate, Result
from labhand.kit.escapes import ESCAPES
from labhand.kit.metric_names import direction, headlines, is_ours

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


def number(value: float | None, digits: int = 4) -> str:
    """A number in at most `digits` significant digits: `0.3`, `1,204,000`, `3.2e-7`, `NaN`, `–`."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    if isinstance(value, int) or (value == int(value) and abs(value) < 10 ** max(digits, 6)):
        return f"{int(value):,}".replace("-", "−")
    if not 1e-4 <= abs(value) < 10**6:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        trimmed = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{trimmed}e{int(exponent)}".replace("-", "−")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")


def signed(value: float | None) -> str:
    """A difference with its sign, `±0` for none."""
    if value is None:
        return "–"
    return "±0" if value == 0 else f"{'+' if value > 0 else ''}{number(value, 3)}"


def quantity(name: str, value: float | None) -> str:
    """A metric's value with the unit that its name tells, where labhand measured it itself."""
    if value is None or not math.isfinite(value) or not is_ours(name):
        return number(value)
    if name.endswith("_bytes"):
        return size(value)
    if name.endswith("_percent"):
        return f"{number(value, 3)} %"
    return duration(value) if name.endswith("_s") else number(value)


def size(value: float | None) -> str:
    """Bytes as a person says them: `512 B`, `1.4 GB`."""
    if value is None:
        return "–"
    for unit in ("B", "kB", "MB", "GB"):
        if abs(value) < 999.5:
            return f"{number(value, 3)} {unit}"
        value /= 1000
    return f"{number(value, 3)} TB"


def duration(seconds: float | None) -> str:
    """Seconds as a person says them: `3.1 ms`, `42 s`, `1 min 5 s`, `2 h 14 min`, `3 d 1 h`."""
    if seconds is None:
        return "–"
    if 0 < abs(seconds) < 1:
        small, unit = (seconds * 1e3, "ms") if abs(seconds) >= 1e-3 else (seconds * 1e6, "µs")
        return f"{number(small, 3)} {unit}"
    if seconds < 10:
        return f"{number(seconds, 2)} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    for big, small_unit, one, other in ((3600, 60, "min", "s"), (86400, 3600, "h", "min")):
        if whole < big:
            rest = whole % small_unit // (small_unit // 60)
            return f"{whole // small_unit} {one}" + (f" {rest} {other}" if rest else "")
    rest = whole % 86400 // 3600
    return f"{whole // 86400} d" + (f" {rest} h" if rest else "")


def clock(seconds: float) -> str:
    """Seconds as a clock that runs: `0:42`, `1:05:09`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def moment(text: str | None) -> str:
    """A time to the minute, in the offset it was written in; the text itself where it is no time."""
    try:
        return f"{datetime.fromisoformat(text or ''):%Y-%m-%d %H:%M}"
    except ValueError:
        return text or "–"


def value_of(setting: Any) -> str:
    """A setting as a person would write it, at most 200 characters."""
    if isinstance(setting, bool) or setting is None:
        return str(setting)
    if isinstance(setting, float):
        return repr(setting)
    if isinstance(setting, (list, tuple)):
        text = "[" + ", ".join(value_of(item) for item in setting) + "]"
    else:
        text = str(setting)
    return text if len(text) <= 200 else f"{text[:199]}…"


def fact(name: str, value: Any) -> str:
    """A fact of a machine or setting: sizes with their unit, the rest as `value_of`."""
    if name.endswith("_bytes") and isinstance(value, (int, float)):
        return size(value)
    return value_of(value)


def command_line(command: Iterable[str]) -> str:
    """A command as one would type it."""
    return shlex.join(command)


def plain(text: str) -> str:
    """Text without escape sequences and control characters; a progress bar's last state stands."""
    clean = ESCAPES.sub("", text).replace("\r\n", "\n")
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in clean.split("\n"))
    return _CONTROL.sub("", "\n".join(lines))


def visible(text: str) -> str:
    """Text whose control characters and direction overrides can neither hide nor reorder it."""
    return _CONTROL.sub("\ufffd", text)


def bare(text: str) -> str:
    """A sentence without the backticks around its names, fit to be printed on a line."""
    return visible(text.replace("`", "")).replace("\n", " ")


def estimate(told: Estimate | None) -> str:
    """A mean with its standard error, where there are several runs to tell it: `0.31 ± 0.02`."""
    if told is None:
        return "–"
    error = told.standard_error
    return number(told.mean) + (f" ± {number(error, 2)}" if error is not None else "")


def setup(names: list[str]) -> str:
    """Runs that share all but the seed: `bold-heron`, `bold-heron and 2 more`."""
    first, *more = names
    return f"{first} and {len(more)} more" if more else first


def result(told: Result | None) -> str:
    """A metric's last value in a comparison, with how many of its values were not finite."""
    if told is None:
        return "–"
    broken = f" ({told.non_finite:,} not finite)" if told.non_finite else ""
    return number(told.last) + broken


def ranked(findings: Iterable[Finding]) -> list[Finding]:
    """Findings by weight: the grave before the mild, then in the order of their steps."""
    return sorted(findings, key=lambda f: (-SEVERITIES.index(f.severity), f.where.step or 0))


def verdict(run: Run) -> str:
    """One sentence that says how the run went."""
    grave = [f for f in ranked(run.findings) if f.severity != "note"]
    broken = next((f for f in grave if f.rule == "non-finite"), None)
    ending = _ending(run)
    if broken is not None:
        return f"{ending}. {broken.message.rstrip('.')}."
    course = "; ".join(filter(None, [ending, _course(run)]))
    if run.status in ("failed", "lost") and run.attempts and run.attempts[-1].failure:
        return f"{ending}: {run.attempts[-1].failure.message.rstrip('.')}."
    if not grave:
        return f"{course}; nothing found."
    first = grave[0].message.rstrip(".")
    more = f" And {len(grave) - 1} more." if len(grave) > 1 else ""
    return f"{course}. {first}.{more}"


def _ending(run: Run) -> str:
    after = f" after {duration(run.wall_s)}" if run.wall_s is not None else ""
    if run.status == "finished":
        again = len(run.attempts) - 1
        how = f", at attempt {again + 1}" if again > 0 else ""
        return f"Finished{after.replace(' after', ' in')}{how}"
    if run.status == "running":
        return "Still running"
    if run.status == "stopped":
        return f"Stopped{after}"
    if run.status == "lost":
        return f"Lost{after}: the process is gone and left no exit code"
    return f"Failed{after} with exit code {run.exit_code}"


def _course(run: Run) -> str:
    told = []
    names = [n for n in headlines(run.metrics) if direction(n) or len(run.metrics) < 4]
    for name in names[:2]:
        metric = run.metrics[name]
        told.append(f"{name} {number(metric.first, 3)} → {number(metric.last, 3)}")
    return ", ".join(told)


def changes(comparison: Comparison) -> list[str]:
    """What changed from the first to the last run, each in a few words; empty where nothing did."""
    before, after = comparison.runs[0].id, comparison.runs[-1].id
    told: list[str] = []
    for s in comparison.settings:
        old = value_of(s.values[before]) if before in s.values else "unset"
        new = value_of(s.values[after]) if after in s.values else "unset"
        told.append(f"{s.key} {old} → {new}")
    for code in comparison.code:
        if code.run == after and code.diff:
            files = code.files[0] if len(code.files) == 1 else f"{len(code.files)} files"
            told.append(f"{files} +{code.added} −{code.removed}")
        elif code.run == after and code.diff is None:
            told.append("code not known")
    if comparison.packages:
        count = len(comparison.packages)
        told.append(f"{count} package{'s' if count > 1 else ''}")
    told += [d.key.removeprefix("host.") for d in comparison.environment]
    return told


def causes(finding: Finding) -> list[str]:
    """The likely causes of a finding, the likeliest first; empty where it names none."""
    told = finding.evidence.get("causes")
    found = told if isinstance(told, list) else []
    return [str(c["cause"]) for c in found if isinstance(c, dict) and c.get("cause")]


def reasons(finding: Finding) -> list[str]:
    """Each likely cause with how sure it is and what speaks for it, the likeliest first."""
    told = finding.evidence.get("causes")
    lines = []
    for cause in told if isinstance(told, list) else []:
        if not isinstance(cause, dict) or not cause.get("cause"):
            continue
        sure = cause.get("confidence")
        surely = f" ({number(100 * sure, 2)} %)" if isinstance(sure, (int, float)) else ""
        why = cause.get("evidence")
        said = (
            [f"{k.replace('_', ' ')} {value_of(v)}" for k, v in why.items()]
            if isinstance(why, dict)
            else why
        )
        proof = "; ".join(map(str, said)) if isinstance(said, list) else str(said or "")
        lines.append(f"{cause['cause']}{surely}" + (f": {proof}" if proof else ""))
    return lines


def measured(finding: Finding) -> str:
    """What a run has shown of a finding in its code; empty where it has shown nothing."""
    return str(finding.evidence.get("measured", ""))


def unchecked(finding: Finding) -> list[str]:
    """What could not be looked at, a sentence each."""
    told = finding.evidence.get("unchecked")
    return [str(sentence) for sentence in told] if isinstance(told, list) else []


def place(finding: Finding | Related) -> str:
    """Where a finding is: `train.py:12`, or `step 312 · encoder.3.norm · batch rows 7, 21`."""
    where = finding.where
    told: list[str] = []
    if where.path is not UNSET:
        line = "" if where.line is UNSET else f":{where.line}"
        told.append(f"{where.path}{line}")
    if where.step is not UNSET and where.step is not None:
        told.append(f"step {where.step:,}")
    if where.layer:
        told.append(f"layer {where.layer}")
    if where.batch_rows:
        shown = ", ".join(map(str, where.batch_rows[:8]))
        more = f" and {len(where.batch_rows) - 8} more" if len(where.batch_rows) > 8 else ""
        told.append(f"batch rows {shown}{more}")
    if where.rank is not UNSET and where.rank is not None:
        told.append(f"rank {where.rank}")
    return " · ".join(told)


def course(values: Iterable[float], width: int = 16) -> str:
    """A tiny drawing of a series, `width` characters at most; `×` where a value was not finite."""
    points = list(values)
    if not points:
        return ""
    cells = min(width, len(points))
    parts = [
        points[i * len(points) // cells : (i + 1) * len(points) // cells] for i in range(cells)
    ]
    finite = [v for v in points if math.isfinite(v)]
    if not finite:
        return "×" * cells
    largest = max(map(abs, finite))
    if largest > 1e150:  # sums of such would be infinite
        parts = [[v / largest for v in part] for part in parts]
        finite = [v / largest for v in finite]
    if min(finite) > 0 and max(finite) > 10 * sorted(finite)[len(finite) // 2]:
        # on a linear scale nearly all of it would be the lowest bar
        parts = [[math.log(v) if math.isfinite(v) else v for v in part] for part in parts]
        finite = [math.log(v) for v in finite]
    low, high = min(finite), max(finite)
    out = []
    for part in parts:
        if not all(math.isfinite(v) for v in part):
            out.append("×")
            continue
        # the extreme of a cell, so that a spike is never averaged away
        mean = math.fsum(part) / len(part)
        extreme = max(part, key=lambda v: abs(v - mean)) if high > low else part[0]
        out.append("▁▂▃▄▅▆▇█"[round((extreme - low) / (high - low) * 7) if high > low else 0])
    return "".join(out)
