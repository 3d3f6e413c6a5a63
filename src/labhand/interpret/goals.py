"""What holds for the whole: seeds, budget, the metric that counts."""

import re

from labhand.core.errors import UsageError
from labhand.core.intent import Goal
from labhand.interpret import values, vocabulary
from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Known
from labhand.interpret.situation import Situation
from labhand.interpret.text import SEPARATORS, TIME_WORDS
from labhand.interpret.words import whole
from labhand.kit.metric_names import HELD_OUT, Direction, direction, headlines
from labhand.kit.settings import seed_setting

_SEED_WORDS = frozenset("seed seeds zufallssaat startwerte".split())
_ADJECTIVES = frozenset(
    "more extra additional further other new random different independent fresh fixed distinct".split()
)
_REPEATS = re.compile(
    r"(?:repeat|repeated|rerun|replicate|run|run it|run this|run each|run everything|do it|each|do)?(?: \w+)?? ?"
)
_REPEATED = frozenset(
    "times runs repeats replicates repetitions replications wiederholungen trials x".split()
)
_MONEY = frozenset("dollars dollar usd euros euro eur bucks $ €".split())
_MANY_SEEDS = 3
_MOST_SEEDS = 20
"""`seeds: 5` is how many, `seeds: 1234` is which."""
OVERNIGHT = 10 * 3600


def read_seeds(draft: Draft) -> None:
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


def read_budget(draft: Draft) -> None:
    """What it may cost: `for 2 hours`, `at most $20`, `overnight`, `2h`."""
    text = draft.text
    for at in range(len(text)):
        low = text.low(at)
        if low == "overnight" or (low == "over" and text.low(at + 1) == "night"):
            draft.budget["seconds"] = OVERNIGHT
            draft.suppose("overnight is taken as 10 hours")
            text.take(at, at + (1 if low == "overnight" else 2))
        elif low in ("a", "an") and text.low(at + 1) in TIME_WORDS and _for_a_while(draft, at):
            half = text.low(at - 1) == "half"
            seconds = TIME_WORDS[text.low(at + 1)] / (2 if half else 1)
            _spend(draft, "seconds", seconds, at - half, at + 2)
        elif low in ("$", "€") and (found := text.amount(at + 1)):
            _spend(draft, "money", found[0].value, at, found[1])
        elif (found := text.amount(at)) is not None:
            _amount_of_time(draft, at, found[0].value, found[0].unit, found[1])


def _for_a_while(draft: Draft, at: int) -> bool:
    return bool(
        re.search(r"\b(?:for|in|within|most|max|under|budget|of)(?: half)?$", draft.text.before(at))
    )


def _amount_of_time(draft: Draft, at: int, value: float, unit: str, end: int) -> None:
    text = draft.text
    word = text.low(end)
    at -= text.low(at - 1) in ("an", "a") and text.low(at) == "couple"
    if word in _MONEY:
        _spend(draft, "money", value, at, end + 1)
    elif unit == "s" or (unit == "m" and _is_time(draft, at)):
        _spend(draft, "seconds", value * (60 if unit == "m" else 1), at, end)
    elif word in TIME_WORDS and not unit:
        _spend(draft, "seconds", value * TIME_WORDS[word], at, end + 1)
    elif (
        word in ("gpu", "a100", "h100", "cpu")
        and text.low(text.skip(end + 1, ("-",), 1)) in TIME_WORDS
    ):
        last = text.skip(end + 1, ("-",), 1)
        draft.suppose(f'"{text.said(at, last + 1)}" is counted on one {word.upper()}')
        _spend(draft, "seconds", value * TIME_WORDS[text.low(last)], at, last + 1)


def _is_time(draft: Draft, at: int) -> bool:
    return draft.text.low(at - 1) in (
        "for",
        "in",
        "within",
        "max",
        "most",
        "budget",
        "under",
        "limit",
        "to",
    )


def _spend(draft: Draft, unit: str, value: float, start: int, end: int) -> None:
    text = draft.text
    if (
        re.search(
            r"\b(?:every|each|(?<!stop )(?<!end )(?<!kill )after|last|past|the last|ago)$",
            text.before(start),
        )
        or text.low(end) == "ago"
    ):
        return
    if value <= 0:
        raise UsageError(f'the budget "{text.said(start, end)}" allows nothing; say one above zero')
    earlier = draft.budget.get(unit)
    if earlier is not None and earlier != value:
        raise UsageError(
            f"the instruction contradicts itself on the budget: {earlier:g} and {value:g} {unit}; say one"
        )
    lead = re.search(
        r"(?:(?:stop|end|kill|quit|after|for|in|within|at most|max|maximum|under|no more than|up to|less than|budget|budget of|limit|"
        r"time limit|wall time|timeout|cap|cap at|capped at|of|is|:|=|about|around|roughly|~|a|compute|time|"
        r"total|per run|it|dont spend more than|do not spend more than|spend)(?: |$))+$",
        text.before(start) + " ",
    )
    first = start - (len(lead.group().split()) if lead else 0)
    draft.budget[unit] = whole(value)
    text.take(first, end)
    if text.low(end) == "per" and text.low(end + 1) in ("run", "trial", "config", "seed", "job"):
        text.take(end, end + 2)


