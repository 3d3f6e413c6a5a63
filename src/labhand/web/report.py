"""The report of a run: one file that opens anywhere and loads nothing."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import cache
from importlib.util import cache_from_source
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET

from labhand.core.errors import LabhandError
from labhand.core.finding import Finding
from labhand.core.run import Attempt, Fix, Run
from labhand.core.store import Store, write_whole
from labhand.cycle.compare import Comparison, against_previous
from labhand.cycle.sweep import Sweep
from labhand.kit.metric_names import is_ours
from labhand.kit.values import flat
from labhand.web import story, words
from labhand.web.against import against
from labhand.web.curves import Curves, curves
from labhand.web.page import Fact, Note, Number, Output, Page, Remedy, Try
from labhand.web.patches import patches, source

OUTPUT_LINES = 200
_OUTPUT_BYTES = 256 * 1024
_HERE = Path(__file__).parent


def write(
    store: Store,
    root: Path,
    run_id: str,
    many: Sweep | None = None,
    comparison: Comparison | None = None,
) -> Path:
    """The path of the report, written anew as `report.html` into the run's folder.

    A run of a sweep, `many`, is held against its siblings there, and not against the run before it;
    that `comparison` is made here where it was not made yet.

    Raises:
        RecordError: the run cannot be read.
        OSError: the folder cannot be written; an older report is left whole.
    """
    path = store.folder(run_id) / "report.html"
    write_whole(path, render(page(store, root, run_id, many, comparison)).encode())
    return path


def render(page: Page) -> str:
    """The page as one HTML document, its style, script and data in it."""
    return str(
        template("report.html.jinja").render(
            page=page,
            data=inert(msgspec.json.encode(page.data).decode()),
            style=static("vendor/uPlot.min.css") + static("app.css"),
            script=script(),
        )
    )


def page(
    store: Store,
    root: Path,
    run_id: str,
    many: Sweep | None = None,
    comparison: Comparison | None = None,
) -> Page:
    """What the report of a run says; its arguments are those of `write`."""
    run = store.read(run_id)
    if many is None and comparison is None:
        comparison = _comparison(store, root, run_id)
    before = _before(store, comparison)
    findings = words.ranked(run.findings)
    placed = [f for f in findings if f.where.step or f.where.step == 0 or f.where.time]
    numbered = list(enumerate(sorted(placed, key=_when), start=1))
    drawn = curves(store.folder(run_id), run, numbered, before)
    numbers = {id(finding): number for number, finding in numbered}
    return Page(
        title=f"{run.name} · {run.status}",
        name=run.name,
        run=run.id,
        sweep=Fact(label=many.name, value=f"../../sweeps/{many.id}/report.html") if many else None,
        status=run.status,
        verdict=words.verdict(run),
        story=[str(sentence) for sentence in story.of_run(run)],
        command=words.command_line(run.command),
        facts=_facts(run),
        notes=[_note(f, numbers.get(id(f)), root) for f in findings],
        groups=drawn.groups,
        many=sum(len(group.charts) for group in drawn.groups) > 12,
        points_note=_points_note(drawn),
        numbers=_numbers(run),
        against=against(comparison, before[1]) if comparison and before else None,
        settings=[Fact(label=k, value=words.value_of(v)) for k, v in flat(run.config).items()],
        tries=[_try(attempt, run.command) for attempt in run.attempts],
        output=_output(store, run),
        resources=_resources(run),
        packages=[Fact(label=k, value=v) for k, v in sorted(run.environment.packages.items())],
        written=f"{datetime.now().astimezone():%Y-%m-%d %H:%M}",
        data=drawn.data,
    )


def template(name: str) -> Any:
    """A page of the house, in its style."""
    return _templates().get_template(name)


@cache
def _templates() -> Any:
    import jinja2
    from markupsafe import Markup

    class Compiled(jinja2.FileSystemBytecodeCache):
        """The templates compiled, beside them as Python keeps its own: a third of a report's cost."""

        def dump_bytecode(self, bucket: Any) -> None:
            if not sys.dont_write_bytecode:
                with suppress(OSError):  # nothing of the installation can be written
                    Path(place).mkdir(exist_ok=True)
                    super().dump_bytecode(bucket)

    place = str(Path(cache_from_source(str(_HERE / "templates" / "all.py"))).parent)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        bytecode_cache=Compiled(place),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: value if isinstance(value, Markup) else _printable(value),
    )
    environment.filters["prose"] = _prose
    return environment


def _printable(value: Any) -> Any:
    return words.visible(value) if isinstance(value, str) else value


def _prose(text: str) -> Any:
    """A sentence whose `names` are set as code."""
    from markupsafe import Markup

    parts = [words.visible(part) for part in text.split("`")]
    if len(parts) % 2 == 0:
        return "`".join(parts)
    quoted = [Markup("<code>{}</code>").format(p) if i % 2 else p for i, p in enumerate(parts)]
    return Markup("").join(quoted)


@cache
def static(name: str) -> Any:
    """A file of the style, as it goes into a page."""
    from markupsafe import Markup

    return Markup((_HERE / "static" / name).read_text(encoding="utf-8"))


def script() -> Any:
    """All script of the page. uPlot's licence wants to go with every copy, and a report is one."""
    from markupsafe import Markup

    licence = Markup("/*\n{}\n*/\n").format(static("vendor/uPlot.LICENSE"))
    return licence + static("vendor/uPlot.iife.min.js") + Markup("\n") + static("report.js")


def inert(json: str) -> Any:
    """JSON that no browser can take for the end of its script element."""
    from markupsafe import Markup

    escaped = json.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return Markup(escaped)


def _comparison(store: Store, root: Path, run_id: str) -> Comparison | None:
    try:
        return against_previous(store, root, run_id)
    except LabhandError:
        return None  # the run before cannot be read: this one's report still can


