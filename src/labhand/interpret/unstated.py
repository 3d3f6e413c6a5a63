"""What goes without saying: the run it starts from, what stays as it is, what a colleague would expect."""

import re
import shlex
from typing import Any

from labhand.core.errors import NotFoundError, UsageError
from labhand.core.intent import Choice, Intent
from labhand.interpret import rest, values, vocabulary
from labhand.interpret.draft import Draft
from labhand.interpret.lengths import length_of
from labhand.interpret.lexicon import Mention
from labhand.interpret.references import Reference
from labhand.interpret.seeds import seed_of
from labhand.interpret.situation import Situation
from labhand.interpret.text import Text
from labhand.interpret.words import whole
from labhand.kit.metric_names import direction, headlines
from labhand.kit.settings import find, script_of

_REST = re.compile(
    r"^(?:(?:and|but|please|just|,) )*(?:"
    r"(?:dont|do not|without|not) (?:change|changing|touch|touching|modify|modifying|alter|altering) (?:anything|any thing|the rest|everything|any other|other|the other)(?: (?:else|settings?|params?|hyperparameters|things?|thing))*"
    r"|(?:keep|leave|hold|keeping|leaving|holding)(?: (?:the|all|of))* (?:everything|all|rest|others?|settings|things|params|hyperparameters)(?: (?:else|of|it|the|settings?|things|params|hyperparameters))*(?: (?:the|as|is|it|they|are|same|unchanged|fixed|constant|untouched|alone|equal|at|default|defaults|their|was|before|like|that|its))*"
    r"|(?:everything|all|the rest|rest|all the rest|anything|others?|all other \w+)(?: (?:else|of it|other|things|settings))*(?: (?:is|stays?|remains?|at|should|stay|the|as|be|being|in|kept|left))* (?:the same|same|equal|unchanged|identical|defaults?|before|fixed|constant|it is|is)\b"
    r"|same everything(?: else)?|nothing else(?: (?:changes|changed|should change))?|no other changes?|(?:everything else|all else|the rest|otherwise) (?:like|as in|as|same as|the same as) (?:in )?(?:the |my )?(?:last|previous) (?:run|time|1)|otherwise (?:(?:like|as|the same as|same as) before|the same|unchanged|identical|same|default|defaults|as is)"
    r"|sonst nichts(?: (?:ändern|anders))?|alles andere (?:bleibt|gleich|lassen|unverändert)(?: (?:gleich|wie|es|ist|so))*|rest bleibt(?: gleich)?|ceteris paribus|only that|that's it|nothing more)"
)
_ASSIGN = re.compile(
    r"(?:^|[\s,;(`])(?P<dashes>--?)?(?P<key>[A-Za-z_][\w.-]*)\s?=\s?(?P<value>[^\s,;]+)"
)


def read_rest(draft: Draft) -> None:
    """Takes `don't change anything else` and its like."""
    if take_rest(draft.text):
        draft.suppose("everything that is not named stays as it is")


def take_rest(text: Text) -> bool:
    """Whether the text says that what it does not name stays; these words are understood then."""
    taken = False
    for at in range(len(text)):
        found = _REST.match(text.after(at, 12)) if text.low(at) else None
        if found is not None:
            text.take(at, at + len(found.group().split()))
            taken = True
    return taken


def base_on(draft: Draft, situation: Situation, reference: Reference) -> None:
    """Starts from the settings of a run that is referred to, or takes one setting of it.

    Raises:
        UsageError: two runs are referred to as a whole.
    """
    text = draft.text
    if _one_setting(draft, situation, reference):
        return
    if situation.base_run is not None and situation.base_run.id != reference.run.id:
        raise UsageError(
            f"the instruction starts from two runs, `{situation.base_run.name}` and "
            f"`{reference.run.name}`; name one, or `lr of {reference.run.name}` for a single setting"
        )
    situation.base_run = reference.run
    draft.refers = True
    text.take(reference.start, reference.end)
    draft.suppose(f'"{reference.words}": {reference.how}, and its settings are the start')


