"""Corrects a misspelt flag, and a choice that is written otherwise."""

import difflib
import re

from labhand.core import run
from labhand.launch import change
from labhand.launch.job import Mending, Situation
from labhand.launch.switches import offered

_FLAG = re.compile(r"--[A-Za-z][\w.-]*")
_ANY = re.compile(r".+")
_CHOICE = re.compile(
    r"invalid choice: '(?P<value>[^']+)' \(choose from (?P<listed>.+)\)"
    r"|'(?P<click>[^']+)' is not one of (?P<choices>.+?)\.?$"
)
"""As argparse says it, and as click does."""
_CHOICES = re.compile(r"[^\s',]+")
_NEAR = 0.82
_CLEARLY = 0.06


class Fixer:
    """Corrects a misspelt flag, and a choice that is written otherwise.

    ## What it does
    Where a flag is turned down and exactly one flag of the script is spelt nearly so, the next
    attempt has that one. Of a value that is none of the choices, the one choice that differs by capitals,
    hyphens and underscores alone is taken.

    ## Known problems
    A missing argument, or any other value that is turned down, is never filled in.

    ## Example
    `--lerning-rate 0.1` → `--learning-rate 0.1`, `--opt AdamW` → `--opt adamw`

    ## Fix safety
    Neutral: the value is as it was typed, for the flag that was meant; the correction is told.

    ## References
    The Python documentation, `difflib.get_close_matches`.
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The command with the flag corrected; None where no flag, or more than one, is near."""
        words = situation.job.command
        flags = _flags(failure, situation)
        changed, told = list(words), []
        for place, word in enumerate(words):
            name, equals, value = word.partition("=")
            if (
                not name.startswith("--")
                or name in flags
                or name not in str(failure.evidence["text"])
            ):
                continue
            near = _near(name, flags)
            if near is None or near in words:
                continue
            changed[place] = near + equals + value
            told.append(f"{near} in place of {name}")
        for value, choice in _chosen(str(failure.evidence["text"])):
            for place, word in enumerate(words):
                name, equals, given = word.rpartition("=")
                if given == value and not (equals and not name.startswith("--")):
                    changed[place] = name + equals + choice
                    told.append(f"{choice} in place of {value}")
        if not told:
            return None
        return change.command(failure, situation, ", ".join(told), changed)


def _flags(failure: run.Failure, situation: Situation) -> set[str]:
    """The flags that the script takes: those of its code, and those that its usage lists."""
    found = {
        word for setting in offered(situation, _ANY) for word in (*setting.spellings, setting.flag)
    }
    found |= {setting.off for setting in offered(situation, _ANY) if setting.off}
    usage = str(failure.evidence.get("usage", "")).partition(" error: ")[0]
    found |= set(_FLAG.findall(usage))
    return {flag for flag in found if flag.startswith("--")} - {"--help", "--version"}


def _chosen(text: str) -> list[tuple[str, str]]:
    """The value that is none of the choices, and the only choice that is the same word."""
    found = _CHOICE.search(text)
    if found is None:
        return []
    value, listed = found["value"] or found["click"], found["listed"] or found["choices"]
    alike = [c for c in _CHOICES.findall(listed) if _plain(c) == _plain(value)]
    return [(value, alike[0])] if len(alike) == 1 else []


def _plain(word: str) -> str:
    return word.lower().replace("_", "-")


def _near(name: str, flags: set[str]) -> str | None:
    scored = sorted(((_likeness(_plain(name), _plain(flag)), flag) for flag in flags), reverse=True)
    if not scored or scored[0][0] < _NEAR:
        return None
    if len(scored) > 1 and scored[0][0] - scored[1][0] < _CLEARLY and scored[0][0] < 1:
        return None
    return scored[0][1]


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()
