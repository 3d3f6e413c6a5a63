"""Watches one attempt: feeds the signals to the detectors and keeps the incidents."""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from labhand.core.finding import SEVERITIES, Finding, Findings, Skipped
from labhand.core.registry import extensions, load_all
from labhand.watch.calibration import Calibration
from labhand.watch.incidents import Claim, Incidents
from labhand.watch.roles import Roles
from labhand.watch.rows import shown
from labhand.watch.signals import Ended, Points, Signal
from labhand.watch.view import Before, View

if TYPE_CHECKING:
    from labhand.watch.ahead import Ahead, Marks
    from labhand.watch.stretch import Stretch

DENSE, PATIENCE = 4, 2
"""Where one row in so many must be shown to somebody, rows are not passed over; nor in so many stretches
after one that turned out so."""
ASKED = 4
"""Rows of a stretch after each of which a detector is asked for the next that it must see, at least."""


class _Wanting(NamedTuple):
    """A detector and what it wants to see; `wants` is None where that is everything."""

    name: str
    detector: Any
    see: Callable[[Signal], Iterable[Claim]]
    wants: frozenset[Any] | None
    explained_by: tuple[str, ...]
    waits: bool
    skims: bool
    gates: bool

    def shown(self, view: View, names: Iterable[str]) -> bool:
        """Whether rows of these metrics are for it."""
        return self.wants is None or Points in self.wants or bool(self.concerns(view, names))

    def concerns(self, view: View, names: Iterable[str]) -> list[str]:
        """Those of the metrics for whose sake it is shown a row."""
        wants = self.wants
        if wants is None or Points in wants:
            return list(names)
        begins = tuple(want for want in wants if isinstance(want, str) and want.endswith("/"))
        return [n for n in names if view.roles.of(n) in wants or n.startswith(begins)]


