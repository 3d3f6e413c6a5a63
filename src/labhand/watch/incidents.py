"""Incidents: what is off, with a life. One incident is one message, then brought up to date."""

import math
import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from labhand.core.finding import Finding, Related, Severity, State, in_run, stable_id

_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?")


class Cause(msgspec.Struct):
    """A candidate for why: a phrase, how likely it is (from 0 to 1), and the evidence, a sentence."""

    cause: str
    confidence: float
    evidence: str


class Claim(msgspec.Struct, kw_only=True):
    """What a detector says of an incident, whole: a later claim of the same key replaces it.

    The incident of a key is over once it is claimed `recovered` or `closed`; a claim of the same key
    after that opens a new one, unless `again` is False: then it still updates the old one. `step` is
    the step now, `opened` the step at which it began, where that is an earlier one. `joined` are keys
    of open incidents that turn out to be this one: the oldest lives on as it, the others are withdrawn.

    A detector that judges by degree gives its `score`, larger is worse: the calibration then has the
    last word on `alarm` and `severity`, and drops what is common among healthy runs. `causes` are the
    candidates, the likeliest first; `unchecked` says in sentences what could not be looked at.
    """

    key: str
    state: State
    severity: Severity
    confidence: float
    message: str
    advice: str
    step: int | None = None
    opened: int | None = None
    time: float = math.nan
    alarm: bool = False
    metric: str | None = None
    layer: str | None = None
    batch_rows: list[int] | None = None
    rank: int | None = None
    evidence: dict[str, Any] = {}
    related: list[Related] = []
    again: bool = True
    joined: tuple[str, ...] = ()
    score: float | None = None
    causes: list[Cause] = []
    unchecked: list[str] = []