def _one_setting(draft: Draft, situation: Situation, reference: Reference) -> bool:
    """`the lr of bold-heron`, `bold-heron's lr`, `same lr as bold-heron`."""
    text = draft.text
    mention: Mention | None = None
    end = reference.end
    if text.low(end) == "'s":
        mention = text.lexicon.match(text.tokens, end + 1)
    else:
        at = max(reference.start - 6, 0)
        while mention is None and at < reference.start:
            found = text.lexicon.match(text.tokens, at) if text.low(at) else None
            if found is not None and found.known and found.end == reference.start:
                mention = found
            at += 1
    if mention is None or not mention.known:
        return False
    known = mention.known[0]
    value = situation.of_run(reference.run, known)
    if value is None:
        raise UsageError(
            f"the record of `{reference.run.name}` does not tell its `{known.key}`; say the value"
        )
    start, last = min(mention.start, reference.start), max(mention.end, reference.end)
    lead = re.search(r"(?:use|take|with|same|the|set)(?: (?:the|same))*$", text.before(start))
    start -= len(lead.group().split()) if lead else 0
    why = f'"{text.said(start, last)}": `{reference.run.name}` ran with {values.shown(value)}'
    draft.choose(known, [value], why, start)
    text.take(start, last)
    return True


def assign_unknown(draft: Draft, situation: Situation) -> None:
    """Answers nothing where every `key=value` names a setting, or something that code could have.

    Raises:
        NotFoundError: one names neither; the nearest are told.
    """
    text = draft.text
    for found in _ASSIGN.finditer(text.plain):
        at = next((i for i, t in enumerate(text.tokens) if t.start >= found.start("key")), None)
        if (
            at is None
            or text.used[at]
            or text.tokens[at].low in ("seed", "seeds", "budget", "metric", "n", "points")
        ):
            continue
        if text.lexicon.match(text.tokens, at) is None and situation.script is not None:
            _near(draft, situation, found["key"], at, text.tokens[at].low)


def _near(draft: Draft, situation: Situation, key: str, at: int, low: str) -> None:
    assert situation.script is not None
    near = [w for w in rest.nearest(key, draft)]
    from labhand.interpret.text import slips

    plain = key.lower().replace("-", "_")
    slipped = [n for n in near if slips(plain, n.rpartition(".")[2].lower()) <= 1 + (len(key) > 7)]
    if len(slipped) == 1 and len(key) > 3:
        word = slipped[0]
        end = at + 1
        while (
            end < len(draft.text)
            and draft.text.tokens[end].glued
            and draft.text.tokens[end].low in (*"_-.",)
        ):
            end += 2
        known = next(k for k in draft.text.lexicon.known if k.key == word)
        draft.suppose(f"`{key}` is read as `{known.key}`")
        token = draft.text.tokens[at]
        whole = token._replace(
            text=key, low=word, kind="quoted", end=draft.text.tokens[end - 1].end
        )
        draft.text.tokens[at:end] = [whole]
        draft.text.used[at:end] = [False]
        draft.text.mended[key] = word
        return
    if _belongs_to_new(draft, at):
        return
    find(key, situation.settings, situation.script)
    raise NotFoundError(f"no setting of {situation.script.name} is named `{key}`")


def _belongs_to_new(draft: Draft, at: int) -> bool:
    """Whether a key is of a thing that the script does not have: the `r` of `LoRA adapters r=32`."""
    text = draft.text
    low = text.tokens[at - 1].low if at else ""
    odd = low.isalpha() and low not in vocabulary.KNOWN_WORDS
    return odd and not any(
        m is not None and m.end == at
        for m in (text.lexicon.match(text.tokens, i) for i in range(max(at - 3, 0), at))
    )


def read_lengths(draft: Draft, situation: Situation) -> None:
    """Makes a budget of the epochs and steps that were said, whether or not a setting holds them."""
    for said in draft.said:
        concept = said.known.concept
        if (
            concept is not None
            and concept.id in ("epochs", "steps")
            and (said.known in draft.text.lexicon.of_concept(concept.id))
            and len(said.values) == 1
            and said.origin == "said"
        ):
            value = said.values[0]
            if isinstance(value, int | float) and value > 0:
                draft.budget[concept.id] = whole(value)
    for mention in list(draft.missing):
        unit = mention.concept.id if mention.concept else ""
        if unit in ("epochs", "steps"):
            draft.missing.remove(mention)
            if draft.text.low(mention.start - 2) not in ("every", "each", "first", "last"):
                _length_of_other(draft, situation, mention, unit)