_WORTH = re.compile(
    r"(?P<verb>optimi[sz]e|maximi[sz]e|minimi[sz]e|maximi[sz]ing|minimi[sz]ing|optimi[sz]ing|select(?:ing)?(?: by| on)?|pick(?: by)?|rank(?: by)?|judge(?:d)?(?: by| on)?|"
    r"keep (?:the )?(?:best|lowest|highest|one with|run with)|(?:by|with|for|on|at|the) (?:the )?(?:best|lowest|highest|smallest|largest|lower|higher|better)|best|lowest|highest|metric|target|"
    r"report|track|go by|compare (?:on|by)|compared (?:on|by)|care about|goal|objective|improve|beat|reduce|increase|lower|higher|better|measure(?:d)? by|score by|"
    r"maximal|minimal|according to|based on|tune for|tuning for|evaluate by|evaluate on|early stop(?:ping)? on|monitor|boost|raise|push|drive down|bring down|optimiere|maximiere|minimiere|auf)"
    r"(?: (?:is|:|=|the|a|our|for|on|by|its|of|best|final|lowest|highest|average|mean|up|down|down the))*$"
)
_UPWARDS = re.compile(r"maximi|maximal|highest|higher|largest|increase|boost|raise|push")
_DOWNWARDS = re.compile(r"minimi|minimal|lowest|lower|smallest|reduce|drive down|bring down")
_DATA = HELD_OUT | frozenset({"train", "training"})
_OF_METRIC = {
    "accuracy": "acc", "acc": "acc", "loss": "loss", "perplexity": "ppl", "ppl": "ppl", "reward": "reward",
    "return": "return", "validation": "val", "val": "val", "valid": "val", "eval": "eval", "evaluation": "eval",
    "test": "test", "train": "train", "training": "train", "dev": "dev", "genauigkeit": "acc", "valloss": "loss",
    "rewards": "reward", "returns": "return", "error": "error", "err": "error", "f1": "f1", "bits": "bpb",
}  # fmt: skip


def read_metric(draft: Draft, situation: Situation) -> None:
    """The metric that counts and which way: `optimise val acc`, `keep the best val loss`."""
    text, at = draft.text, 0
    while at < len(text):
        end = _metric_end(draft, at, situation)
        verb = _WORTH.search(text.before(at)) if end else None
        start = at - (len(verb.group().split()) if verb else 0)
        if end and any(_is_setting(draft, i, at) for i in range(max(0, start), at)):
            at = end
            continue
        if end and verb is None and _reaches(draft, situation, at, end):
            at = end
            continue
        if (
            not end
            or verb is None
            or (text.lexicon.match(text.tokens, at) is not None and not _plain(draft, at))
        ):
            at += 1
            continue
        words = [text.tokens[i].low for i in range(at, end) if text.tokens[i].kind == "word"]
        name = resolve(words, text.said(at, end), situation)
        told = text.after(end, 3)
        way: Direction | None = direction(name) or direction(words[-1])
        if re.match(r"\( ?(?:max|up|higher)", told) or (not way and _UPWARDS.search(verb["verb"])):
            way = "up"
        elif re.match(r"\( ?(?:min|down|lower)", told) or (
            not way and _DOWNWARDS.search(verb["verb"])
        ):
            way = "down"
        start = at - len(verb.group().split())
        _set_metric(draft, Goal(name=name, direction=way), verb["verb"])
        if told.startswith("("):
            end += told.split().index(")") + 1 if ")" in told.split() else 0
        text.take(start, end)
        at = end


_WISHES = re.compile(
    r"optimi|maximi|minimi|improve|beat|reduce|increase|boost|raise|push|drive|bring|lower|higher|better|goal|target|objective|below"
)
_REACHED = re.compile(
    r"^(?:(?:to|should|must|needs to|be|get|gets|go|goes|is|down|up|drop|drops|has to) )*(?P<way>below|under|<|above|over|>|at least|at most|past|beyond|better than|lower than|higher than)"
    r"(?: =)? -?[\d.]+(?:e-?\d+)?%?"
)


_BARE = re.compile(
    r"(?:(?:please|can|could|you|just|lets|let's|now|try|to) )*(?:"
    r"(?:make|get|have) (?:it|this|that|things|everything|(?:the|my|our) \w+|results?)(?: to)?(?: \w+)? (?:better|good|great|best|work|working|stronger)"
    r"|improve(?: (?:it|this|that|things|everything))?|improve (?:the |my |our )?(?:model|results?|performance|network|net|training|score|numbers|quality)"
    r"|(?:get |i want |we want |we need )?(?:better|good|the best|best) (?:results?|performance|numbers|scores?|model)"
    r"|(?:optimi[sz]e|tune) (?:it|this|(?:the |my |our )?(?:model|network|net|training|hyperparameters|hparams|settings))"
    r"|do better|beat (?:the )?(?:baseline|last run|best run))"
    r"(?: (?:please|further|more|now|somehow|a|bit|lot|than|before|possible|as))*"
)


