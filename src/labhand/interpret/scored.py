"""How likely a setting that was read is what was said: what may not be set is asked for.

One logistic model over what can be told of a reading: how much of its clause it explains, what is left in
it, how it is named, how far the value is from the present one, who read it. Its weights stand in
`weights.toml`; `benchmarks/interpret_weights.py` fits them.
"""

import math
import re
import tomllib
from functools import cache
from pathlib import Path

from labhand.interpret import explain, vocabulary
from labhand.interpret.beside import PLAIN
from labhand.interpret.clauses import Clause, clauses
from labhand.interpret.draft import Draft, Said
from labhand.interpret.likeness import Fit, word
from labhand.interpret.text import SEPARATORS
from labhand.interpret.values import shown

_MAKES = frozenset(
    "add implement log plot print track record write save replace refactor build introduce support compute "
    "calculate measure visualize dump export insert wrap rewrite hook".split()
)
_REFUSES = frozenset(
    "no not without dont never except unless instead rather minus off skip".split()
)
_WHEN = frozenset("if when while until till after before once first last during then".split())
_FAR = 4.0


@cache
def _model() -> tuple[dict[str, float], float]:
    text = Path(__file__).with_name("weights.toml").read_text(encoding="utf-8")
    read = tomllib.loads(text)
    return {str(k): float(v) for k, v in read["weights"].items()}, float(read["least"])


def read(draft: Draft) -> None:
    """Takes back what is too unlikely to be what was said, and asks for it; not what is computed from others."""
    least = _model()[1]
    for said in [s for s in draft.said if s.origin == "said" and s.reader != "relations"]:
        chance = probability(features(draft, said))
        if chance < least:
            _ask(draft, said, chance)


def _ask(draft: Draft, said: Said, chance: float) -> None:
    draft.said.remove(said)
    draft.doubts = [d for d in draft.doubts if f"`{said.known.key}`" not in d.text]
    told = f"{said.known.key}={','.join(map(shown, said.values))}"
    words = said.why.partition('"')[2].partition('"')[0] or said.why
    if said.values == [draft.base(said.known).value]:
        draft.suppose(f'"{words}" is not taken for `{said.known.key}`, which has that value')
        return
    options = [explain.NOTHING, told]
    draft.doubt(f'Which setting is meant by "{words}"?', options, explain.NOTHING, chance)


def probability(told: dict[str, float]) -> float:
    """How likely a reading of these features is right, from 0 to 1."""
    weights = _model()[0]
    total = weights.get("bias", 0.0) + sum(weights.get(k, 0.0) * v for k, v in told.items())
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))


def features(draft: Draft, said: Said) -> dict[str, float]:
    """What can be told of one setting that was read, by name, most of it from 0 to 1."""
    text = draft.text
    pieces = clauses(text)
    clause = next((c for c in pieces if c.start <= said.start < c.end), Clause(0, len(text)))
    places = range(clause.start, clause.end)
    found = _of_words(draft, said, clause) | _of_value(draft, said, clause)
    lows = {text.tokens[i].low for i in places}
    beside = [s for s in draft.said if clause.start <= s.start < clause.end and s is not said]
    key = said.known.key
    concept = said.known.concept
    kin = [
        k for k in text.lexicon.known
        if k.key != key and (k.concept is not None and k.concept == concept)
    ]  # fmt: skip
    return found | {
        "free": sum(not text.used[i] for i in places) / len(places) if places else 0.0,
        "beside": min(len(beside), 3) / 3,
        "makes": float(bool(lows & _MAKES)),
        "refuses": float(bool(lows & _REFUSES)),
        "when": float(bool(lows & _WHEN)),
        "asks": float("?" in [t.low for t in text.tokens[clause.end : clause.end + 1]]),
        "clauses": min(len(pieces), 6) / 6,
        "doubted": float(any(f"`{key}`" in d.text or key in d.options for d in draft.doubts)),
        "other_doubts": float(bool(draft.doubts)),
        "edits": float(bool(draft.edits)),
        "missing": float(any(clause.start <= m.start < clause.end for m in draft.missing)),
        "confidence": 5 * (1 - said.confidence),
        "concept": float(concept is not None),
        "kin": min(len(kin), 3) / 3,
        "flag": float(bool(said.known.setting.flag)),
        f"by {said.reader}": 1.0,
        "cut": float(_is_cut(draft, said)),
        "left same": float(said.reader in _LOOSE and found["same"]),
        "left far": (said.reader in _LOOSE) * found["far"],
        "left odd": (said.reader in _LOOSE) * found["odd"],
        "left whole": (said.reader in _LOOSE) * found["whole"],
        "left explained": (said.reader in _LOOSE) * found["explained"],
        "worded odd": found["worded"] * found["odd"],
        "worded alone": found["worded"] * found["nothing"],
        "rival": (said.reader in _LOOSE) * max(0.0, 0.3 - found["margin"]),
    }


