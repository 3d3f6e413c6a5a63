"""What a person usually answers: to the findings of a rule, and to patches that touch what judges results."""

from collections.abc import Sequence

from labhand.core.patch import Patch
from labhand.kit.verdicts import Verdict
from labhand.learn import belief
from labhand.learn.evidence import Case, Learned, learned

_ANSWERS = {
    "fine": "you usually find nothing off in what {} tells",
    "real": "what {} tells is usually right",
}


def answers(verdicts: Sequence[Verdict], patches: Sequence[Patch]) -> list[Learned]:
    """The rules that are usually answered alike, and the patches that are."""
    return [*_of_rules(verdicts), *_of_patches(patches)]


def _of_rules(verdicts: Sequence[Verdict]) -> list[Learned]:
    made = []
    for rule in dict.fromkeys(said.rule for said in verdicts):
        mine = [said for said in verdicts if said.rule == rule]
        found = belief.settled([said.answer for said in mine])
        if found is not None:
            cases = [Case(s.answer == found.value, s.run, s.time) for s in mine[found.start :]]
            text = _ANSWERS[str(found.value)].format(rule)
            then = {"verdict": found.value}
            made.append(learned("next", f"verdict-on-{rule}", text, {"finding": rule}, then, cases))
    return made


def _of_patches(patches: Sequence[Patch]) -> list[Learned]:
    answered = [p for p in patches if p.status in ("accepted", "rejected")]
    made = []
    for what in dict.fromkeys(touch.what for p in answered for touch in p.touches):
        mine = [p for p in answered if any(touch.what == what for touch in p.touches)]
        found = belief.settled([p.status for p in mine])
        if found is not None and found.value == "rejected":
            cases = [Case(p.status == "rejected", p.name, p.made) for p in mine[found.start :]]
            text = f"you usually reject patches that touch the {what}"
            when, then = {"patch touches": what}, {"verdict": "rejected"}
            made.append(learned("next", f"patches-that-touch-{what}", text, when, then, cases))
    return made
