"""Whether the setting that explains the words of a piece best may be taken, or is to be asked for.

A setting that no other comes near is meant even where much of its piece is not its own name, as long as
nothing is left that could mean something else: another value, what the code calls something, a verb of
making, a refusal, a condition. What is left so makes it a question and no setting.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from labhand.interpret import vocabulary
from labhand.interpret.clauses import Clause
from labhand.interpret.draft import Draft
from labhand.interpret.likeness import Fit, best, word
from labhand.interpret.values import shown

ENOUGH = 0.3
"""Of a score that is good enough where all others are far behind."""
FAR = 0.6
"""The share of the best score that all others must stay below then."""
LIKELY = 0.2
"""Of a score that makes a setting one to ask for."""
MOST = 3
"""Settings that are asked for."""
NOTHING = "none of them"
_BINDS = frozenset(
    "no not without dont never except unless if when until till while instead rather unlike before after "
    "implement plot measure average compute calculate write replace refactor rename port build insert wrap".split()
)
"""Words that say more than which setting is meant."""


class Verdict(NamedTuple):
    """The setting that explains words best. `sure`: it may be set; else it is to be asked for."""

    fit: Fit
    sure: bool


def verdict(draft: Draft, fits: Sequence[Fit], places: Iterable[int]) -> Verdict | None:
    """The setting that is meant by the words at these tokens; None: no one alone is."""
    fits = [f for f in fits if f.own]
    if (found := best(fits)) is not None:
        return Verdict(found, True)
    if not fits or fits[0].score < ENOUGH or not fits[0].plain:
        return None
    if any(f.score > FAR * fits[0].score for f in fits[1:]):
        return None
    return Verdict(fits[0], not left(draft, fits[0], places))


def ask(
    draft: Draft,
    piece: Clause,
    proposals: Sequence[tuple[Fit, list[object]]],
    places: Iterable[int],
) -> None:
    """Asks which of settings a piece is about, where it may be one of the script's and no new code is spoken of."""
    new = [p for p in proposals if p[1] != [draft.base(p[0].known).value]]
    likely = [p for p in new if p[0].plain and p[0].score >= LIKELY][:MOST]
    if not likely or left(draft, likely[0][0], places):
        return
    options = [f"{fit.known.key}={','.join(map(shown, found))}" for fit, found in likely]
    said = draft.text.said(piece.start, piece.end)
    draft.doubt(f'Which setting is meant by "{said}"?', [NOTHING, *options], NOTHING, 0.5)
    draft.text.take(piece.start, piece.end)


def left(draft: Draft, fit: Fit, places: Iterable[int]) -> list[str]:
    """The words at these tokens that a setting does not explain and that mean something of their own."""
    text = draft.text
    found = []
    for at in places:
        token = text.tokens[at]
        if token.kind == "mark" or draft.likeness.speaks(word(token.low), fit.known):
            continue
        if token.kind in ("number", "quoted") or token.low in _BINDS or _is_named(draft, fit, at):
            found.append(token.low)
    return found


def others(draft: Draft, fit: Fit, places: Iterable[int]) -> bool:
    """Whether words that a setting does not explain name something that the script does not have."""
    text = draft.text
    unread = (i for i in places if not draft.likeness.speaks(word(text.tokens[i].low), fit.known))
    found = (text.lexicon.match(text.tokens, i) for i in unread if text.tokens[i].kind == "word")
    return any(m and not m.known and m.concept and m.concept.id not in _WHOLES for m in found)


_WHOLES = frozenset("dataset model loss".split())
"""What every script has, be it no setting."""


def _is_named(draft: Draft, fit: Fit, at: int) -> bool:
    """Whether a token is a value by itself, or names another setting."""
    low = draft.text.tokens[at].low
    if vocabulary.value_words().get(vocabulary.joined(low)) is not None:
        return True
    named = draft.text.lexicon.match(draft.text.tokens, at)
    if named is None or fit.known in named.known:
        return False
    return (
        not named.known or named.strength >= 0.95
    )  # what the script does not have is no part of another thing