def _before(store: Store, comparison: Comparison | None) -> tuple[Path, Run] | None:
    if comparison is None:
        return None
    earlier = comparison.runs[0].id
    return store.folder(earlier), store.read(earlier)


def _when(finding: Finding) -> tuple[int, str]:
    return finding.where.step or 0, finding.where.time or ""


def _facts(run: Run) -> list[Fact]:
    host = run.environment.host.get("name") or run.environment.host.get("hostname")
    count = len(run.attempts)
    told = {
        "Started": words.moment(run.started),
        "Took": words.duration(run.wall_s),
        "Exit code": "–" if run.exit_code is None else str(run.exit_code),
        "Attempts": str(count) if count > 1 else "",
        "Host": str(host or ""),
        "GPUs": _gpus(run),
        "Code": _code(run),
        "Folder": run.cwd,
    }
    return [Fact(label=label, value=value) for label, value in told.items() if value]


def _gpus(run: Run) -> str:
    names = sorted(str(gpu.get("name", "GPU")) for gpu in run.environment.gpus)
    counted = [(name, len(list(same))) for name, same in groupby(names)]
    return ", ".join(f"{count} × {name}" if count > 1 else name for name, count in counted)


def _code(run: Run) -> str:
    if run.code.commit:
        return run.code.commit[:10] + (", edited" if run.code.dirty else "")
    return "kept, outside git" if run.code.tree else ""


def _note(finding: Finding, number: int | None, root: Path) -> Note:
    fix = finding.fix
    return Note(
        number=number,
        id=finding.id[:8],
        severity=finding.severity,
        rule=finding.rule,
        job=finding.job,
        state=None if finding.state is UNSET else finding.state,
        message=finding.message,
        place=words.place(finding),
        seen=words.measured(finding),
        causes=words.reasons(finding),
        unchecked=words.unchecked(finding),
        advice=finding.advice,
        evidence=[*_evidence(_told_below(finding.evidence))],
        code=source(finding.where, root),
        related=[(r.message, words.place(r)) for r in finding.related],
        remedy=_remedy(Fix(finding.rule, fix.summary, fix.safety, fix.patch)) if fix else None,
    )


def _told_below(evidence: dict[str, Any]) -> dict[str, Any]:
    """What is not told in sentences of its own."""
    return {k: v for k, v in evidence.items() if k not in ("causes", "unchecked", "measured")}


def _evidence(evidence: dict[str, Any], above: str = "") -> Iterator[Fact]:
    for key, value in evidence.items():
        label = f"{above}{key.replace('_', ' ')}"
        if isinstance(value, dict):
            yield from _evidence(value, f"{label} · ")
        elif value is not None:
            yield Fact(label=label, value=_told(value))


def _told(value: Any) -> str:
    if isinstance(value, float):
        return words.number(value)
    if isinstance(value, list) and all(isinstance(v, (int, float)) for v in value):
        shown = ", ".join(words.number(v) for v in value[:12])
        return shown + (f" … {len(value)} in all" if len(value) > 12 else "")
    return words.value_of(value)


def _remedy(fix: Fix) -> Remedy:
    return Remedy(safety=fix.safety, summary=fix.summary, patches=patches(fix.patch))


def _points_note(drawn: Curves) -> str:
    if not drawn.thinned:
        return ""
    return "Long curves are thinned for drawing; every peak and dip is kept."


def _numbers(run: Run) -> list[Number]:
    return [
        Number(
            name=name,
            points=f"{m.points:,}",
            first=words.quantity(name, m.first),
            last=words.quantity(name, m.last),
            low=words.quantity(name, m.min),
            high=words.quantity(name, m.max),
            last_step=f"{m.last_step:,}",
            non_finite=m.non_finite,
        )
        for name, m in sorted(run.metrics.items(), key=lambda item: is_ours(item[0]))
    ]


def _try(attempt: Attempt, usual: list[str]) -> Try:
    code, signal = attempt.exit_code, attempt.signal
    ending = "Still running" if code is None else f"Exit code {code}"
    if signal:
        ending = f"Killed by signal {signal}"
    failure = attempt.failure
    return Try(
        number=attempt.number,
        command="" if attempt.command == usual else words.command_line(attempt.command),
        ending=ending,
        good=code == 0,
        wall=words.duration(attempt.wall_s),
        failure=Fact(label=failure.kind, value=failure.message) if failure else None,
        remedy=_remedy(attempt.fix) if attempt.fix else None,
    )


def _output(store: Store, run: Run) -> Output | None:
    if not run.attempts:
        return None
    number = run.attempts[-1].number
    try:
        with (store.attempt(run.id, number) / "output.log").open("rb") as file:
            end = file.seek(0, 2)
            file.seek(max(0, end - _OUTPUT_BYTES))
            raw = file.read()
    except OSError:
        return None
    lines = words.plain(raw.decode("utf-8", "replace")).rstrip("\n").split("\n")
    shown = lines[-OUTPUT_LINES:]
    if not any(shown):
        return None
    cut = len(lines) - len(shown) or end > _OUTPUT_BYTES
    return Output(text="\n".join(shown), shown=len(shown), left_out=int(cut), attempt=number)


def _resources(run: Run) -> list[Fact]:
    machine = {
        key.replace("_", " "): words.fact(key, value)
        for key, value in flat(run.environment.host).items()
    }
    told = {
        "CPU time": words.duration(run.resources.cpu_s) if run.resources.cpu_s else "",
        "Peak memory": words.size(run.resources.max_rss_bytes)
        if run.resources.max_rss_bytes
        else "",
        "Python": run.environment.python,
        **machine,
    }
    return [Fact(label=label, value=value) for label, value in told.items() if value]
