"""What holds for the whole: seeds, budget, the metric that counts."""

import re
from collections.abc import Iterable

from labhand.core.errors import UsageError
from labhand.core.intent import Goal
from labhand.interpret import spans, values, vocabulary
from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import atoms_of
from labhand.interpret.situation import Situation
from labhand.interpret.text import TIME_WORDS
from labhand.interpret.words import whole
from labhand.kit.metric_names import HELD_OUT, Direction, direction, headlines

_MONEY = frozenset("dollars dollar usd euros euro eur bucks $ €".split())
OVERNIGHT = 10 * 3600


def read_budget(draft: Draft) -> None:
    """What it may cost: `for 2 hours`, `at most $20`, `overnight`, `2h`."""
    text = draft.text
    for at in range(len(text)):
        low = text.low(at)
        if low == "overnight" or (low == "over" and text.low(at + 1) == "night"):
            if not any(_is_told(draft, i) for i in range(len(text))):
                draft.budget["seconds"] = OVERNIGHT
                draft.suppose("overnight is taken as 10 hours")
            text.take(at, at + (1 if low == "overnight" else 2))
        elif low in ("a", "an") and text.low(at + 1) in TIME_WORDS and _for_a_while(draft, at):
            half = text.low(at - 1) == "half"
            seconds = TIME_WORDS[text.low(at + 1)] / (2 if half else 1)
            if spans.read(draft, at, TIME_WORDS[text.low(at + 1)], at + 2, text.low(at + 1)):
                continue
            _spend(draft, "seconds", seconds, at - half, at + 2)
        elif low in ("$", "€") and (found := text.amount(at + 1)):
            _spend(draft, "money", found[0].value, at, found[1])
        elif (found := text.amount(at)) is not None:
            _amount_of_time(draft, at, found[0].value, found[0].unit, found[1])


def _is_told(draft: Draft, at: int) -> bool:
    """Whether a time in numbers stands here, which says more than `overnight`."""
    found = draft.text.amount(at)
    return found is not None and (found[0].unit == "s" or draft.text.low(found[1]) in TIME_WORDS)


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
    elif (
        unit == "s"
        and (word_ := _unit_said(draft, at))
        and spans.read(draft, at, value, end, word_)
    ):
        return
    elif unit == "s" or (unit == "m" and _is_time(draft, at)):
        _spend(draft, "seconds", value * (60 if unit == "m" else 1), at, end)
    elif word in TIME_WORDS and not unit:
        if not spans.read(draft, at, value * TIME_WORDS[word], end + 1, word):
            _spend(draft, "seconds", value * TIME_WORDS[word], at, end + 1)
    elif (
        word in ("gpu", "a100", "h100", "cpu")
        and text.low(text.skip(end + 1, ("-",), 1)) in TIME_WORDS
    ):
        last = text.skip(end + 1, ("-",), 1)
        draft.suppose(f'"{text.said(at, last + 1)}" is counted on one {word.upper()}')
        _spend(draft, "seconds", value * TIME_WORDS[text.low(last)], at, last + 1)


def _unit_said(draft: Draft, at: int) -> str:
    """The word of time that a number carries: `secs` of `15 secs`; empty for a letter, which is a budget."""
    found = re.search(r"[a-z]{3,}$", draft.text.tokens[at].low)
    return found.group() if found and found.group() in TIME_WORDS else ""


_TIMED = frozenset("for in within max most budget under limit to".split())


def _is_time(draft: Draft, at: int) -> bool:
    return draft.text.low(at - 1) in _TIMED


