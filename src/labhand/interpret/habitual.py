"""What one researcher's habits tell of what an instruction leaves unsaid."""

import re
from collections.abc import Iterator
from typing import Any

from labhand.core.habit import Habit
from labhand.interpret import seeds, values
from labhand.interpret.draft import Draft, Said
from labhand.interpret.lexicon import Known
from labhand.interpret.situation import Situation
from labhand.kit.habits import usual

SURE = 0.5
"""A habit that is less sure fills in nothing by itself."""
STAYS = "everything that is not named stays as it is"
_ALWAYS = re.compile(r"^[\s*>-]*(always [^.\n]{5,150})", re.I | re.M)
_MOST = 5


def read(draft: Draft, situation: Situation) -> None:
    """Fills in what the habits tell, once all that was said has been read."""
    habits = situation.habits
    if situation.no_habits:
        draft.suppose(f"your habits are left out: {situation.no_habits}")
    if draft.edits:
        _written_down(draft, situation)
    if not habits:
        return
    for said in list(draft.said):
        if said.origin == "default":
            _instead(draft, situation, said)
    if STAYS not in draft.assumptions:
        for habit in habits:
            if habit.confidence >= SURE:
                _along(draft, situation, habit)
    _seeds(draft, situation)


def _names(known: Known) -> set[str]:
    return {known.key, known.setting.name, known.setting.name.replace("-", "_")}


def _now(draft: Draft) -> dict[str, Any]:
    """Every setting as it will be, by each of its names; what is swept has no value."""
    said = {s.known.key: s.values for s in draft.said}
    found: dict[str, Any] = {}
    for known in draft.text.lexicon.known:
        given = said.get(known.key, [draft.base(known).value])
        if len(given) == 1:
            found |= dict.fromkeys(_names(known), given[0])
    return found


def _known(draft: Draft, name: str) -> Known | None:
    return next((k for k in draft.text.lexicon.known if name in _names(k)), None)


def _fits(known: Known, value: Any) -> bool:
    """Whether the setting takes such a value at all: the code may have changed since."""
    setting = known.setting
    if setting.choices:
        return value in setting.choices
    number = isinstance(value, int | float) and not isinstance(value, bool)
    kinds = {
        "int": isinstance(value, int),
        "float": number,
        "bool": isinstance(value, bool),
        "str": isinstance(value, str),
    }
    return kinds.get(setting.type or "", True)


def _why(habit: Habit) -> str:
    where = f": {', '.join(habit.evidence[-3:])}" if habit.evidence else ""
    return f"{habit.text}{where}"


def _instead(draft: Draft, situation: Situation, said: Said) -> None:
    """Takes the researcher's usual value in place of the field's, where no value was said."""
    known, now = said.known, _now(draft)
    script = situation.script.name if situation.script else ""
    for name in _names(known):
        habit = usual(situation.habits, name, now, script)
        if habit is None or not _fits(known, value := habit.then[name]):
            continue
        base = draft.base(known).value
        if value == base or not _same_way(base, said.values[0], value):
            continue
        draft.said.remove(said)
        why = f"{said.why.split(';')[0]}; {_why(habit)}"
        draft.said.append(Said(known, [value], why, said.start, habit.confidence, "learned"))
        draft.doubts = [
            d._replace(
                options=values.distinct([value, *d.options]),
                default=value,
                wrong=1 - habit.confidence,
            )
            if f"`{known.key}`" in d.text
            else d
            for d in draft.doubts
        ]
        return


def _same_way(base: Any, wanted: Any, value: Any) -> bool:
    """Whether a value goes the way that was asked for, such as lower."""
    if not all(isinstance(v, int | float) for v in (base, wanted, value)):
        return True
    return bool((wanted > base) == (value > base))


def _along(draft: Draft, situation: Situation, habit: Habit) -> None:
    """What the researcher sets along with what was said, and did not say this time."""
    said = [s for s in draft.said if s.origin == "said" and len(s.values) == 1]
    cause = next((s for s in said if _names(s.known) & set(habit.when)), None)
    if cause is None or cause.values[0] == draft.base(cause.known).value:
        return
    taken = {s.known.key for s in draft.said} | set(draft.kept)
    for name, value in habit.then.items():
        known = _known(draft, name)
        if known is None or known.key in taken:
            continue
        if habit.kind == "value" and _fulfilled(habit, draft, situation) and _fits(known, value):
            if value != draft.base(known).value:
                draft.choose(known, [value], _why(habit), cause.start, habit.confidence, "learned")
        elif habit.kind == "together":
            _scale(draft, habit, cause, known)


def _fulfilled(habit: Habit, draft: Draft, situation: Situation) -> bool:
    script = situation.script.name if situation.script else ""
    now = _now(draft)
    return all(
        (k == "script" and v == script) or (k in now and now[k] == v) for k, v in habit.when.items()
    )


def _scale(draft: Draft, habit: Habit, cause: Said, known: Known) -> None:
    old, new, base = draft.base(cause.known).value, cause.values[0], draft.base(known)
    numbers = [v for v in (old, new, base.value) if isinstance(v, int | float) and v]
    if len(numbers) == 3 and "factor" in habit.text:
        factor = numbers[1] / numbers[0]
        factor = 1 / factor if "inverse factor" in habit.text else factor
        value = values.scaled(known, base, factor)
        why = f"{_why(habit)}; it was {values.shown(base.value)} in {base.where}"
        draft.choose(known, [value], why, cause.start, habit.confidence, "learned")
    else:
        times = f"{habit.support} of {habit.support + habit.against} times"
        draft.suppose(
            f"`{known.key}` stays {values.shown(base.value)}, though you usually change it with "
            f"`{cause.known.key}` ({times})"
        )


def _seeds(draft: Draft, situation: Situation) -> None:
    """As many seeds as usual, where runs are wanted and nothing is said of seeds."""
    habit = usual(
        situation.habits, "seeds", _now(draft), situation.script.name if situation.script else ""
    )
    seed = seeds.seed_of(draft)
    if habit is None or habit.confidence < SURE or draft.seeds is not None or seed is None:
        return
    if not draft.said or any(s.known.key == seed.key for s in draft.said):
        return
    count = habit.then["seeds"]
    if isinstance(count, int) and count > 1:
        draft.seeds = count
        draft.suppose(f"{count} seeds, of which nothing is said: {_why(habit)}")


def _written_down(draft: Draft, situation: Situation) -> None:
    for name, sentence in list(_always(situation))[:_MOST]:
        draft.suppose(f"{name} says: {sentence}")


def _always(situation: Situation) -> Iterator[tuple[str, str]]:
    """What the project's pages for agents say that is always to be done."""
    seen: set[str] = set()
    for name in ("AGENTS.md", "CLAUDE.md"):
        try:
            text = (situation.root / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        for sentence in _ALWAYS.findall(text):
            plain = re.sub(r"\s+", " ", sentence.replace("**", "")).strip()
            if plain.lower() not in seen:
                seen.add(plain.lower())
                yield name, plain