def read_wish(draft: Draft, situation: Situation) -> None:
    """Takes `make it better`: only a goal, of the metric that tells most."""
    text = draft.text
    words = " ".join(t.low for t in text.tokens if re.search(r"\w", t.low))
    if not _BARE.fullmatch(words):
        return
    draft.wish = True
    text.take(0, len(text))
    names = headlines(n for n in dict.fromkeys(situation.metrics.values()) if direction(n))
    if not names:
        draft.suppose("no metric is known that could get better: say which one counts")
        return
    draft.metric = Goal(name=names[0], direction=direction(names[0]))
    if len(names) > 1:
        draft.doubt("Which metric shall get better?", names[:4], names[0], 0.4)
    else:
        draft.suppose(f"`{names[0]}` shall get better")


_RISES = re.compile(
    r"^(?:(?:to|should|must|go|goes|be|it) )*(?P<way>up|down|higher|lower|better)(?= ,| and|$)"
)


def _reaches(draft: Draft, situation: Situation, at: int, end: int) -> bool:
    """Takes `val loss below 1.4`: a goal, of a metric, that says no way to it."""
    text = draft.text
    found = _REACHED.match(text.after(end)) or _RISES.match(text.after(end))
    if found is None:
        return False
    words = [text.tokens[i].low for i in range(at, end) if text.tokens[i].kind == "word"]
    name = resolve(words, text.said(at, end), situation)
    falling = found["way"] == "down" or found["way"] in (
        "below",
        "under",
        "<",
        "at most",
        "lower than",
    )
    last = end + len(found.group().split())
    draft.suppose(f'"{text.said(at, last)}" is the goal')
    _set_metric(
        draft, Goal(name=name, direction=direction(name) or ("down" if falling else "up")), "goal"
    )
    text.take(at, last)
    return True


def _set_metric(draft: Draft, goal: Goal, verb: str) -> None:
    draft.wish = draft.wish or bool(_WISHES.search(verb))
    if draft.metric is None:
        draft.metric = goal
    elif draft.metric != goal:
        draft.suppose(f"`{draft.metric.name}` decides; `{goal.name}` is watched beside it")
    against = (_UPWARDS, "down") if goal.direction == "down" else (_DOWNWARDS, "up")
    if against[0].search(verb) and goal.direction == against[1]:
        word = "lower" if goal.direction == "down" else "higher"
        draft.doubt(
            f"`{goal.name}` is better when {word}; is that what is wanted?",
            ["down", "up"],
            goal.direction,
            0.3,
        )


def _is_setting(draft: Draft, start: int, at: int) -> bool:
    """Whether words before a metric belong with it to the name of a setting: `target kl`."""
    mention = draft.text.lexicon.match(draft.text.tokens, start) if draft.text.low(start) else None
    return mention is not None and bool(mention.known) and mention.end > at


def _plain(draft: Draft, at: int) -> bool:
    """Whether a word that names a setting too, such as `loss`, is here the metric."""
    mention = draft.text.lexicon.match(draft.text.tokens, at)
    return (
        mention is not None
        and not draft.text.has_value(mention)
        and direction(mention.phrase) is not None
    )


def _metric_end(draft: Draft, at: int, situation: Situation) -> int:
    """Where the name of a metric that begins here ends; 0: none does."""
    text, end, core = draft.text, at, False
    for names in range(5, 0, -1):
        words = [text.low(i) for i in range(at, at + names)]
        if all(words) and vocabulary.joined("".join(words)) in situation.metrics:
            return at + names
    while end < len(text) and end - at < 6:
        low = text.low(end)
        bound = (
            low in "_/-@."
            and low
            and text.tokens[end].glued
            and end + 1 < len(text)
            and text.tokens[end + 1].glued
        )
        if not (
            low in _DATA
            or direction(text.tokens[end].text)
            or (bound and end > at)
            or low in ("top", "macro", "micro", "mean", "token")
            or (end > at and text.tokens[end].kind == "number" and text.tokens[end].glued)
            or (end > at and core and text.tokens[end].glued and 0 < len(low) < 4)
            or low == "accuracy"
            or low == "genauigkeit"
        ):
            break
        core = core or direction(text.tokens[end].text) is not None or low == "genauigkeit"
        end += 1
    return end if core else 0


def resolve(words: list[str], said: str, situation: Situation) -> str:
    """The name that runs or code give to a metric, else the words joined by `_`."""
    plain = vocabulary.joined(said)
    exact = situation.metrics.get(plain)
    ends = [n for n in situation.metrics.values() if re.split(r"[_/]", n.lower())[-1] == plain]
    if exact or ends:
        return exact or min(ends, key=len)
    wanted = sorted(_OF_METRIC.get(w, w) for w in words)
    fits = []
    for name in situation.metrics.values():
        parts = sorted(_OF_METRIC.get(p, p) for p in re.split(r"[^a-z0-9]+", name.lower()) if p)
        if parts == wanted:
            return name
        if set(wanted) <= set(parts):
            fits.append(name)
    if fits:
        return min(fits, key=len)
    return (
        re.sub(r"[^\w/@.]+", "_", said.lower()) if "/" in said or "_" in said else "_".join(words)
    )
