"""Runs that an instruction refers to: `same as bold-heron but …`, `the best one of last week`, `like last`."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from labhand.core.errors import LabhandError, NotFoundError, UsageError
from labhand.core.run import Run
from labhand.interpret.situation import Situation
from labhand.interpret.text import Text
from labhand.kit.catalog import RunRow
from labhand.kit.metric_names import best, direction, headlines

_LEAD = re.compile(
    r"(?:(?:(?:same|exactly|identical|just|settings?|config(?:uration)?|everything|all|setup|hyperparameters|hparams|params) )*"
    r"(?:as in|as with|as|like|from|to|of|with|use|using|on|based on|on top of|starting from|start from|start with|take|copy|repeat|rerun|redo|re - run|"
    r"reproduce|replicate|clone|restore|go back to|going back to|back to|revert to|return to|wie|zurück zu|nochmal|"
    r"continue|go with|again|in)|(?:rerun|repeat|redo|same|run|base(?:line)?|wie|nochmal))"
    r"(?: (?:as|the|run|runs|named|called|config|configuration|settings|setup|of|from|in|that|my|our|a|it|what|was|used|did|we|had|to|for|in|hyperparameters|:|same|den|der|die|lauf))*$"
)
_LATEST = re.compile(
    r"^(?:the |my |our )?(?:last|previous|latest|most recent|prior|recent|letzte|letzten)(?: (?:run|1|experiment|time|job|attempt|config|setup|lauf|mal))?(?:'s)?(?: (?:config|settings|setup))?\b(?! (?:week|month|night|day|year|few|\d|layer|checkpoint|epoch|step|block|batch|token|hidden|two|woche))"
)
_BEFORE = re.compile(r"^(?:as |like )?(?:before|wie vorher)\b")
_BEST = re.compile(
    r"^(?:the |my |our )?(?:best|top(?= (?:run|1|config|configuration|settings?|setup|experiment|model|performing|result)\b)|beste|besten|winning|winner)(?! (?!1 |1$)[\d.]+%?)(?: (?:run|1|config|configuration|settings|setup|experiment|model|lauf|performing(?: run)?|result|setting|hyperparameters|so far))*"
    r"(?P<when>(?: (?:of|from|in|so far|since|this|yet|to date|ever|over|among|yesterday|today|the|last|past|previous|week|weeks|month|days|runs|\d+|letzter|letzten|woche|von))*)"
)
_WHEN = re.compile(
    r"^(?:the )?(?:run|1|experiment|job)s? (?:from|of|on) (?P<when>yesterday|today|monday|tuesday|wednesday|thursday|friday|saturday|sunday|this morning|last night|last week)"
)
_POSSESSIVE = re.compile(
    r"^(?P<when>yesterday|today|monday|tuesday|wednesday|thursday|friday|saturday|sunday|last night|last week) ?'s? ?(?:best )?(?:run|1|experiment|config)"
)
_CHOOSES = re.compile(
    r"\bwhich (?:1 |of them )?(?:has|gets|gives|reaches|is)(?: us)?(?: the)? \| |\b(?:take|keep|pick|choose|select|report|use)(?: the| whichever is)? \| (?:the )?best(?: (?:1|run|config|model|setting))* (?:by|on|in terms of|according to|per|w\.?r\.?t\.?)\b"
)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NAME = re.compile(r"[a-z]+-[a-z]+")


class Reference(NamedTuple):
    """A run that was meant, the tokens that said so and how sure that is."""

    run: Run
    start: int
    end: int
    words: str
    how: str


class References:
    """Finds the runs that a text refers to."""

    def __init__(self, text: Text, situation: Situation) -> None:
        self.text, self.situation = text, situation
        self.assumptions: list[str] = []
        self._names = {row.name.lower(): row for row in reversed(situation.runs)}

    def find(self) -> list[Reference]:
        """The runs that are referred to, in the order of the text; takes nothing.

        Raises:
            NotFoundError: it names a run that is not there.
            UsageError: it wants the best of runs, and there is none.
        """
        found: list[Reference] = []
        at = 0
        while at < len(self.text):
            reference = self._at(at) if self.text.low(at) else None
            if reference is not None:
                found.append(reference)
                at = reference.end
            else:
                at += 1
        return found

    def _at(self, at: int) -> Reference | None:
        named = self._named(at)
        if named is not None or self.text.tokens[at].kind == "quoted":
            return named
        after, before = self.text.after(at, 14), self.text.before(at)
        lead = _LEAD.search(before)
        further = self.text.tokens[at + 1] if at + 1 < len(self.text) else None
        if (further is not None and further.glued and further.low in "_-./") or _CHOOSES.search(
            f"{before} | {after}"
        ):
            return None  # a part of a name, or which of the runs to come shall be kept
        for pattern, choose in self._forms():
            match = pattern.match(after)
            if match is None:
                continue
            if not lead and not (
                pattern is _BEST and re.match(r"^(the )?best (run|1|config|settings)", after)
            ):
                continue
            if pattern is _LATEST and not match.group().split()[-1].startswith(
                ("run", "1", "exp", "config", "sett", "setup", "job", "time", "lauf")
            ):
                following = after[match.end() :].split()
                if following and following[0] not in (
                    "but",
                    "with",
                    ",",
                    "and",
                    "aber",
                    "except",
                    "only",
                    ":",
                    "mit",
                    "(",
                    "-",
                ):
                    continue
            start = at - (len(lead.group().split()) if lead else 0)
            end = at + len(match.group().split())
            run, how = choose(match)
            return Reference(run, start, end, self.text.said(start, end), how)
        return None

    def _forms(self) -> list[tuple[re.Pattern[str], Callable[[re.Match[str]], tuple[Run, str]]]]:
        return [
            (_BEST, self._best), (_WHEN, self._of_time), (_POSSESSIVE, self._of_time),
            (_LATEST, self._latest), (_BEFORE, self._latest),
        ]  # fmt: skip

    def _named(self, at: int) -> Reference | None:
        text = self.text
        end = at + 1
        while (
            end < len(text)
            and text.tokens[end].glued
            and (text.tokens[end].kind in ("word", "number") or text.low(end) in "-_.")
        ):
            if text.low(end) == "." and not (end + 1 < len(text) and text.tokens[end + 1].glued):
                break
            end += 1
        if text.tokens[at].kind == "mark" or (text.tokens[at].glued and at):
            return None
        said = text.tokens[at].low if end == at + 1 else text.said(at, end).lower()
        lead = _LEAD.search(text.before(at))
        start = at - (len(lead.group().split()) if lead else 0)
        row = self._names.get(said) or next((r for r in self.situation.runs if r.id == said), None)
        if row is None and end == at + 1 and end < len(text):
            spaced = f"{said}-{text.low(end)}"
            row = self._names.get(spaced)
            end += row is not None
        if row is not None and (
            lead or "-" in row.name or "_" in row.name or any(c.isdigit() for c in said)
        ):
            return Reference(
                self._read(row), start, end, text.said(start, end), f"`{row.name}` is named"
            )
        is_name = (
            _NAME.fullmatch(said)
            and lead
            and re.search(
                r"\b(run|as|like|back to|rerun|repeat|named|redo|reproduce)\b", lead.group()
            )
        )
        if is_name and self._is_drawn(said):
            raise NotFoundError.named("run", said, self._names, "labhand runs")
        return None

    def _is_drawn(self, said: str) -> bool:
        """Whether a word is made as labhand makes names of runs, or near one that is there."""
        import difflib

        from labhand.core import home

        first, _, last = said.partition("-")
        drawn = first in home._ADJECTIVES or last in home._NOUNS
        return drawn or bool(difflib.get_close_matches(said, list(self._names), n=1, cutoff=0.8))

    def _read(self, row: RunRow) -> Run:
        return self.situation.store.read(row.id)

    def _rows(self) -> list[RunRow]:
        rows = self.situation.runs
        if not rows:
            raise UsageError(
                f"the instruction refers to an earlier run, and there is none in {self.situation.store.home}; "
                "say the settings instead"
            )
        return rows

    def _latest(self, match: re.Match[str]) -> tuple[Run, str]:
        row = self._rows()[0]
        return self._read(row), f"`{row.name}` is the last run"

    def _of_time(self, match: re.Match[str]) -> tuple[Run, str]:
        rows = _within(self._rows(), match["when"])
        if not rows:
            raise NotFoundError(f"no run is from {match['when']}; `labhand runs` lists them all")
        if "best" in match.group():
            return self._best_of(rows, match["when"])
        return self._read(rows[0]), f"`{rows[0].name}` is the last run of {match['when']}"

    def _best(self, match: re.Match[str]) -> tuple[Run, str]:
        when = " ".join(match["when"].split())
        when = re.sub(r"^(of|from|in|over|among|since|von)\b ?", "", when).strip()
        rows = self._rows()
        counted = re.search(r"(?:last|past|previous|letzten) (\d+)(?: runs)?$", when)
        if counted and "day" not in when:
            rows = rows[: int(counted[1])]
        elif when and when not in ("so far", "ever", "yet", "to date", "the", "all"):
            rows = _within(rows, when)
            if not rows:
                raise NotFoundError(f"no run is from {when}; `labhand runs` lists them all")
        return self._best_of(rows, when)

    def _best_of(self, rows: list[RunRow], when: str) -> tuple[Run, str]:
        runs = []
        for row in rows:
            try:
                runs.append(self._read(row))
            except LabhandError:
                continue
        ended = [r for r in runs if r.status == "finished"] or runs
        name = self._deciding(ended)
        scored = [(best(name, r.metrics[name]), r) for r in ended if name and name in r.metrics]
        values = [(v, r) for v, r in scored if v is not None]
        if not name or not values:
            raise UsageError(
                "no metric of the runs tells which is the best; name the run: `labhand runs` lists them"
            )
        pick = min if direction(name) == "down" else max
        value, run = pick(values, key=lambda pair: pair[0])
        of = f" of {when}" if when and when != "so far" else ""
        return run, f"`{run.name}` has the best `{name}`{of}: {value:.4g}, among {len(values)} runs"

    def _deciding(self, runs: list[Run]) -> str | None:
        wanted = self.situation.metric
        if wanted and any(wanted in run.metrics for run in runs) and direction(wanted):
            return wanted
        names = [n for run in runs for n in run.metrics]
        known = [n for n in headlines(dict.fromkeys(names)) if direction(n)]
        return max(known, key=lambda n: (names.count(n), -known.index(n)), default=None)


def _within(rows: list[RunRow], when: str) -> list[RunRow]:
    """The runs that began in a stretch of time, newest first."""
    now = datetime.now().astimezone()
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    monday = day - timedelta(days=day.weekday())
    spans: list[tuple[datetime, datetime]] = []
    if "week" in when or "woche" in when:
        this = "this" in when
        spans = (
            [(monday, now)]
            if this
            else [(monday - timedelta(days=7), monday), (now - timedelta(days=7), now)]
        )
    elif "month" in when:
        first = day.replace(day=1)
        before = (first - timedelta(days=1)).replace(day=1)
        spans = (
            [(first, now)] if "this" in when else [(before, first), (now - timedelta(days=31), now)]
        )
    elif "today" in when or "morning" in when:
        spans = [(day, now)]
    elif "yesterday" in when or "night" in when:
        spans = [(day - timedelta(days=1), day + timedelta(hours=8 if "night" in when else 0))]
    elif found := re.search(r"(\d+) days?", when):
        spans = [(now - timedelta(days=int(found[1])), now)]
    elif name := next((d for d in _DAYS if d in when), ""):
        back = (day.weekday() - _DAYS.index(name)) % 7 or 7
        spans = [(day - timedelta(days=back), day - timedelta(days=back - 1))]
    for begin, end in spans:
        found_rows = [r for r in rows if (t := _time(r)) is not None and begin <= t < end]
        if found_rows:
            return found_rows
    return [] if spans else rows


def _time(row: RunRow) -> datetime | None:
    try:
        return datetime.fromisoformat(row.started).astimezone()
    except ValueError:
        return None
