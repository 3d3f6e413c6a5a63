"""Agents that go round in circles, or get nothing but errors from their tools."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import CannotLook, Data, Part
from labhand.scan.detectors._cells import share, shown
from labhand.scan.transcripts import Step, Transcript, transcripts

AGAIN = 3
"""Times in a row that a call, or a round of up to four calls, is made with the same result."""
TRIVIAL = 6
"""The same where the result says next to nothing, as `ok` after a key was pressed."""
WAITING = 12
"""The same for a call that waits for something."""
STREAK = 4
"""Errors in a row that are told; of time-outs and refused calls three are enough."""
MOSTLY = 0.6
"""The share of errors from which on a transcript of eight calls or more is told."""
ROUND = 4
_WAITS = re.compile(r"\b(sleep|wait|poll|tail|status|watch|ps|squeue|nvidia-smi|kubectl|health|ping)\b", re.I)  # fmt: skip
_TESTS = re.compile(r"\b(pytest|unittest|tox|nox|npm (?:run )?test|yarn test|go test|cargo test|make (?:test|check)|jest|ctest|mvn|gradle)\b")  # fmt: skip
_TIME_OUT = re.compile(
    r"timed?[ _-]?out|time limit (?:was )?exceeded|deadline exceeded|TimeoutError", re.I
)
_REFUSED = re.compile(
    r"(?:unknown|invalid|no such|unrecognized|unsupported) (?:tool|function|command|action|argument|parameter)"
    r"|(?:tool|function) .{0,40}(?:not found|does not exist|is not available)|validation error|missing required"
    r"|invalid (?:arguments|json|input|format)|rate limit|too many requests|connection (?:refused|reset|error)"
    r"|(?:502|503|504) |service unavailable|internal server error",
    re.I,
)
_ERROR = re.compile(
    r"^\W{0,6}(?:\w+ )?(?:error|exception|failed|failure|fatal)\b|command not found|no such file or directory|permission denied"
    r"|traceback \(most recent call last\)|^\S*Error: |no replacement was performed|did not appear verbatim|is not recognized",
    re.I | re.M,
)
_MOMENT = re.compile(r"\b\d+(?:\.\d+)? ?m?s\b|\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?|\d{4}-\d{2}-\d{2}|0x[0-9a-f]+")  # fmt: skip


class Detector:
    """Agents that go round in circles, or get nothing but errors from their tools.

    ## What it does
    Reads transcripts of agents and tells, with the numbers of the messages, where the same call, or the
    same round of two to four calls, is made three times in a row and more with the same result; where
    the agent says the same again and again; and where tools answer with errors or time-outs several times
    in a row, or mostly. What waits (`sleep`, `status`) may be called more often, and a test that fails is no
    error of a tool.

    ## Why is this bad
    The sample measures a broken tool, or an agent that is stuck; in training it teaches to be stuck.
    What was spent on it is lost.

    ## Known problems
    A page that is to be pressed forward many times looks like a loop if it always answers the same words.

    ## Example
    `cat config.yml` is called 14 times in a row with the same result, from message 12 on

    ## Use instead
    Look at the messages; mend the tool or its time limit; stop a sample that repeats itself.
    """

    needs = ("rows",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """Two anomalies a part at most: loops, and errors in a row."""
        looked = [(part, transcripts(data, part)) for part in data.parts]
        if not any(some for _, some in looked):
            raise CannotLook("no part holds transcripts of agents that call tools")
        for part, some in looked:
            loops = [s for t in some if (s := _loop(t)) is not None]
            streaks = [s for t in some if (s := _streak(t)) is not None]
            if loops:
                yield _told(part, loops, len(some), "go round in circles", "stop a sample that repeats itself; show the agent that nothing has changed")  # fmt: skip
            if streaks:
                yield _told(part, streaks, len(some), "get errors from their tools again and again", "mend the tool, its arguments or its time limit, and run these samples again")  # fmt: skip


class Stretch(NamedTuple):
    """Messages of a transcript that are off: first and last, how many calls, and what is with them."""

    row: int
    column: str
    first: int
    last: int
    times: int
    what: str
    weight: float


def _loop(told: Transcript) -> Stretch | None:
    found = [*_rounds(told), *_always(told), *_words(told)]
    return max(found, key=lambda s: s.times, default=None)


def _rounds(told: Transcript) -> Iterator[Stretch]:
    """Stretches of steps in which a round of one to four calls comes back, results and all."""
    steps = told.steps
    keys = [(s.call.key, _MOMENT.sub("", s.result).strip()) for s in steps]
    for size in range(1, ROUND + 1):
        at = 0
        while at + 2 * size <= len(keys):
            end = at
            while end + size < len(keys) and keys[end] == keys[end + size]:
                end += 1
            times = (end - at) // size + 1
            if times >= _least(steps[at : at + size]) and len(set(keys[at : at + size])) == size:
                inside = steps[at : at + times * size]
                calls = " → ".join(s.call.told.replace("\n", " ")[:60] for s in inside[:size])
                weight = 1.0 - 0.3 / (times - AGAIN + 1)
                yield Stretch(told.row, told.column, inside[0].number, inside[-1].last, times,
                              f"{shown(calls)} {times} times in a row with the same result", weight)  # fmt: skip
                at = end
            at += 1


def _least(steps: list[Step]) -> int:
    if any(_WAITS.search(s.call.told) for s in steps):
        return WAITING
    if all(len(s.result.split()) <= 3 for s in steps):
        return TRIVIAL
    return AGAIN


def _always(told: Transcript) -> Iterator[Stretch]:
    """One call with one result that makes up much of the transcript, whatever is between."""
    steps = told.steps
    counts = Counter((s.call.key, _MOMENT.sub("", s.result)) for s in steps)
    for (key, result), times in counts.most_common(1):
        if times >= max(TRIVIAL, 0.4 * len(steps)) and len(result.split()) > 3:
            same = [s for s in steps if s.call.key == key]
            if not _WAITS.search(same[0].call.told):
                what = f"{shown(same[0].call.told)} {times} times of {len(steps)} calls, with the same result"
                yield Stretch(
                    told.row, told.column, same[0].number, same[-1].last, times, what, 0.8
                )


def _words(told: Transcript) -> Iterator[Stretch]:
    """The agent says the same in four turns in a row."""
    turns = [m for m in told.messages if m.speaker == "assistant" and len(m.text.strip()) >= 30]
    start = 0
    for at in range(1, len(turns) + 1):
        if at < len(turns) and turns[at].text.strip() == turns[start].text.strip():
            continue
        if at - start > AGAIN:
            what = f"{shown(turns[start].text.strip())} is said {at - start} times in a row"
            yield Stretch(told.row, told.column, turns[start].number, turns[at - 1].number, at - start, what, 0.9)  # fmt: skip
        start = at


def _streak(told: Transcript) -> Stretch | None:
    """The longest stretch of calls that bring errors, where it is long enough."""
    steps = told.steps
    kinds = [trouble(s) for s in steps]
    longest: tuple[int, int] = (0, 0)
    start = 0
    for at, kind in enumerate([*kinds, None]):
        if kind is None:
            longest = max(longest, (at - start, start))
            start = at + 1
    number, start = longest
    inside = kinds[start : start + number]
    grave = sum(k != "error" for k in inside)
    wrong = [i for i, k in enumerate(kinds) if k]
    if number < STREAK and not (number >= 3 and grave >= 3):
        if len(steps) < 8 or len(wrong) < MOSTLY * len(steps):
            return None
        start, number, inside = wrong[0], wrong[-1] - wrong[0] + 1, kinds
    kind = Counter(k for k in inside if k).most_common(1)[0][0]
    first = next(s for s, k in zip(steps[start:], kinds[start:], strict=True) if k)
    line = next((x for x in first.result.splitlines() if x.strip()), first.result)
    what = f"{sum(k is not None for k in inside)} of {len(inside)} calls in a row bring an error ({kind}): {shown(line.strip())}"  # fmt: skip
    last = steps[start + number - 1].last
    weight = min(1.0, 0.6 + 0.05 * number)
    return Stretch(told.row, told.column, steps[start].number, last, number, what, weight)


def trouble(step: Step) -> str | None:
    """Why a step is no use: `time-out`, `refused` (the tool did not take the call), `error`; or None."""
    text = step.result
    edge = text[:400] + "\n" + text[-300:]
    is_short = len(text) < 2000
    if is_short and _TIME_OUT.search(edge):
        return "time-out"
    if (step.failed is not False and is_short and _REFUSED.search(text[:300])) and not _TESTS.search(step.call.told):  # fmt: skip
        return "refused"
    if _TESTS.search(step.call.told) or step.failed is False:
        return None
    if step.failed or (is_short and _ERROR.search(edge)):
        # a search that finds nothing ends with 1 and says nothing
        return "error" if _ERROR.search(edge) or (step.failed and text.strip()) else None
    return None


def _told(part: Part, found: list[Stretch], total: int, what: str, advice: str) -> Anomaly:
    found = sorted(found, key=lambda s: (-s.weight, -s.times, s.row))
    first = found[0]
    rows = made(
        [s.row for s in found], [s.weight for s in found],
        message=[s.first for s in found], last_message=[s.last for s in found], what=[s.what for s in found],
    )  # fmt: skip
    return Anomaly(
        part,
        f"{len(found):,} of {total:,} transcripts ({share(len(found), total)}) {what}, as row {first.row} from "
        f"message {first.first} to {first.last}: {first.what}",
        advice,
        round(sum(s.weight for s in found) / len(found) * 0.95, 2),
        rows,
        list(dict.fromkeys(s.column for s in found)),
        "warning",
        normal="each call brings something new",
        evidence={"messages": [{"row": s.row, "first": s.first, "last": s.last, "what": s.what} for s in found[:100]]},
    )  # fmt: skip