def _length_of_other(draft: Draft, situation: Situation, mention: Mention, unit: str) -> None:
    text = draft.text
    before = text.amount(mention.start - 1) if mention.start else None
    after = text.amount(text.skip(mention.end, ("=", ":", "to", "of", "for", "at")))
    found = (before[0], mention.start - 1, mention.end) if before else None
    if found is None and after is not None:
        found = (after[0], mention.start, after[1])
    if found is None:
        return
    amount, start, end = found
    if (unit == "epochs" and amount.value <= 0) or amount.value <= 0:
        raise UsageError(
            f'"{text.said(start, end)}" is no length of a training; say one above zero'
        )
    draft.budget[unit] = whole(amount.value)
    other = length_of(draft)
    script = situation.script.name if situation.script else "the project"
    has = f"it counts `{other.key}`" if other else "nor another one for its length"
    draft.suppose(
        f"{script} has no setting for {unit}, {has}: {text.said(start, end)} is kept as the budget"
    )
    if other is not None:
        now = draft.base(other).value
        draft.doubt(
            f"How many `{other.key}` are {text.said(start, end)}? It is {values.shown(now)} now.",
            [now, "compute it from the size of the data"],
            now,
            0.5,
        )
    text.take(start, end)


def contradictions(draft: Draft) -> None:
    """Answers nothing where what shall be kept is not changed as well.

    Raises:
        UsageError: it is.
    """
    for said in draft.said:
        if said.known.key in draft.kept and said.values != [draft.base(said.known).value]:
            raise UsageError(
                f"the instruction contradicts itself on `{said.known.key}`: it shall stay as it is, and "
                f"{said.why} makes it {', '.join(map(values.shown, said.values))}; say one of them"
            )


def is_bare(draft: Draft) -> bool:
    """Whether only a goal is said, and no way to it."""
    if not draft.wish:
        return False
    return not (draft.said or draft.edits or draft.seeds) and not draft.text_is_known()


def goal(draft: Draft, settings: list[Choice], sweep: dict[str, list[Any]]) -> str:
    """The instruction as one sentence of what is wanted."""
    words = re.sub(r"\s+", " ", draft.text.plain).strip()
    return words if len(words) <= 200 else words[:197].rsplit(" ", 1)[0] + "…"


def tell(draft: Draft, intent: Intent, situation: Situation) -> None:
    """Writes out all that the intent rests on and nobody said."""
    for text, word in draft.text.mended.items():
        draft.suppose(f"`{text}` is read as `{word}`")
    _of_script(draft, situation)
    _of_base(draft, intent, situation)
    _of_runs(draft, intent, situation)
    _of_code(draft, intent, situation)
    _together(draft)
    if is_bare(draft):
        draft.suppose(
            "only the goal is said, and no way to it: a model or you must propose what to change"
        )


def _of_script(draft: Draft, situation: Situation) -> None:
    if situation.script is None:
        draft.suppose(f"no Python script that could be started is in {situation.root.name}/")
        return
    shown = (
        situation.script.relative_to(situation.root)
        if situation.script.is_relative_to(situation.root)
        else situation.script
    )
    draft.suppose(f"{shown} is meant: {situation.why_script}")
    others = [p for p in situation.alike if p != situation.script]
    if others and (draft.said or draft.seeds or draft.budget):
        names = [p.relative_to(situation.root).as_posix() for p in (situation.script, *others)][:4]
        draft.doubt("Which script is meant?", names, names[0], 0.3)


def _of_base(draft: Draft, intent: Intent, situation: Situation) -> None:
    run = situation.base_run
    if run is None:
        if not (
            intent.settings or intent.sweep or intent.edits or intent.seeds or intent.needs_model
        ):
            draft.suppose("nothing is to be changed: the script runs as it stands")
        if intent.settings or intent.sweep:
            draft.suppose(_unnamed(situation))
        return
    missing = object()
    taken = {c.key for c in intent.settings} | set(intent.sweep)
    keys = {known.key for known in draft.text.lexicon.known}
    for known in draft.text.lexicon.known:
        if situation.computes(run, known, keys):
            continue
        value = situation.of_run(run, known, missing)
        same = value == known.setting.default or values.shown(value) == values.shown(
            known.setting.default
        )
        if known.key in taken or value is missing or same or isinstance(value, dict):
            continue
        if known.key == "seed" and intent.seeds is not None:
            continue
        why = f"`{run.name}` ran with it; the code has {values.shown(known.setting.default)}"
        intent.settings.append(
            Choice(key=known.key, value=value, origin="project", confidence=0.95, why=why)
        )
    draft.suppose(f"the code is as it is now; `labhand rerun {run.name}` runs the code of then")


