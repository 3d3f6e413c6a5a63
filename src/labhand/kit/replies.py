"""A person's answers to questions about instructions: `.labhand/answers.jsonl`, one event a line, only added to."""

import re
from pathlib import Path
from typing import Any

import msgspec

from labhand.core import event
from labhand.core.intent import Question
from labhand.core.store import add_line

FILE = "answers.jsonl"
_NAMED = re.compile(r"`([^`]+)`")


class Reply(msgspec.Struct, kw_only=True):
    """What a person answered. `about` is the setting that was asked for, `default` what was proposed."""

    question: str
    about: str
    answer: Any
    default: Any
    time: str = ""


def about(question: str) -> str:
    """The setting that a question names first; empty where it names none."""
    found = _NAMED.search(question)
    return found[1] if found else ""


def add(home: Path, question: Question, answer: Any) -> None:
    """Adds an answer. Writes. Raises OSError."""
    line = event.encode(
        "answer",
        question=question.text,
        about=about(question.text),
        answer=answer,
        default=question.default,
    )
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    add_line(home / FILE, line)


def read(home: Path) -> list[Reply]:
    """The answers, oldest first. A line that cannot be read is passed over."""
    found = []
    for happened in event.read_from(home / FILE, {}):
        try:
            found.append(msgspec.convert(happened.data | {"time": happened.time}, Reply))
        except msgspec.ValidationError:
            continue
    return found