_LOOSE = frozenset(("what is left", "names in pieces", "intervals", "relations", "layers"))
"""Readers that go by likeness more than by names."""


def _is_cut(draft: Draft, said: Said) -> bool:
    """Whether a list of numbers has more than a setting got of it, and no other setting got the rest."""
    text, at = draft.text, 0
    while at < len(text):
        run = _run(draft, at)
        at = max(at + 1, run[-1] + 1 if run else 0)
        if len(run) < 2:
            continue
        held = [text.tokens[i].value for i in run]
        ours = [v for v in held if _has(said, v)]
        others = [v for v in held if any(_has(s, v) for s in draft.said if s is not said)]
        if ours and len(ours) + len(others) < len(held):
            return True
    return False


def _run(draft: Draft, at: int) -> list[int]:
    """The numbers that separators alone join from a token on."""
    text, found = draft.text, list[int]()
    while at < len(text) and text.tokens[at].kind == "number":
        found.append(at)
        at += 1
        at += at < len(text) and text.tokens[at].low in ("%", "percent")
        after = at
        while after < len(text) and text.tokens[after].low in SEPARATORS:
            after += 1
        if after == at:
            break
        at = after
    return found


def _has(said: Said, number: float) -> bool:
    """Whether a number is one of the values of a setting, be it in percent or thousands."""
    flat = [v for held in said.values for v in (held if isinstance(held, list | tuple) else [held])]
    mine = [float(v) for v in flat if isinstance(v, int | float) and not isinstance(v, bool)]
    return any(math.isclose(v * f, number, rel_tol=1e-6) for v in mine for f in (1, 100, 0.001))


def _of_words(draft: Draft, said: Said, clause: Clause) -> dict[str, float]:
    """How much of the words of a clause a setting explains, and what is left of them."""
    text, known = draft.text, said.known
    values = {word(p) for v in said.values for p in re.findall(r"[a-z]+", str(v).lower())}
    explained, named, odd = 0, 0, 0
    words: list[str] = []
    for at in range(clause.start, clause.end):
        token = text.tokens[at]
        if token.kind not in ("word", "quoted") or token.low in PLAIN:
            continue
        form = word(token.low)
        words.append(form)
        if form in values or draft.likeness.speaks(form, known):
            explained += 1
        elif any(draft.likeness.speaks(form, s.known) for s in draft.said if s is not said):
            continue
        elif draft.likeness.names(form):
            named += 1
        elif token.low not in vocabulary.KNOWN_WORDS or not text.used[at]:
            odd += 1
    fits = draft.likeness.ranked(words, text.lexicon.known)
    own = next((f for f in fits if f.known.key == known.key), None)
    rival = max((f.score for f in fits if f.known.key != known.key), default=0.0)
    return {
        "explained": explained / max(1, explained + named + odd),
        "nothing": float(not explained),
        "named": min(named, 3) / 3,
        "odd": min(odd, 3) / 3,
        "length": min(clause.end - clause.start, 12) / 12,
        "whole": float(own is not None and own.whole),
        "likeness": own.score if own is not None else 0.0,
        "margin": max(-0.5, min(0.5, _score(own) - rival)),
        "first": float(bool(fits) and fits[0].known.key == known.key),
    }


def _score(fit: Fit | None) -> float:
    return fit.score if fit is not None else 0.0


def _of_value(draft: Draft, said: Said, clause: Clause) -> dict[str, float]:
    """What the value tells: whether it stands in the clause, is near the present one, is of its kind."""
    text, first = draft.text, said.values[0]
    base = draft.base(said.known).value
    now, number = _number(base), _number(first)
    there = [text.tokens[i] for i in range(clause.start, clause.end)]
    stands = any(t.kind == "number" and t.value == number for t in there)
    far = min(abs(math.log10(abs(number / now))), _FAR) / _FAR if number and now else 0.0
    numbers = sum(t.kind == "number" for t in there)
    return {
        "number": float(number is not None),
        "stands": float(stands and number is not None),
        "worded": float(isinstance(first, str)),
        "switch": float(isinstance(first, bool)),
        "listed": float(isinstance(first, str) and first in map(str, said.known.setting.choices)),
        "several": float(len(said.values) > 1),
        "far": far,
        "same": float(len(said.values) == 1 and first == base),
        "unknown": float(base is None),
        "numbers": min(max(0, numbers - len(said.values)), 3) / 3,
        "zero": float(number == 0),
    }


def _number(value: object) -> float | None:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if plain and isinstance(value, int | float) else None


__all__ = ["features", "probability", "read"]
