"""Settings that are said to go together: `adam at 1e-3, sgd at 0.1` is two runs, not four."""

from typing import NamedTuple

from labhand.core.errors import LabhandError
from labhand.interpret import choices, mentions, seeds, values
from labhand.interpret.clauses import Clause, clauses
from labhand.interpret.draft import CORRECTIONS, Draft, Said
from labhand.interpret.given import CLOSERS, connect
from labhand.interpret.lexicon import Known
from labhand.interpret.text import Text

_MOST_PIECES = 4
"""Clauses that one of the pairs may be spread over."""


class Piece(NamedTuple):
    """A clause read by itself: what it sets, the numbers nobody owns, and the tokens that it took."""

    clause: Clause
    said: dict[str, Said]
    free: list[int]
    used: list[bool]


def read(draft: Draft) -> None:
    """Takes clauses in a row that set the same two or more settings, each to one value.

    A later clause may leave names out: `lr 1e-4 for dqn and 5e-5 for c51`.
    """
    pieces = [_piece(draft, clause) for clause in clauses(draft.text)]
    at = 0
    while at < len(pieces):
        at = _row(draft, pieces, at) or at + 1


def _row(draft: Draft, pieces: list[Piece | None], first: int) -> int:
    """The place after the pairs that begin at a piece; 0 where none do."""
    for width in range(1, _MOST_PIECES + 1):
        head = _joined(pieces[first : first + width])
        if head is None or len(head.said) < 2 or head.free:
            continue
        rows, at = [head], first + width
        while (then := _joined(pieces[at : at + width])) is not None:
            full = _completed(draft, head, then)
            if full is None or _corrects(draft, rows[-1].clause.end, then.clause.start):
                break
            rows.append(full)
            at += width
        if len(rows) > 1:
            _take(draft, rows)
            return at
    return 0


def _piece(draft: Draft, clause: Clause) -> Piece | None:
    """A clause as it reads without the others; None where it cannot be read so."""
    whole = draft.text
    lows = [t.low for t in whole.tokens[clause.start : clause.end]]
    parted = sum(low in "([{" for low in lows) != sum(low in ")]}" for low in lows)
    if any(whole.used[clause.start : clause.end]) or parted:
        return None  # what stands in brackets is one list
    text = Text(whole.said(clause.start, clause.end), whole.lexicon)
    if len(text) != clause.end - clause.start:
        return None
    alone = Draft(text, draft.base)
    try:
        seeds.read(alone)
        of_seeds = list(text.used)
        mentions.read(alone)
        choices.read(alone)
    except LabhandError:
        return None
    if alone.seeds is not None or any(len(s.values) != 1 or s.origin != "said" for s in alone.said):
        return None
    gone = {i for mention in alone.missing for i in range(mention.start, mention.end)}
    free = [i for i in range(len(text)) if text.low(i) and text.tokens[i].kind == "number"]
    free = [i for i in free if i not in gone]
    used = [u and not s for u, s in zip(text.used, of_seeds, strict=True)]
    said = {s.known.key: s._replace(start=s.start + clause.start) for s in alone.said}
    return Piece(clause, said, [clause.start + i for i in free], used)


def _joined(pieces: list[Piece | None]) -> Piece | None:
    """Several pieces as one; None where one could not be read, or they set the same thing."""
    found = [p for p in pieces if p is not None]
    if not found or len(found) < len(pieces):
        return None
    said = {key: s for p in found for key, s in p.said.items()}
    if len(said) < sum(len(p.said) for p in found) or not all(p.said or p.free for p in found):
        return None
    clause = Clause(found[0].clause.start, found[-1].clause.end)
    used: list[bool] = []
    for piece in found:
        used += [True] * (piece.clause.start - clause.start - len(used)) + piece.used
    return Piece(clause, said, [i for p in found for i in p.free], used)


