"""Failure → a way on, within the limits that keep a run from looping."""

from pathlib import Path

from labhand.core import run
from labhand.core.errors import LabhandError
from labhand.core.registry import load_all
from labhand.launch.job import Fixer, Mending, Situation

MOST_ATTEMPTS = 5
MOST_OF_A_KIND = 2


def mend(failure: run.Failure, situation: Situation) -> Mending | None:
    """A way on after a failure; None where there is none, `failure.evidence["advice"]` saying why.

    May ask a package index; changes nothing. A mending with a `question` needs the person's yes.
    """
    if situation.allowed == "off":
        return None
    loaded, _ = load_all("fixer", Path(situation.home))
    if failure.kind not in loaded:
        return None
    why = _enough(failure, situation, loaded[failure.kind])
    if why is not None:
        failure.evidence["advice"] = f"{why}; {failure.evidence.get('advice', 'it is left to you')}"
        return None
    fixer: Fixer = loaded[failure.kind]()
    try:
        mending = fixer.propose(failure, situation)
    except LabhandError as error:
        failure.evidence["advice"] = str(error)
        return None
    except Exception as error:  # a fixer of the project's own must not stop the run
        trouble = f"{type(error).__name__}: {error}"
        failure.evidence["advice"] = f"the fixer `{failure.kind}` itself failed with {trouble}"
        return None
    return None if mending is None else _asked(mending, situation)


def _asked(mending: Mending, situation: Situation) -> Mending:
    """The mending with the question that the person's settings make necessary, and no other."""
    if situation.allowed == "all":
        return mending._replace(question=None)
    if mending.fix.safety == "scientific" and mending.question is None:
        return mending._replace(question=f"{mending.fix.summary}: this can change results; do so?")
    return mending


def _enough(failure: run.Failure, situation: Situation, fixer: type[Fixer]) -> str | None:
    """Why no further fix is tried. A fixer that `retries` may meet the same failure again."""
    if len(situation.attempts) >= MOST_ATTEMPTS:
        return f"{MOST_ATTEMPTS} attempts are enough"
    fixed = [attempt for attempt in situation.attempts if attempt.fix is not None]
    if sum(a.fix is not None and a.fix.kind == failure.kind for a in fixed) >= MOST_OF_A_KIND:
        return f"a run gets {MOST_OF_A_KIND} fixes of one kind and has had them"
    again = any(a.failure is not None and a.failure.message == failure.message for a in fixed)
    if again and not getattr(fixer, "retries", False):
        return "the same failure came back after its fix"
    return None
