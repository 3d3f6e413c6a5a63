"""What a person usually answers: to findings of a rule, patches that touch what judges results, questions."""

from collections.abc import Sequence

from labhand.core.patch import Patch
from labhand.kit.replies import Reply
from labhand.kit.values import shown
from labhand.kit.verdicts import Verdict
from labhand.learn import belief
from labhand.learn.evidence import Case, Learned, learned

_ANSWERS = {
    "fine": "you usually find nothing off in what {} tells",
    "real": "what {} tells is usually right",
}


def answers(
    verdicts: Sequence[Verdict], patches: Sequence[Patch], replies: Sequence[Reply]
) -> list[Learned]:
    """The rules that are usually answered alike, and the patches and questions that are."""
    return [*_of_rules(verdicts), *_of_patches(patches), *_of_questions(replies)]


def _of_questions(replies: Sequence[Reply]) -> list[Learned]:
    made = []
    for key in dict.fromkeys(said.about for said in replies if said.about):
        mine = [said for said in replies if said.about == key]
        told = [shown(said.answer) for said in mine]
        found = belief.settled(told)
        if found is not None:
            cases = [
                Case(t == found.value, said.question, said.time)
                for said, t in zip(mine[found.start :], told[found.start :], strict=True)
            ]
            value = next(s.answer for s, t in zip(mine, told, strict=True) if t == found.value)
            text = f"asked for `{key}`, you usually answer {found.value}"
            when, then = {"asked": key}, {key: value}
            made.append(learned("value", f"answer-on-{key}", text, when, then, cases))
    return made


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