class Incidents:
    """The incidents of one attempt, in the order in which they opened.

    `withdrawn` are the ids of those that turned out to be part of another, until somebody takes them.
    """

    def __init__(self, run: str | None, attempt: int | None) -> None:
        self._run = run
        self._attempt = attempt
        self._open: dict[tuple[str, str], int] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._all: list[Finding | None] = []
        self._explained_by: dict[str, Collection[str]] = {}
        self.withdrawn: list[str] = []

    def take(
        self, rule: str, claims: Iterable[Claim], explained_by: Collection[str] = ()
    ) -> list[Finding]:
        """The findings that the claims opened or changed.

        What would open while an incident of a rule in `explained_by` is open is no second incident:
        it is told as evidence of that one. So is, once that is an alarm, what opened before and was none.
        """
        self._explained_by[rule] = explained_by
        changed = [self._take(rule, claim, explained_by) for claim in claims]
        return [finding for finding in changed if finding is not None]

    def is_open(self, rule: str, key: str) -> bool:
        """Whether an incident of that key is open."""
        return (rule, key) in self._open

    def all(self) -> list[Finding]:
        """Every incident as it stands."""
        return [finding for finding in self._all if finding is not None]

    def close(self) -> None:
        """The run is over: what was confirmed and went on to the end is closed."""
        for place in self._open.values():
            finding = self._all[place]
            if finding is not None and finding.state == "confirmed":
                self._all[place] = msgspec.structs.replace(finding, state="closed")
        self._open.clear()

    def _take(self, rule: str, claim: Claim, explained_by: Collection[str]) -> Finding | None:
        key = (rule, claim.key)
        self._join(rule, claim)
        place = self._open.get(key)
        if place is None and claim.state in ("recovered", "closed"):
            return None
        if place is None and explained_by:
            lead = self._lead(explained_by)
            if lead is not None:
                return self._explain(lead, rule, claim)
        before = None if place is None else self._all[place]
        if before is None:
            self._counts[key] = self._counts.get(key, 0) + 1
        after = self._finding(rule, claim, before)
        if place is None:
            place = self._open[key] = len(self._all)
            self._all.append(after)
        self._all[place] = after
        if after.alarm and (before is None or not before.alarm):
            after = self._all[place] = self._gathered(after)
        if claim.again and claim.state in ("recovered", "closed"):
            del self._open[key]
        return after if before is None or _news(before, after) else None

    def _lead(self, rules: Collection[str]) -> int | None:
        """The oldest open incident of these rules that is sure."""
        places = [place for (rule, _), place in self._open.items() if rule in rules]
        sure = [p for p in places if (f := self._all[p]) is not None and f.state == "confirmed"]
        return min(sure, default=None)

    def _explain(self, lead: int, rule: str, claim: Claim) -> Finding | None:
        finding = self._all[lead]
        assert finding is not None
        if any(link.message.startswith(f"{rule}: ") for link in finding.related):
            return None
        at = in_run(self._run, self._attempt, step=claim.step, metric=claim.metric)
        links = [*finding.related, Related(f"{rule}: {claim.message}", at)]
        self._all[lead] = finding = msgspec.structs.replace(finding, related=links)
        return finding

    def _gathered(self, lead: Finding) -> Finding:
        """The incident, with those as its evidence that opened before it and are its consequences."""
        for place, other in enumerate(self._all):
            if other is None or other.alarm or other.state not in ("confirmed", "closed"):
                continue
            later = (other.opened_step or 0) >= (lead.opened_step or 0)
            if later and lead.rule in self._explained_by.get(other.rule, ()):
                link = Related(f"{other.rule}: {other.message}", other.where)
                lead = msgspec.structs.replace(lead, related=[*lead.related, link])
                self._withdraw(place)
                self._open = {key: at for key, at in self._open.items() if at != place}
        return lead

    def _join(self, rule: str, claim: Claim) -> None:
        keys = [(rule, key) for key in (claim.key, *claim.joined) if (rule, key) in self._open]
        if not claim.joined or not keys:
            return
        oldest, *others = sorted(self._open.pop(key) for key in keys)
        self._open[rule, claim.key] = oldest
        for place in others:
            self._withdraw(place)

    def _withdraw(self, place: int) -> None:
        finding, self._all[place] = self._all[place], None
        if finding is not None:
            self.withdrawn.append(finding.id)

    def _finding(self, rule: str, claim: Claim, before: Finding | None) -> Finding:
        began = claim.step if claim.opened is None else claim.opened
        opened = began if before is None else before.opened_step
        confirmed = None if before is None else before.confirmed_step
        if claim.state == "confirmed" and confirmed is None:
            confirmed = claim.step
        recovered = claim.step if claim.state == "recovered" else None
        at = in_run(
            self._run,
            self._attempt,
            step=opened if isinstance(opened, int) else None,
            time=_iso(claim.time) if before is None else before.where.time,  # type: ignore[arg-type]
            metric=claim.metric,
            layer=claim.layer,
            batch_rows=claim.batch_rows,
            rank=claim.rank,
        )
        number = self._counts.get((rule, claim.key), 0)
        explained = [] if before is None else [r for r in before.related if r not in claim.related]
        made = stable_id("watch", self._run, self._attempt, rule, claim.key, number)
        return Finding(
            id=made if before is None else before.id,
            job="watch",
            rule=rule,
            severity=claim.severity,
            confidence=round(claim.confidence, 3),
            message=claim.message,
            where=at,
            evidence=_evidence(claim),
            related=[*claim.related, *explained],
            advice=claim.advice,
            state=claim.state,
            opened_step=opened,
            confirmed_step=confirmed,
            recovered_step=recovered,
            # a person who was told stays told, even where it passes by later
            alarm=claim.alarm or (before is not None and before.alarm is True),
        )


def _news(before: Finding, after: Finding) -> bool:
    """Whether anything changed but numbers, which grow with every row: those are kept, and no news."""
    same = msgspec.structs.replace(
        after, evidence=before.evidence, message=before.message, confidence=before.confidence
    )
    return same != before or _NUMBER.sub("", after.message) != _NUMBER.sub("", before.message)


def _evidence(claim: Claim) -> dict[str, Any]:
    whole = dict(claim.evidence)
    if claim.score is not None:
        whole["score"] = round(claim.score, 4)
    if claim.causes:
        whole["causes"] = [msgspec.to_builtins(cause) for cause in claim.causes]
    if claim.unchecked:
        whole["unchecked"] = claim.unchecked
    return whole


def _iso(time: float) -> str | None:
    """Unix seconds as ISO 8601; None for what is no time of a clock, such as a relative one."""
    if not 1e8 < time < 1e11:
        return None
    return datetime.fromtimestamp(time, UTC).astimezone().isoformat(timespec="milliseconds")
