"""What changed against another run, as the page shows it."""

from collections.abc import Iterable

from labhand.core.run import Run
from labhand.cycle.compare import Comparison, Difference, MetricComparison
from labhand.kit.metric_names import is_ours
from labhand.web import words
from labhand.web.page import Against, Change, Outcome
from labhand.web.patches import patches

OUTCOMES = 16
"""At most so many metrics stand in the table of results."""


def against(comparison: Comparison, before: Run) -> Against:
    """A comparison of two runs, the first of them `before`, in the words of the page."""
    old, new = comparison.runs[0], comparison.runs[-1]
    code = comparison.code[-1]
    note = ""
    if code.diff is None:
        note = "The code of one of the two runs is not there, so it cannot be compared."
    elif not code.diff:
        note = "The code is the same."
    elif code.cut:
        note = f"The diff is longer than shown; `labhand compare {old.name} {new.name}` has it."
    outcomes = [_outcome(m, old.id, new.id) for m in _told(comparison.metrics)]
    took = Outcome(
        name="wall time",
        before=words.duration(old.wall_s),
        after=words.duration(new.wall_s),
        difference="",
        change=None,
    )
    return Against(
        name=old.name,
        when=words.moment(before.started),
        settings=_changes(comparison.settings, old.id, new.id),
        surroundings=[
            *_command(comparison),
            *_changes(comparison.environment, old.id, new.id),
        ],
        packages=_changes(comparison.packages, old.id, new.id),
        patches=patches(code.diff or ""),
        code_note=note,
        outcomes=[*outcomes, took],
        caution=" ".join([*(f"{j.said}." for j in comparison.judgements), comparison.caution]),
        new_findings=[_said(f.rule, f.message) for f in comparison.findings if f.runs == [new.id]],
        gone_findings=[_said(f.rule, f.message) for f in comparison.findings if f.runs == [old.id]],
    )


def _said(rule: str, message: str) -> str:
    return f"{rule}: {message}"


def _told(metrics: list[MetricComparison]) -> list[MetricComparison]:
    own = [m for m in metrics if not is_ours(m.name)]
    own = own or [m for m in metrics if m.name == "probe/loss"]
    return sorted(own, key=lambda m: m.direction is None)[:OUTCOMES]


def _outcome(metric: MetricComparison, old: str, new: str) -> Outcome:
    before, after = metric.values.get(old), metric.values.get(new)
    return Outcome(
        name=metric.name,
        before=words.result(before),
        after=words.result(after),
        difference=words.signed(after.difference) if after and before else "",
        change=after.change if after else None,
    )


def _command(comparison: Comparison) -> list[Change]:
    if comparison.settings:
        return []  # they say it better
    before, after = (words.command_line(run.command) for run in comparison.runs)
    return [] if before == after else [Change(key="command", before=before, after=after)]


def _changes(differences: Iterable[Difference], old: str, new: str) -> list[Change]:
    return [
        Change(
            key=d.key,
            before=words.fact(d.key, d.values[old]) if old in d.values else None,
            after=words.fact(d.key, d.values[new]) if new in d.values else None,
        )
        for d in differences
    ]
