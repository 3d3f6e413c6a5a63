"""Which doubts are worth a question: what being wrong costs, times how likely it is, against the asking."""

import statistics
from collections.abc import Sequence

import msgspec

from labhand.core.errors import UsageError
from labhand.core.habit import Habit
from labhand.core.intent import Intent, Question
from labhand.interpret.answered import answered
from labhand.interpret.draft import Doubt
from labhand.interpret.situation import Situation
from labhand.kit.replies import about
from labhand.kit.values import shown

PRICE_S = 60.0
"""What a question costs: a minute of a person who is called away from something else."""
NOTICED_S = 300.0
"""What a wrong run costs at least: five minutes of a person, to see it and to say it again."""
MACHINE = 0.2
"""What a second of computing that was in vain is worth, in seconds of a person."""
UNKNOWN_RUN_S = 1800.0
"""How long a run is taken to last where none has been recorded."""


def cost(situation: Situation, runs: int) -> float:
    """What a wrong assumption costs, in prices of a question."""
    lasted = [row.wall_s for row in situation.runs[:20] if row.wall_s and row.status == "finished"]
    each = statistics.median(lasted) if lasted else UNKNOWN_RUN_S
    return (NOTICED_S + MACHINE * runs * each) / PRICE_S


def questions(
    doubts: list[Doubt], intent: Intent, situation: Situation
) -> tuple[list[Question], list[str]]:
    """The doubts that are worth a question, dearest first, and the others as assumptions."""
    price = cost(situation, intent.runs)
    asked: list[Question] = []
    assumed: list[str] = []
    for doubt in doubts:
        worth = round(doubt.wrong * price, 2)
        if worth > 1 and len(doubt.options) > 1:
            asked.append(
                Question(text=doubt.text, options=doubt.options, default=doubt.default, worth=worth)
            )
        else:
            assumed.append(f"{doubt.text.rstrip('?')}: {doubt.default} is taken")
    return sorted(asked, key=lambda q: -q.worth), assumed


def settled(intent: Intent, habits: Sequence[Habit]) -> Intent:
    """The intent without the questions that a person always answers alike: the answer is in it."""
    for question in list(intent.questions):
        key = about(question.text)
        habit = next((h for h in habits if key and h.when.get("asked") == key), None)
        if habit is None or shown(habit.then.get(key)) not in map(shown, question.options):
            continue
        try:
            intent = answered(intent, question, habit.then[key], habit)
        except UsageError:
            continue
        left = [q for q in intent.questions if q.text != question.text]
        told = f"{question.text.rstrip('?')}: {shown(habit.then[key])}, since {habit.text}"
        intent = msgspec.structs.replace(
            intent, questions=left, assumptions=[*intent.assumptions, told]
        )
    return intent