def _completed(draft: Draft, head: Piece, piece: Piece) -> Piece | None:
    """A piece with its bare numbers given to what the first one names; None where that does not fit."""
    order = sorted(head.said, key=lambda key: head.said[key].start)
    left = [key for key in order if key not in piece.said]
    more = set(piece.said) - set(head.said)
    if len(left) != len(piece.free) or (more and (left or len(piece.said) < 3)):
        return None
    if not piece.said and (_words(draft, piece.clause) - _words(draft, head.clause) or not left):
        return None
    said, used = dict(piece.said), list(piece.used)
    for key, at in zip(left, piece.free, strict=True):
        known, found = head.said[key].known, draft.text.amount(at)
        if found is None or isinstance(head.said[key].values[0], str):
            return None
        try:
            value = values.fitted(known, found[0])
        except LabhandError:
            return None
        said[key] = Said(known, [value], f'"{draft.text.said(at, found[1])}"', at, 0.9)
        used[at - piece.clause.start] = True
    return Piece(piece.clause, said, [], used)


def _words(draft: Draft, clause: Clause) -> set[str]:
    return {t.low for t in draft.text.tokens[clause.start : clause.end] if t.kind == "word"}


def _corrects(draft: Draft, start: int, end: int) -> bool:
    lows = {t.low for t in draft.text.tokens[start : end + 2]}
    return bool(lows & (CORRECTIONS | {"then", "else", "otherwise"}))


def _take(draft: Draft, rows: list[Piece]) -> None:
    """Notes the settings of the rows, and that a sweep tries more than was said."""
    text = draft.text
    keys: dict[str, Known] = {key: said.known for key, said in rows[0].said.items()}
    for key, known in keys.items():
        found = [value for row in rows for value in row.said[key].values]
        why = " and ".join(dict.fromkeys(row.said[key].why for row in rows))
        draft.choose(known, found, why, rows[0].said[key].start, 0.95)
    for row in rows[1:]:
        for key in [key for key in row.said if key not in keys]:
            said = row.said.pop(key)
            draft.choose(said.known, said.values, said.why, said.start, 0.8)
            draft.suppose(f"`{key}` is said with one of the pairs, and is set for all")
    for row in rows:
        for i, used in enumerate(row.used):
            if used:
                text.take(row.clause.start + i, row.clause.start + i + 1)
    pair(draft, [{key: said.values[0] for key, said in row.said.items()} for row in rows])


def pair(draft: Draft, rows: list[dict[str, object]]) -> None:
    """Writes out that values belong together, and asks what a grid of them is worth."""
    varied = [k for k in rows[0] if len(values.distinct([row[k] for row in rows])) > 1]
    if len(varied) < 2:
        return
    grid = 1
    for key in varied:
        grid *= len(values.distinct([row[key] for row in rows]))
    if grid == len(rows):
        return
    told = "; ".join(" with ".join(f"{k} {values.shown(row[k])}" for k in varied) for row in rows)
    names = ", ".join(f"`{k}`" for k in varied)
    draft.suppose(
        f"{names} are said in pairs ({told}); a sweep tries all {grid} combinations: for these "
        f"{len(rows)} alone, give `labhand run` a table with a row for each, as --sweep @FILE.csv"
    )
    draft.doubt(
        f"Shall all {grid} combinations of {names} run, or the {len(rows)} pairs alone?",
        [f"all {grid}", f"the {len(rows)} pairs"],
        f"all {grid}",
        0.5,
    )


def read_betas(draft: Draft) -> None:
    """Takes `betas 0.9, 0.95` where the script has one setting for each."""
    text = draft.text
    for at in range(len(text)):
        named = text.lexicon.match(text.tokens, at) if text.low(at) == "betas" else None
        pair = [k for c in ("beta1", "beta2") for k in text.lexicon.of_concept(c)[:1]]
        if text.low(at) != "betas" or (named is not None and named.known) or len(pair) != 2:
            continue
        first = text.amount(connect(draft, at + 1)[0])
        second = text.amount(text.skip(first[1], (",", "and", "/"), 2)) if first else None
        if first is None or second is None:
            continue
        end = text.skip(second[1], CLOSERS, 1)
        for known, amount in zip(pair, (first[0], second[0]), strict=True):
            draft.choose(known, [values.fitted(known, amount)], f'"{text.said(at, end)}"', at)
        text.take(at, end)
