"""How many seeds, or which: `three seeds`, `seeds 0-4`, `seed 42`, `run each 3 times`."""

import re

from labhand.core.errors import UsageError
from labhand.interpret import values
from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Known
from labhand.interpret.text import SEPARATORS
from labhand.kit.settings import seed_setting

_SEED_WORDS = frozenset("seed seeds zufallssaat startwerte".split())
_ADJECTIVES = frozenset(
    "more extra additional further other new random different independent fresh fixed distinct".split()
)
_REPEATS = re.compile(
    r"(?:repeat|repeated|rerun|replicate|run|run it|run this|run each|run everything|do it|each|do)?(?: \w+)?? ?"
)
_REPEATED = frozenset(
    "times runs reps repeats replicates repetitions replications wiederholungen trials x".split()
)
_MANY_SEEDS = 3
_MOST_SEEDS = 20
"""`seeds: 5` is how many, `seeds: 1234` is which."""


def read(draft: Draft) -> None:
    """How many seeds, or which: `three seeds`, `seeds 0-4`, `seed 42`, `run each 3 times`."""
    text, at = draft.text, 0
    while at < len(text):
        if text.low(at) in _SEED_WORDS and not _names_another(draft, at):
            _seeds_around(draft, at)
        elif text.low(at) in _REPEATED:
            _repeats(draft, at)
        elif text.tokens[at].unit == "x" and text.low(at):
            _many_times(draft, at)
        at += 1
    _as_many_runs(draft)
    _as_many_draws(draft)


def _many_times(draft: Draft, at: int) -> None:
    """`repeat 4x`, `run it 3x with different seeds`."""
    text, count = draft.text, draft.text.tokens[at].value
    asks = re.search(r"\b(?:repeat|rerun|replicate|run|do)(?: (?:it|this|each|everything|all|that|them))?$", text.before(at))  # fmt: skip
    tells = re.match(r"(?:each |per config )?(?:with|over|using) (?:different|random|new|fresh|other) seeds?", text.after(at + 1))  # fmt: skip
    if (asks or tells) and count == int(count) and count > 0:
        end = at + 1 + (len(tells.group().split()) if tells else 0)
        draft.suppose(f'"{text.said(at, end)}" is taken as {int(count)} seeds')
        _agree(draft, int(count), at, end)


def _as_many_runs(draft: Draft) -> None:
    """Takes `three runs` where the seeds of three runs are told."""
    text = draft.text
    count = len(draft.seeds) if isinstance(draft.seeds, list) else draft.seeds
    for at in range(1, len(text)):
        found = text.amount(at - 1) if text.low(at) == "runs" else None
        if found is not None and found[0].value == count:
            text.take(at - 1, at + 1)


_DRAWN = re.compile(
    r"^(?:over |across |on |with )?(?P<n>\d+) (?:random|different|independent) (?:splits|shuffles|restarts|init(?:iali[sz]ation)?s|draws)(?= |$)"
)


def _as_many_draws(draft: Draft) -> None:
    """Takes `over 5 random splits` as so many seeds, where nothing counts folds."""
    text = draft.text
    if draft.seeds is not None or text.lexicon.of_concept("folds") or seed_of(draft) is None:
        return
    for at in range(len(text)):
        found = _DRAWN.match(text.after(at)) if text.low(at) else None
        if found is not None:
            end = at + len(found.group().split())
            draft.suppose(f'"{text.said(at, end)}" is taken as {found["n"]} seeds')
            _agree(draft, int(found["n"]), at, end)
            return


def _names_another(draft: Draft, at: int) -> bool:
    """Whether the word is part of a longer name, such as `data_seed`, or a flag to be added."""
    near = draft.text.tokens[at - 1] if at else None
    return near is not None and near.low == "_" and near.glued


def _seeds_around(draft: Draft, at: int) -> None:
    text = draft.text
    start = at
    while start > 0 and (text.low(start - 1) in _ADJECTIVES or text.low(start - 1) in ("-", "--")):
        start -= 1
    after = text.skip(
        at + 1,
        (
            "pls",
            "plz",
            "please",
            "=",
            ":",
            "to",
            "of",
            "is",
            "in",
            "from",
            "(",
            "[",
            "{",
            "at",
            "as",
        ),
    )
    which = _listed(draft, after)
    if which is not None:
        seeds, end = which
        end = text.skip(end, (")", "]", "}"), 1)
        fixed = re.search(r"\b(?:fix|pin|set|use)(?: the| a)?$", text.before(start, 2))
        start -= len(fixed.group().split()) if fixed else 0
        _take_seeds(draft, seeds, start, end, plural=text.low(at).endswith("s"))
        return
    found = text.amount(start - 1) if start else None
    first_one = _STARTING.match(text.after(at + 1))
    if found is not None and first_one and found[0].value == int(found[0].value):
        first = int(first_one["first"])
        seeds = list(range(first, first + int(found[0].value)))
        _agree(draft, seeds, start - 1, at + 1 + len(first_one.group().split()))
        return
    if found is None and text.low(start - 1) in ("few", "several", "multiple", "some"):
        first = start - 1 - (text.low(start - 2) == "a")
        draft.seeds = _MANY_SEEDS
        draft.suppose(f'"{text.said(first, at + 1)}" is taken as {_MANY_SEEDS} seeds')
        text.take(first, at + 1)
    elif found is not None:
        first = start - 1 - (text.low(start - 2) == "a")
        count = found[0].value
        if count != int(count) or count < 1:
            raise UsageError(
                f"the number of seeds is a whole number from 1 on; `{found[0].text}` is none"
            )
        _agree(draft, int(count), first, at + 1)


