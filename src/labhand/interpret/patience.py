"""How long to wait for something better: `give up after 3 epochs without progress`, `be patient: 10 epochs`."""

import re

from labhand.interpret import relative, values
from labhand.interpret.clauses import Clause, clauses
from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Known
from labhand.interpret.text import Text

_STALLS = re.compile(
    r"\b(?:improv\w*|better|gain\w*|progress|stall\w*|plateau\w*|stagnat\w*|patien(?:t|ce)|before (?:it )?stop\w*)\b"
)
_ENDS_SO = re.compile(
    r"\b(?:stop\w*|until|till|give up|quit|wait\w*|abort|patient|without|no|not|w / o|(?:has|does|did|is)nt)\b"
)
_OF_RATE = re.compile(r"\b(?:lr|rate|factor|cut|drop|reduce|lower|halve|divide|decay)\b")
_ROUNDS = re.compile(
    rf"{relative.N}(?: (?:epochs?|evals?|evaluations?|rounds?|steps?|validations?|iterations?|its))\b"
)


def waited(text: Text, clause: Clause) -> int | None:
    """How long a clause lets nothing get better before it ends: 3 of `stop if the loss doesnt improve for 3 epochs`."""
    spoken = " ".join(text.spelled(i) for i in range(clause.start, clause.end))
    if any(text.used[clause.start : clause.end]) or not _STALLS.search(spoken):
        return None
    found = _ROUNDS.findall(spoken)
    if len(found) != 1 or not _ENDS_SO.search(spoken) or _OF_RATE.search(spoken):
        return None
    return int(float(found[0]))


def patient(text: Text) -> Known | None:
    """The setting that says how long to wait for something better, if there is one."""
    known = [k for k in text.lexicon.known if k.concept and k.concept.id == "patience"]
    stops = [k for k in known if re.search("early|stop", k.key.lower())]
    return next((found[0] for found in (stops, known) if len(found) == 1), None)


def read(draft: Draft) -> None:
    """`give up after 3 epochs without progress`, where the script has a patience."""
    text, known = draft.text, patient(draft.text)
    for clause in clauses(text) if known is not None else ():
        rounds = waited(text, clause)
        if known is not None and rounds is not None:
            why = f'"{text.said(clause.start, clause.end)}"'
            draft.choose(known, [values.fitted_number(known, rounds)], why, clause.start, 0.95)
            text.take(clause.start, clause.end)