class Watcher:
    """Watches one attempt of a run, or one log.

    Never raises because of a detector: one that raises is switched off and named in `skipped`.
    `home` is the labhand home whose own detectors take part; `roles` says what a metric is where its
    name does not; `select` and `ignore` are names of detectors; `detectors` are classes by name to
    take in place of all that are installed; `earlier` are earlier runs of the same
    command, the latest first.

    Raises:
        UsageError: a role that does not exist.
    """

    def __init__(
        self,
        run: str | None,
        attempt: int | None,
        *,
        home: Path | None = None,
        roles: Mapping[str, str] | None = None,
        select: Collection[str] | None = None,
        ignore: Collection[str] = (),
        detectors: Mapping[str, Any] | None = None,
        calibration: Calibration | None = None,
        earlier: Sequence[Before] = (),
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self.roles = Roles(roles)
        self.view = View(self.roles, calibration, earlier, config)
        self._incidents = Incidents(run, attempt)
        self._skipped: dict[str, str] = {}
        self._detectors: dict[str, _Wanting] = {}
        self._plans: dict[object, list[_Wanting]] = {}
        self._settled = self._slow = 0
        loaded, broken = load_all("detector", home) if detectors is None else (detectors, [])
        self._skipped |= {b.extension.name: f"it cannot be loaded: {b.why}" for b in broken}
        self._peaks: dict[str, float] = {}
        self._classes = {
            name: detector
            for name, detector in loaded.items()
            if not (select and name not in select) and name not in ignore
        }
        self._make_detectors()

    def _make_detectors(self) -> None:
        for name, detector in self._classes.items():
            try:
                self._detectors[name] = _wanting(name, detector(self.view))
            except Exception as error:
                self._switch_off(name, error)

    def begin_again(self, time: float, config: Mapping[str, Any] | None = None) -> list[Finding]:
        """The findings that the end of a training changed, after which the attempt goes on with another.

        What was seen of it is forgotten, all but its incidents; `config` are the settings that still hold.
        """
        changed = self.feed(Ended(time, 0, None, False, ""))
        self._incidents.close()
        self._peaks = self.peaks()
        self.view = View(self.roles, self.view.calibration, self.view.earlier, config)
        self._plans.clear()
        self._settled = self._slow = 0
        self._classes = {name: self._classes[name] for name in self._detectors}
        self._make_detectors()
        return changed

    def feed(self, signal: Signal) -> list[Finding]:
        """The findings that this signal opened or changed, as they now stand."""
        changed: list[Finding] = []
        self.view.take(signal)
        if self.view.settled != self._settled:
            self._settled = self.view.settled
            self._plans.clear()
        shape = tuple(signal.values) if isinstance(signal, Points) else type(signal)
        plan = self._plans.get(shape)
        if plan is None:
            plan = self._plan(shape, signal)
        calm = not self.view.course.stirred and isinstance(signal, Points)
        for wanting in plan:
            if calm and wanting.waits:
                continue
            try:  # as `_see`, without the cost of a call in every row
                claims = wanting.see(signal)
                if claims:
                    changed += self._take(wanting, claims)
            except Exception as error:
                self._switch_off(wanting.name, error)
        return changed

    def _see(self, wanting: _Wanting, signal: Signal) -> list[Finding]:
        """Shows a signal to one detector."""
        try:
            claims = wanting.see(signal)
            return self._take(wanting, claims) if claims else []
        except Exception as error:  # somebody's detector must not stop anybody's training
            self._switch_off(wanting.name, error)
            return []

    def pass_over(self, stretch: "Stretch") -> Iterator[tuple[int, Finding]]:
        """The findings that the rows of a calm stretch opened or changed, with the row of each.

        They are those that feeding it row by row would have brought: each detector tells the first row
        that it must be shown, and only that one is.
        """
        if self.view.knows(stretch):
            yield from self._known(stretch)
            return
        first = self.view.unsettled(stretch)
        for place, row in enumerate(stretch.part(0, first)):
            yield from ((place, found) for found in self.feed(shown(row, stretch.source)))
        if first < len(stretch):
            rest = self.pass_over(stretch.part(first, len(stretch)))
            yield from ((first + place, found) for place, found in rest)

    def _known(self, stretch: "Stretch") -> Iterator[tuple[int, Finding]]:
        """The findings of a calm stretch whose metrics are all known."""
        plan = self._plan_of(stretch)
        self._slow -= self._slow > 0
        sparse = not self._slow and self.view.course.can_pass(stretch)
        if not sparse or self._is_dense(plan, stretch):
            yield from self._walk(plan, stretch)
            return
        number = 0
        for place, found in self._pass_over(plan, stretch):
            number += 1
            yield from ((place, finding) for finding in found)
        if DENSE * number > len(stretch):
            self._slow = PATIENCE

    def _walk(self, plan: list[_Wanting], stretch: "Stretch") -> Iterator[tuple[int, Finding]]:
        """The findings of rows that the view is shown one by one, and each detector from where it must be.

        One that must see many of them is shown all that follow: to be asked anew each time costs more.
        """
        view, source, length = self.view, stretch.source, len(stretch)
        rows = self._rows_of(plan, stretch)
        wanted = {w.name: self._next(w, stretch, 0, rows) for w in plan if not w.waits}
        asked, most = dict.fromkeys(wanted, 0), max(ASKED, length // DENSE)
        coming, waiting = min(wanted.values(), default=length), [w for w in plan if w.waits]
        for place, row in enumerate(stretch):
            signal = shown(row, source)
            view.take(signal)
            stirred = view.course.stirred
            if place < coming:
                for wanting in waiting if stirred else ():
                    if wanting.name in self._detectors:
                        yield from ((place, found) for found in self._see(wanting, signal))
                continue
            for wanting in plan:
                name = wanting.name
                if not (stirred if wanting.waits else wanted[name] == place):
                    continue
                if name in self._detectors:
                    yield from ((place, found) for found in self._see(wanting, signal))
                if not wanting.waits:
                    asked[name] += wanting.skims
                    often = asked[name] > most
                    wanted[name] = (
                        place + 1 if often else self._next(wanting, stretch, place + 1, rows)
                    )
            coming = min(wanted.values(), default=length)

    def _next(
        self, wanting: _Wanting, stretch: "Stretch", start: int, rows: Mapping[str, Iterator[int]]
    ) -> int:
        """The first row from `start` on that a detector must be shown; without a skim the next of its `rows`."""
        if wanting.skims:
            return self._skim(wanting, stretch, start)
        return (
            next(rows[wanting.name], len(stretch))
            if wanting.name in self._detectors
            else len(stretch)
        )

    def _pass_over(
        self, plan: list[_Wanting], stretch: "Stretch"
    ) -> Iterator[tuple[int, list[Finding]]]:
        """Each row that must be shown to somebody, with what that changed."""
        from labhand.watch.ahead import Stirring

        view, done, length = self.view, 0, len(stretch)
        waiting = [w for w in plan if w.waits]
        rows = self._rows_of(plan, stretch)
        wanted = {w.name: self._next(w, stretch, 0, rows) for w in plan if not w.waits}
        stirring = Stirring(view.course, stretch, lambda ahead: self._concerned(waiting, ahead))
        stirs = stirring.next(0, told=False)
        while (place := min(stirs, *wanted.values(), length)) < length:
            view.pass_over(stretch, done, place)
            done, signal = place + 1, shown(stretch.row(place), stretch.source)
            view.take(signal)
            found: list[Finding] = []
            for wanting in plan:
                name = wanting.name
                if name not in self._detectors:
                    wanted.pop(name, None)
                elif view.course.stirred if wanting.waits else wanted[name] == place:
                    found += self._see(wanting, signal)
                    if not wanting.waits:
                        wanted[name] = self._next(wanting, stretch, done, rows)
            yield place, found
            stirs = stirring.next(done, told=bool(found))
        view.pass_over(stretch, done, length)

    def _concerned(self, waiting: list[_Wanting], coming: "Ahead") -> "Marks":
        """The coming levels of the loss that must be shown to any of those that wait for them."""
        marks = coming.none()
        for wanting in waiting:
            if wanting.name in self._detectors:
                try:
                    marks |= wanting.detector.concern(coming) if wanting.gates else coming.every()
                except Exception as error:
                    self._switch_off(wanting.name, error)
        return marks

    def _rows_of(self, plan: list[_Wanting], stretch: "Stretch") -> dict[str, Iterator[int]]:
        """The rows that hold what a detector without a skim wants."""
        view, names = self.view, stretch.columns
        plain = [w for w in plan if not (w.skims or w.waits)]
        return {w.name: iter(stretch.holding(w.concerns(view, names))) for w in plain}

    def _plan_of(self, stretch: "Stretch") -> list[_Wanting]:
        """The detectors that want to see rows with any of its metrics."""
        shape = tuple(stretch.columns)
        plan = self._plans.get(("", *shape))
        if plan is None:
            plan = [w for w in self._detectors.values() if w.shown(self.view, shape)]
            self._plans["", *shape] = plan
        return plan

    def _is_dense(self, plan: Iterable[_Wanting], stretch: "Stretch") -> bool:
        """Whether so many rows must be shown to somebody that passing over the others gains nothing."""
        concern = {
            name
            for w in plan
            if not w.skims and not w.waits
            for name in w.concerns(self.view, stretch.columns)
        }
        concern |= self.view.course.held.keys() | self.view.course.rewards.keys()
        return any(DENSE * len(stretch.column(name).rows) > len(stretch) for name in concern)

    def _skim(self, wanting: _Wanting, stretch: "Stretch", start: int) -> int:
        """The first row from `start` on that a detector must be shown."""
        if wanting.name not in self._detectors:
            return len(stretch)
        if wanting.skims:
            try:
                return max(start, int(wanting.detector.skim(stretch, start)))
            except Exception as error:
                self._switch_off(wanting.name, error)
                return len(stretch)
        return stretch.first(wanting.concerns(self.view, stretch.columns), start)

    def findings(self) -> Findings:
        """Every incident as it stands, what ran, and what could not and why."""
        found = self._incidents.all()
        skipped = dict(self._skipped)
        for name, wanting in self._detectors.items():
            blind = getattr(wanting.detector, "blind", None)
            if blind is not None and (why := blind()):
                skipped[name] = why
        return Findings(
            findings=found,
            ran=[name for name in self._detectors if name not in skipped],
            skipped=[Skipped(name, why) for name, why in sorted(skipped.items())],
            summary={
                "incidents": len(found),
                "alarms": sum(finding.alarm is True for finding in found),
                "roles": self.roles.found(),
                "assumptions": self.roles.assumptions(),
            },
        )

    def withdrawn(self) -> Sequence[str]:
        """The ids of findings that turned out to be part of another incident, since it was last asked."""
        incidents = self._incidents
        told, incidents.withdrawn = incidents.withdrawn, []
        return told

    def peaks(self) -> dict[str, float]:
        """The largest score so far of each detector that judges by degree: what calibration is fed."""
        found = {n: getattr(w.detector, "peak", math.nan) for n, w in self._detectors.items()}
        now = {name: float(peak) for name, peak in found.items() if peak == peak}
        return now | {n: max(peak, now.get(n, peak)) for n, peak in self._peaks.items()}

    def close(self) -> None:
        """The attempt is over: incidents that lasted to the end are closed."""
        self._incidents.close()

    def _plan(self, shape: object, signal: Signal) -> list[_Wanting]:
        """The detectors that want to see such a signal."""
        if isinstance(signal, Points):
            plan = [w for w in self._detectors.values() if w.shown(self.view, signal.values)]
        else:
            kind = type(signal)
            plan = [w for w in self._detectors.values() if w.wants is None or kind in w.wants]
        self._plans[shape] = plan
        return plan

    def _take(self, wanting: _Wanting, claims: Iterable[Claim]) -> list[Finding]:
        told = [self._levelled(wanting.name, claim) for claim in claims]
        kept = [claim for claim in told if claim is not None]
        return self._incidents.take(wanting.name, kept, wanting.explained_by)

    def _levelled(self, rule: str, claim: Claim) -> Claim | None:
        """The claim as loud as its score is rare; None for one that nobody should be bothered with."""
        if claim.score is None:
            return claim
        calibration = self.view.calibration
        level = calibration.level(rule, claim.score)
        if level is None:
            if not self._incidents.is_open(rule, claim.key):
                return None
            level = "note"
        chance = round(calibration.chance(rule, claim.score), 2)
        evidence = claim.evidence | {"healthy_runs_per_1000": chance}
        if calibration.is_like_fine(rule, claim.score):
            evidence["called_fine_up_to"] = calibration.fine[rule]
        severity = claim.severity
        if level != "alarm":
            severity = min(severity, level, key=SEVERITIES.index)
        alarm = claim.alarm and level == "alarm"
        return msgspec.structs.replace(claim, evidence=evidence, severity=severity, alarm=alarm)

    def _switch_off(self, name: str, error: Exception) -> None:
        self._detectors.pop(name, None)
        self._plans.clear()
        self._skipped[name] = f"it failed and was switched off: {type(error).__name__}: {error}"


def _wanting(name: str, detector: Any) -> _Wanting:
    wants = getattr(detector, "wants", None)
    return _Wanting(
        name,
        detector,
        detector.see,
        None if wants is None else frozenset(wants),
        tuple(getattr(detector, "explained_by", ())),
        bool(getattr(detector, "waits", False)),
        hasattr(detector, "skim"),
        hasattr(detector, "concern"),
    )


def detectors(home: Path | None = None) -> list[str]:
    """The names of all detectors."""
    return [extension.name for extension in extensions("detector", home)]