def _unnamed(situation: Situation) -> str:
    run = situation.last_run
    if run is None or situation.script is None:
        return "whatever is not named has its default in the code"
    _, position = script_of(situation.command, situation.cwd, situation.root)
    given = shlex.join(situation.command[position + 1 :])
    if not given:
        return "whatever is not named has its default in the code"
    return f"whatever is not named is as in the last run, `{run.name}`: {given}"


def _of_runs(draft: Draft, intent: Intent, situation: Situation) -> None:
    if intent.runs > 1:
        parts = [f"{len(v)} of `{k}`" for k, v in intent.sweep.items()]
        count = len(intent.seeds) if isinstance(intent.seeds, list) else intent.seeds or 1
        parts += [f"{count} seeds"] if count > 1 else []
        grid = " × ".join(parts)
        draft.suppose(
            f"{intent.runs} runs: {grid}; each starts from nothing, on the same split of the data"
        )
        if intent.runs >= 100:
            draft.doubt(f"That is {intent.runs} runs: all of them?", ["all", "fewer"], "all", 0.3)
    if not (intent.settings or intent.sweep or intent.seeds):
        return
    seed = seed_of(draft)
    if (
        intent.seeds is None
        and seed is not None
        and all(c.key != seed.key for c in intent.settings)
    ):
        present = situation.base(seed).value
        draft.suppose(
            f"one seed for each: `{seed.key}` stays {values.shown(present)}, and is recorded"
            if present is not None
            else f"`{seed.key}` stays unset, so a run cannot be had again; say one, such as `seed 0`"
        )
    elif intent.seeds is not None and seed is None and situation.script is not None:
        draft.suppose(
            f"{situation.script.name} has no setting for its seed: the repeats differ by chance and cannot be had again"
        )
    elif isinstance(intent.seeds, int) and seed is not None:
        draft.suppose(
            f"the seeds are `{seed.key}` 0 to {intent.seeds - 1}, and are recorded with each run"
        )
    if intent.runs > 1 and intent.metric is None:
        name = next((n for n in headlines(situation.metrics.values())), None)
        if name:
            better = {"up": "higher", "down": "lower"}.get(direction(name) or "", "")
            draft.suppose(
                f"the runs are compared by `{name}`, {better} is better"
                if better
                else f"the runs are compared by `{name}`"
            )


def _of_code(draft: Draft, intent: Intent, situation: Situation) -> None:
    if not intent.edits:
        return
    draft.suppose("with what is new switched off, the training stays as it was, bit for bit")
    draft.suppose(
        "training and evaluation both get the change where it concerns both; split and metric stay"
    )
    draft.suppose("what is new can be set from outside, and its value is recorded with the run")


def _together(draft: Draft) -> None:
    """What usually moves with a setting, and is left alone since nobody said it."""
    said = {s.known.concept.id: s for s in draft.said if s.known.concept is not None}
    for one, other, words in (
        ("batch-size", "learning-rate", "is not scaled with the batch"),
        ("steps", "warmup", "is not stretched with the training"),
        ("epochs", "warmup", "is not stretched with the training"),
        ("steps", "eval-interval", "stays"),
        ("optimizer", "learning-rate", "stays, though another optimizer may want another"),
        ("depth", "learning-rate", "stays"),
    ):
        if one in said and other not in said:
            for known in draft.text.lexicon.of_concept(other)[:1]:
                draft.suppose(f"`{known.key}` {words}: {values.shown(draft.base(known).value)}")
    _divides(draft, "width", "heads")


def _divides(draft: Draft, one: str, other: str) -> None:
    """Raises UsageError where the width is no multiple of the heads, as attention needs it."""
    found = []
    for concept in (one, other):
        known = next(iter(draft.text.lexicon.of_concept(concept)), None)
        said = next((s for s in draft.said if known and s.known.key == known.key), None)
        found.append((known, said.values if said else [draft.base(known).value] if known else []))
    if not (found[0][0] and found[1][0]) or not any(
        s.known in (found[0][0], found[1][0]) for s in draft.said
    ):
        return
    for width in found[0][1]:
        for heads in found[1][1]:
            if isinstance(width, int) and isinstance(heads, int) and heads > 0 and width % heads:
                draft.suppose(
                    f"attention will most likely refuse `{found[0][0].key}` {width} with `{found[1][0].key}` {heads}: it is no multiple"
                )