_STARTING = re.compile(
    r"^(?:,? ?)(?:starting|beginning|counting) (?:at|from|with) (?P<first>\d+)(?= |$)"
)


def _listed(draft: Draft, at: int) -> tuple[list[int], int] | None:
    """Seeds by number: `0-4`, `1, 2 and 3`, `0..4`, `42`."""
    text = draft.text
    found: list[int] = []
    end = at
    while (amount := text.amount(at)) is not None and text.tokens[at].kind != "word":
        if amount[0].unit or (text.owned(amount[1]) and found):
            break
        numbers = amount[0].digits or (amount[0].value,)
        if any(n != int(n) for n in numbers):
            raise UsageError(f"a seed is a whole number; `{amount[0].text}` is none")
        found += [int(n) for n in numbers]
        end = amount[1]
        if text.low(end) in ("-", "to", "..", "...", "through", "until", "bis", "thru", ":"):
            last = text.amount(end + 1)
            if last is not None and last[0].value > found[-1]:
                found += range(found[-1] + 1, int(last[0].value) + 1)
                end = last[1]
        at = text.skip(end, SEPARATORS, 2)
        then = text.amount(at)
        if at == end and (then is None or then[0].unit or text.owned(then[1])):
            break
    return (found, end) if found else None


def _take_seeds(draft: Draft, seeds: list[int], start: int, end: int, *, plural: bool) -> None:
    known = seed_of(draft)
    if len(seeds) == 1 and plural and 1 <= seeds[0] <= _MOST_SEEDS:
        _agree(draft, seeds[0], start, end)
        return
    if len(seeds) == 1 and not plural and known is not None:
        why = f'"{draft.text.said(start, end)}"'
        draft.choose(known, [values.fitted_number(known, seeds[0])], why, start)
        draft.text.take(start, end)
        return
    _agree(draft, list(dict.fromkeys(seeds)), start, end)


def _agree(draft: Draft, seeds: int | list[int], start: int, end: int) -> None:
    earlier = draft.seeds
    count = len(seeds) if isinstance(seeds, list) else seeds
    if earlier is not None and earlier != seeds:
        before = len(earlier) if isinstance(earlier, list) else earlier
        if before != count:
            raise UsageError(
                f"the instruction contradicts itself on the seeds: {before} and {count}; say one number"
            )
        seeds = earlier if isinstance(earlier, list) else seeds
    draft.seeds = seeds
    draft.text.take(start, end)


def seed_of(draft: Draft) -> Known | None:
    """The setting that seeds the run."""
    setting = seed_setting(k.setting for k in draft.text.lexicon.known)
    return next((k for k in draft.text.lexicon.known if k.setting == setting), None)


def _repeats(draft: Draft, at: int) -> None:
    """`run each config 3 times`, `3 repeats`, `5 runs each`."""
    text = draft.text
    start = at - 1
    while start > 0 and text.low(start) in _ADJECTIVES | {"independent"}:
        start -= 1
    found = text.amount(start)
    if found is None or found[0].unit or found[1] > at:
        return
    before, after = text.before(start), text.after(at + 1)
    asks = re.search(
        r"\b(run|repeat|rerun|replicate|do|each|everything|average|averaged|mean|over|train)\b",
        before,
    )
    tells = re.match(r"(each|per|apiece|with different|for error|for each|of each)", after)
    low = text.low(at)
    if low == "trials" and not tells:
        return
    if low in ("times", "x", "runs") and not (asks or tells):
        return
    if re.match(r"(longer|larger|smaller|bigger|the|as|lower|higher|more|fewer|less)\b", after):
        return
    draft.suppose(f'"{text.said(start, at + 1)}" is taken as {int(found[0].value)} seeds')
    _agree(draft, int(found[0].value), start, at + 1)
