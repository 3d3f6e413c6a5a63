"""The answer to a question of an intent, put into the intent: what was answered is what runs."""

import re
from typing import Any

import msgspec

from labhand.core.errors import UsageError
from labhand.core.habit import Habit
from labhand.core.intent import Choice, Intent, Question
from labhand.interpret.values import shown
from labhand.kit.metric_names import direction

_NAMED = re.compile(r"`([^`]+)`")


def answered(intent: Intent, question: Question, answer: Any, by: Habit | None = None) -> Intent:
    """The intent with an answer that is not the default in it, a person's or that of a habit.

    Raises:
        UsageError: the answer is no value that can stand in for the default.
    """
    if shown(answer) == shown(question.default):
        return intent
    intent = _replaced(intent, questions=[q for q in intent.questions if q is not question])
    named = _NAMED.findall(question.text)
    metric = intent.metric
    if metric is not None and metric.name in [*named, question.default]:
        if question.default == metric.direction:
            return _replaced(intent, metric=msgspec.structs.replace(metric, direction=answer))
        if question.default == metric.name:
            goal = msgspec.structs.replace(metric, name=answer, direction=direction(str(answer)))
            return _replaced(intent, metric=goal)
    proposed = re.fullmatch(r"([\w.]+)=(.+)", str(answer)) if answer in question.options else None
    if proposed is not None:
        return _proposed(intent, proposed[1], proposed[2].split(","), by)
    settings = _settings(intent, question, named, answer, by)
    if settings is not None:
        return _replaced(intent, settings=settings)
    if question.default in intent.sweep and answer in question.options:
        sweep = {answer if k == question.default else k: v for k, v in intent.sweep.items()}
        return _replaced(intent, sweep=sweep)
    raise UsageError(
        f'the answer "{shown(answer)}" to "{question.text}" says no value that could run; say what is '
        "meant in the instruction"
    )


def _proposed(intent: Intent, key: str, found: list[str], by: Habit | None) -> Intent:
    """The intent with a setting that was only proposed: one value, or several to try."""
    values = [_number(v) if _number(v) is not None else v for v in found]
    if len(values) > 1:
        return _replaced(intent, sweep={**intent.sweep, key: values})
    return _replaced(intent, settings=[*intent.settings, _said(key, values[0], by)])


def _settings(
    intent: Intent, question: Question, named: list[str], answer: Any, by: Habit | None
) -> list[Choice] | None:
    """The settings with the answer as another setting's name, or as the value of one that is named."""
    for number, choice in enumerate(intent.settings):
        changed = None
        if choice.key == question.default and answer in question.options:
            changed = _said(answer, choice.value, by)
        elif choice.key in named and shown(choice.value) == shown(question.default):
            changed = _said(choice.key, answer, by)
        if changed is not None:
            return [*intent.settings[:number], changed, *intent.settings[number + 1 :]]
    value = _number(answer)
    if named and value is not None and _number(question.default) is not None:
        return [*intent.settings, _said(named[0], value, by)]
    return None


def _said(key: str, value: Any, by: Habit | None) -> Choice:
    if by is None:
        return Choice(key=key, value=value, origin="said", confidence=1.0, why="answered")
    return Choice(key=key, value=value, origin="learned", confidence=by.confidence, why=by.text)


def _number(value: Any) -> float | int | None:
    try:
        found = float(str(value))
    except ValueError:
        return None
    return int(found) if found == int(found) and "." not in str(value) else found


def _replaced(intent: Intent, **parts: Any) -> Intent:
    return msgspec.structs.replace(intent, **parts)