def _spend(draft: Draft, unit: str, value: float, start: int, end: int) -> None:
    text = draft.text
    if (
        re.search(
            r"\b(?:every|each|(?<!stop )(?<!end )(?<!kill )after|last|(?<!run )(?<!go )past|the last|ago|over|above|beyond|longer than|shorter than)$",
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
        r"(?:(?:stop|end|kill|quit|after|for|in|within|at most|max|maximum|under|no more than|up to|less than|run past|go past|beyond|anything|let|dont|budget|budget of|limit|"
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
    r"(?P<verb>optimi[sz]e|maximi[sz]e|minimi[sz]e|maximi[sz]ing|minimi[sz]ing|optimi[sz]ing|select(?:ing)?(?: by| on)?|(?:pick|choose)(?: by| on)?|take the best(?: by| on)|rank(?: by| on)?|(?:i|we) want|judge(?:d)?(?: by| on)?|"
    r"keep (?:the )?(?:best|lowest|highest|one with|run with)|(?:by|with|for|on|at|the) (?:the )?(?:best|lowest|highest|smallest|largest|lower|higher|better)|best|lowest|highest|metric|target|"
    r"report|track|go by|compare(?: on| by)?|compared (?:on|by)|care about|goal|objective|improve|beat|reduce|increase|lower|higher|better|measure(?:d)? by|score by|"
    r"look(?:ing)? at|decide by|sort by|in terms of|maximal|minimal|according to|based on|tune for|tuning for|max|min|evaluate by|evaluate on|early stop(?:ping)? on|monitor|boost|raise|push|drive down|bring down|optimiere|maximiere|minimiere|auf)"
    r"(?: (?:is|:|=|the|a|our|for|on|by|its|of|best|final|lowest|highest|average|mean|up|down|down the|checkpoints?|models?|runs?|1|weights|epoch))*$"
)
_UPWARDS = re.compile(r"maximi|maximal|highest|higher|largest|increase|boost|raise|push")
_DOWNWARDS = re.compile(r"minimi|minimal|lowest|lower|smallest|reduce|drive down|bring down")
_DATA = HELD_OUT | frozenset({"train", "training", "cv"})
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
        if verb is None and (past := _by_itself(draft, situation, at, end)):
            at = past
            continue
        start = at - (len(verb.group().split()) if verb else 0)
        if end and any(_is_setting(draft, i, at) for i in range(max(0, start), at)):
            at = end
            continue
        if end and verb is None and _reaches(draft, situation, at, end):
            at = end
            continue
        if not end or verb is None or _is_named(draft, at, end):
            at += 1
            continue
        words = [text.tokens[i].low for i in range(at, end) if text.tokens[i].kind == "word"]
        name = resolve(words, text.said(at, end), situation)
        if verb["verb"] in ("report", "track", "monitor") and not _is_computed(name, situation):
            at = end
            continue  # what the script does not tell yet is new code, and decides nothing
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


def _by_itself(draft: Draft, situation: Situation, at: int, end: int) -> int:
    """Where a metric ends that is named loosely, or stands alone; 0: none does."""
    if not end:
        return _loosely(draft, situation, at)
    return end if _alone(draft, situation, at, end) else 0


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


_COUNTS = re.compile(
    r"^(?:(?:at|in) the end |finally )?(?:is|are) all (?:that )?(?:i|we) (?:need|want|care about)\b|^(?:(?:at|in) the end |finally )?(?:is what )?(?:counts|matters|decides)\b|^is what (?:i|we) care about\b"
    r"|^(?:as|is|be) (?:the |our )?(?:selection |deciding |main )?(?:criterion|metric|yardstick|measure)\b"
)


def _reaches(draft: Draft, situation: Situation, at: int, end: int) -> bool:
    """Takes `val loss below 1.4`: a goal, of a metric, that says no way to it."""
    text = draft.text
    found = _REACHED.match(text.after(end)) or _RISES.match(text.after(end))
    counts = _COUNTS.match(text.after(end))
    if counts is not None:
        words = [text.tokens[i].low for i in range(at, end) if text.tokens[i].kind == "word"]
        name = resolve(words, text.said(at, end), situation)
        if (way := _way(name)) is not None:
            _set_metric(draft, Goal(name=name, direction=way), "")
            text.take(at, end + len(counts.group().split()))
        return way is not None
    if found is None:
        return False
    words = [text.tokens[i].low for i in range(at, end) if text.tokens[i].kind == "word"]
    if _bounded(draft, words, at, end + len(found.group().split())):
        return True
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


_STOPS = re.compile(r"\b(?:stop|stops|end|abort|break|halt|quit|until|once|as soon as)\b")
_BOUND = frozenset("target max limit stop threshold bound cap".split())


def _bounded(draft: Draft, words: list[str], at: int, end: int) -> bool:
    """Takes `stop early when kl goes over 0.015` for the one setting that bounds that metric: `target_kl`."""
    text = draft.text
    lead = _STOPS.search(text.before(at, 10))
    bounds = [
        k for k in text.lexicon.known
        if k.setting.type in ("int", "float") and {*words} & {*(a := atoms_of(k.setting.name))} and _BOUND & {*a}
    ]  # fmt: skip
    number = text.amount(end - 1)
    if lead is None or len(bounds) != 1 or number is None:
        return False
    start = at - len(text.before(at, 10)[lead.start() :].split())
    value = values.fitted(bounds[0], number[0])
    draft.choose(bounds[0], [value], f'"{text.said(start, end)}"', start, 0.9)
    text.take(start, end)
    return True


def _alone(draft: Draft, situation: Situation, at: int, end: int) -> bool:
    """Takes a metric that the script is known to tell, where it stands alone: `lr 1e-3, val acc`, `on mrr`."""
    text = draft.text
    words = [text.tokens[i].low for i in range(at, end) if text.tokens[i].kind != "mark"]
    name = resolve(words, text.said(at, end), situation)
    way = _way(name)
    led = text.low(at - 1) in ("on", "by")
    begins = led or at == 0 or text.tokens[at - 1].low in (",", ";", ".")
    ends = end == len(text) or text.tokens[end].low in (",", ";", ".")
    if not (begins and ends and way) or name not in situation.metrics.values():
        return False
    if text.lexicon.match(text.tokens, at) is not None and not led:
        return False
    _set_metric(draft, Goal(name=name, direction=way), "")
    text.take(at - led, end)
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


def _is_computed(name: str, situation: Situation) -> bool:
    """Whether the script or its runs tell a metric; where they tell none, it may."""
    plain = {vocabulary.joined(n) for n in situation.metrics.values()}
    return (
        not plain
        or vocabulary.joined(name) in plain
        or any(vocabulary.joined(name) in p for p in plain)
    )


def _is_named(draft: Draft, at: int, end: int) -> bool:
    """Whether a setting is named where a metric may be, and no more than that: `cv rmse` is no `cv`."""
    mention = draft.text.lexicon.match(draft.text.tokens, at)
    return mention is not None and mention.end >= end and not _plain(draft, at)


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
        cut = at + names < len(text) and text.tokens[at + names].low == "@"
        known = vocabulary.joined("".join(words)) in situation.metrics
        worded = words[0][:1].isalpha() and all(w.isalnum() or (w and w in "@/_-") for w in words)
        if names > 1 and worded:
            known = known or _canonical(words) in map(_canonical_of, situation.metrics.values())
        if all(words) and words[-1].isalnum() and not cut and known:
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


def _way(name: str) -> Direction | None:
    """Which way a metric of the script gets better: also of a precision, a recall at k and a distance."""
    if re.search(r"(?:^|[_/])(?:r@?\d+|prec(?:ision)?@?\d*)$", name.lower()):
        return "up"
    return "down" if re.search(r"_l[12]$", name.lower()) else direction(name)


def _canonical(words: Iterable[str]) -> frozenset[str]:
    """The words of a metric in one spelling, whatever their order."""
    forms = (_OF_METRIC.get(w, w).replace("ised", "ized") for w in words if w.isalnum())
    found = frozenset("recall" if re.fullmatch(r"r\d+", form) else form for form in forms)
    return found - {"roc"} if found & {"auc", "auroc"} else found


def _canonical_of(name: str) -> frozenset[str]:
    return _canonical(p for p in re.split(r"[^a-z0-9]+", name.lower()) if p)


_JUDGED = re.compile(
    r"\b(?:rank|judge|choose|pick|select|compare|decide|sort|score)(?:d|s|ed)?(?: (?:it|them|this|these|the|runs|models|best|everything))* (?:by|on)(?: the)?$"
)


def _loosely(draft: Draft, situation: Situation, at: int) -> int:
    """Takes `rank by imagenet zero shot`: of the metrics the only one that shares a word with it."""
    text = draft.text
    lead = _JUDGED.search(text.before(at)) if text.low(at) else None
    if lead is None:
        return 0
    end = at
    while end < len(text) and text.low(end).isalnum():
        end += 1
    said = _canonical(text.low(i) for i in range(at, end))
    names = dict.fromkeys(situation.metrics.values())
    fits = [n for n in names if any(len(w) > 2 for w in said & _canonical_of(n))]
    if len(fits) != 1 or end - at > _MOST_LOOSE:
        return 0
    _set_metric(draft, Goal(name=fits[0], direction=_way(fits[0])), "")
    text.take(at - len(lead.group().split()), end)
    return end


_MOST_LOOSE = 4
"""Words that may name a metric loosely."""


def resolve(words: list[str], said: str, situation: Situation) -> str:
    """The name that runs or code give to a metric, else the words joined by `_`."""
    plain = vocabulary.joined(said)
    if "@" in said:
        return situation.metrics.get(plain, said)
    exact = situation.metrics.get(plain)
    ends = [n for n in situation.metrics.values() if re.split(r"[_/]", n.lower())[-1] == plain]
    if exact or ends:
        return exact or min(ends, key=len)
    wanted = sorted(_canonical(words))
    fits = []
    for name in situation.metrics.values():
        parts = sorted(_canonical_of(name))
        if parts == wanted:
            return name
        if set(wanted) <= set(parts):
            fits.append(name)
    if fits:
        return min(fits, key=len)
    return (
        re.sub(r"[^\w/@.]+", "_", said.lower()) if "/" in said or "_" in said else "_".join(words)
    )
