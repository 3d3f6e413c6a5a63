"""The report in plain words: what was run, how it went, what is off.

Every number in a sentence is taken from the record; each sentence knows which value stands where.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from labhand.core.finding import Finding
from labhand.core.run import Attempt, Metric, Run
from labhand.cycle.compare import Comparison, MetricComparison, RunShort, settings_told, setups_of
from labhand.kit.metric_names import direction, headlines
from labhand.web import words

FINDINGS = 3
"""So many findings are told in full; the others are counted by the reader in the list of findings."""
METRICS = 3


class Taken(NamedTuple):
    """A piece of a sentence that says a value of the record: `source` is its path in the JSON."""

    text: str
    source: str
    value: Any


class Sentence(NamedTuple):
    """A sentence in pieces: words, and what was taken from the record."""

    pieces: tuple[str | Taken, ...]

    def __str__(self) -> str:
        text = "".join(p if isinstance(p, str) else p.text for p in self.pieces)
        # a name stays as it is
        return text[:1].upper() + text[1:] if isinstance(self.pieces[0], str) else text

    @property
    def taken(self) -> list[Taken]:
        """The values of the record in it, in order."""
        return [piece for piece in self.pieces if isinstance(piece, Taken)]


def of_run(run: Run) -> list[Sentence]:
    """The report of a run, sentence by sentence; sources are paths in `labhand show --json`."""
    return [*_what(run), *_how(run), *_metrics(run), *_off(run)]


def of_runs(found: Comparison) -> list[Sentence]:
    """The report of several runs; sources are paths in `labhand compare --json`."""
    return [*_sweep(found), *_ends(found), *_results(found), *_new_findings(found)]


def _said(*pieces: str | Taken) -> Sentence:
    return Sentence(pieces)


def _what(run: Run) -> Iterator[Sentence]:
    yield _said(
        "`", Taken(words.command_line(run.command), "command", run.command), "` was started on ",
        Taken(words.moment(run.started), "started", run.started), *_code(run), ".",
    )  # fmt: skip


def _code(run: Run) -> Iterator[str | Taken]:
    if run.code.commit:
        yield ", with the code of commit "
        yield Taken(run.code.commit[:10], "code.commit", run.code.commit)
        if run.code.dirty:
            yield " and edits that are not committed"


def _how(run: Run) -> Iterator[Sentence]:
    for place, attempt in enumerate(run.attempts):
        if attempt.failure is not None and attempt.fix is not None:
            yield _mended(attempt, f"attempts.{place}")
    wall: list[str | Taken] = []
    if run.wall_s is not None:
        wall = [" after ", Taken(words.duration(run.wall_s), "wall_s", run.wall_s)]
    if run.status == "running":
        yield _said("it has been running", *(" for " if p == " after " else p for p in wall), ".")
    elif run.status == "finished":
        yield _said("it finished", *wall, ".")
    elif run.status == "failed":
        code = Taken(str(run.exit_code), "exit_code", run.exit_code)
        yield _said("it failed", *wall, " with exit code ", code, *_why(run))
    elif run.status == "stopped":
        yield _said(*_stopped(run), *wall, ".")
    else:
        yield _said("it was lost", *wall, ": the process is gone and left no exit code.")


def _mended(attempt: Attempt, place: str) -> Sentence:
    assert attempt.failure is not None and attempt.fix is not None
    return _said(
        "attempt ", Taken(str(attempt.number), f"{place}.number", attempt.number), " failed: ",
        _quoted(attempt.failure.message, f"{place}.failure.message"), "; mended: ",
        _quoted(attempt.fix.summary, f"{place}.fix.summary"), ".",
    )  # fmt: skip


def _why(run: Run) -> Iterator[str | Taken]:
    last = run.attempts[-1].failure if run.attempts else None
    if last is not None:
        yield ": "
        yield _quoted(last.message, f"attempts.{len(run.attempts) - 1}.failure.message")
    yield "."


def _stopped(run: Run) -> Iterator[str | Taken]:
    """That it was stopped, and by what where it was not a person."""
    last = run.attempts[-1].failure if run.attempts else None
    if last is None or not last.message.startswith("it was stopped"):
        yield "it was stopped"
        return
    why = last.message.removeprefix("it ")
    yield from ("it ", _quoted(why, f"attempts.{len(run.attempts) - 1}.failure.message"), ",")


def _quoted(text: str, source: str) -> Taken:
    return Taken(text.rstrip("."), source, text)


def _metrics(run: Run) -> Iterator[Sentence]:
    names = [n for n in headlines(run.metrics) if direction(n) or len(run.metrics) < 4]
    for name in names[:METRICS]:
        yield _metric(name, run.metrics[name], f"metrics.{name}")


def _metric(name: str, metric: Metric, place: str) -> Sentence:
    def number(field: str) -> Taken:
        value = getattr(metric, field)
        return Taken(words.number(value), f"{place}.{field}", value)

    pieces: list[str | Taken] = [f"`{name}` "]
    if metric.last is None:
        pieces += ["never had a finite value"]
    elif metric.points == 1:
        pieces += ["was ", number("last"), " at step ", number("last_step")]
    else:
        pieces += ["went from ", number("first"), " to ", number("last")]
        # the last step may be that of a value that was not finite
        pieces += (
            [", its last finite value"] if metric.non_finite else [" at step ", number("last_step")]
        )
        best = {"down": "min", "up": "max"}.get(direction(name) or "")
        if best and getattr(metric, best) != metric.last:
            pieces += [", at best ", number(best)]
    if metric.non_finite:
        pieces += [
            "; ",
            number("non_finite"),
            " of its ",
            number("points"),
            " values were not finite",
        ]
    return _said(*pieces, ".")


def _off(run: Run) -> Iterator[Sentence]:
    explained = any(attempt.failure for attempt in run.attempts)
    grave = [
        f
        for f in words.ranked(run.findings)
        if f.severity != "note" and not (explained and f.rule == "crashed")
    ]
    for finding in grave[:FINDINGS]:
        yield _finding(finding, run.findings.index(finding))
    if len(grave) > FINDINGS:
        yield _said("more is off: see the findings.")
    if not grave and run.status in ("finished", "running"):
        yield _said("nothing was found to be off.")


def _finding(finding: Finding, index: int) -> Sentence:
    place = f"findings.{index}"
    pieces: list[str | Taken] = [_quoted(finding.message, f"{place}.message")]
    told = words.causes(finding)
    if told:
        pieces += ["; likely cause: ", _quoted(told[0], f"{place}.evidence.causes.0.cause")]
    if isinstance(finding.recovered_step, int):
        step = finding.recovered_step
        pieces += [
            "; recovered at step ",
            Taken(words.number(step), f"{place}.recovered_step", step),
        ]
    return _said(*pieces, ".")


def _sweep(found: Comparison) -> Iterator[Sentence]:
    names = _and([_name(run, place) for place, run in enumerate(found.runs)])
    yield _said("compared: ", *names, ".")
    swept = [s for s in settings_told(found) if len(s.values) == len(found.runs)][:METRICS]
    first_of_setups = {setup[0] for setup in setups_of(found)}
    for setting in swept:
        index = found.settings.index(setting)
        values: list[list[str | Taken]] = [
            [
                Taken(words.value_of(setting.values[run.id]), f"settings.{index}.values.{run.id}", setting.values[run.id]),
                " in ", *_name(run, place),
            ]
            for place, run in enumerate(found.runs)
            if run.id in first_of_setups
        ]  # fmt: skip
        yield _said(f"`{setting.key}` is ", *_and(values), ".")
    if not found.settings and not found.command and not any(c.diff for c in found.code):
        yield _said("command, settings and code are the same.")


def _name(run: RunShort, place: int) -> list[str | Taken]:
    return [Taken(run.name, f"runs.{place}.name", run.name)]


def _and(parts: list[list[str | Taken]]) -> list[str | Taken]:
    joined: list[str | Taken] = []
    for index, part in enumerate(parts):
        joined += [" and " if index == len(parts) - 1 else ", "] if index else []
        joined += part
    return joined


def _ends(found: Comparison) -> Iterator[Sentence]:
    if all(run.status == "finished" for run in found.runs):
        yield _said("all finished.")
        return
    for place, run in enumerate(found.runs):
        if run.status != "finished":
            yield _said("of these, ", *_name(run, place), f" {_ENDING[run.status]}.")


_ENDING = {
    "running": "still runs",
    "failed": "failed",
    "stopped": "was stopped",
    "lost": "was lost",
}


def _results(found: Comparison) -> Iterator[Sentence]:
    by_name = {metric.name: metric for metric in found.metrics}
    for name in [n for n in headlines(by_name) if direction(n)][:METRICS]:
        if sentence := _best(by_name[name], found):
            yield sentence
    for place, judgement in enumerate(found.judgements):
        yield _said(Taken(judgement.said, f"judgements.{place}.said", judgement.said), ".")
    if found.metrics:
        yield _said(Taken(found.caution.rstrip("."), "caution", found.caution), ".")


def _best(metric: MetricComparison, found: Comparison) -> Sentence | None:
    place = f"metrics.{found.metrics.index(metric)}"
    ends = [
        (r.last, i) for i, r in metric.values.items() if r.last is not None and not r.non_finite
    ]
    if len(ends) < 2:
        return None
    ends.sort(reverse=metric.direction == "up")
    runs = {run.id: (run, index) for index, run in enumerate(found.runs)}

    def told(end: tuple[float, str]) -> list[str | Taken]:
        run, index = runs[end[1]]
        source = f"{place}.values.{run.id}.last"
        return [*_name(run, index), " at ", Taken(words.number(end[0]), source, end[0])]

    if ends[0][0] == ends[-1][0]:
        return _said(
            f"`{metric.name}` ended the same in all that stayed finite, as in ", *told(ends[0]), "."
        )
    return _said(
        f"`{metric.name}` ended best in ", *told(ends[0]), " and worst in ", *told(ends[-1]), "."
    )


def _new_findings(found: Comparison) -> Iterator[Sentence]:
    runs = {run.id: (run, index) for index, run in enumerate(found.runs)}
    for place, finding in enumerate(found.findings[:FINDINGS]):
        who = _and([_name(*runs[run_id]) for run_id in finding.runs])
        yield _said(
            "only in ", *who, ": ", _quoted(finding.message, f"findings.{place}.message"), "."
        )
