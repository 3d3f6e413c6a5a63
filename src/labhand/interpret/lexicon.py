"""The settings of one script by everything they may be called."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from labhand.interpret import called, vocabulary
from labhand.interpret.kinds import EVALUATION
from labhand.interpret.kinds import atoms_of as atoms_of
from labhand.interpret.reachable import Known as Known
from labhand.interpret.reachable import done_every, reachable
from labhand.interpret.vocabulary import Concept, joined, stem
from labhand.interpret.words import Token
from labhand.kit.code.data import SETTINGS_NAME
from labhand.kit.settings import Setting

_BY_VARIANT = 0.98
_BY_HELP = 0.93
MOST_WORDS = 6
"""Of a phrase that names a setting."""


class Mention(NamedTuple):
    """Where a setting is named. `known` is empty where the script has none of that `concept`.

    `strength` is from 0 to 1: by its own name 1, by the field's word for it less.
    """

    start: int
    end: int
    phrase: str
    known: tuple[Known, ...]
    concept: Concept | None
    strength: float
    flag: bool = False


_OF_ROLLOUT = frozenset("numsteps nsteps stepsperenv numstepsperenv stepsperepoch".split())
_ARTICLES = frozenset("ai")
"""Letters that name a setting only where a value is given to it: the `-a` of an architecture."""
_LETTERS = frozenset("ms gb mb kb tb ok vs eg ie hr pm am no us id gt lt bn ln ce tf pt np".split())
"""Letters that mean something else."""


class Lexicon:
    """Finds settings named in a text."""

    def __init__(self, settings: Sequence[Setting], script: Path | None) -> None:
        self.script = script
        self.known = reachable(settings, script)
        self.done_every = done_every(self.known, script)
        self._own: dict[str, list[tuple[float, Known]]] = {}
        self._concepts: dict[str, list[tuple[int, Known]]] = {}
        for known in self.known:
            self._enter(known)
        self._enter_rollout()
        self._enter_help()
        self._enter_initials()
        self.words = self._single_words()

    def _enter(self, known: Known) -> None:
        for name, strength in _names(known):
            self._own.setdefault(name, []).append((strength, known))
        if known.inverse:
            positive = re.sub(r"^(?:no|disable|without|skip)[_-]?", "", known.setting.name.lower())
            self._own.setdefault(joined(positive), []).append((1.0, known))
        for name in _off_names(known.setting):
            turned = known._replace(inverse=not known.inverse)
            self._own.setdefault(name, []).append((1.0, turned))
        if known.concept is not None:
            rank = _rank(known.setting.name, known.concept)
            self._concepts.setdefault(known.concept.id, []).append((rank, known))

    def _enter_rollout(self) -> None:
        """Enters the steps of one environment as the rollout, where no setting is called so: `num_steps` of PPO."""
        if "envs" not in self._concepts or "rollout" in self._concepts:
            return
        alike = [k for k in self.known if joined(k.setting.name.rpartition(".")[2]) in _OF_ROLLOUT]
        if len(alike) == 1:
            self._concepts["rollout"] = [(0, alike[0])]

    def _enter_help(self) -> None:
        """Enters what the code's own help calls a setting, where it calls one alone so."""
        found: dict[str, list[Known]] = {}
        for known in self.known:
            for phrase in called.told(known.setting.help):
                found.setdefault(phrase, []).append(known)
        for phrase, of in found.items():
            if len(of) == 1 and not self._own.get(phrase):
                self._own[phrase] = [(_BY_HELP, of[0])]

    def _enter_initials(self) -> None:
        """Enters `sn` for `spectral_norm` where no other name begins so, and the letters are no word."""
        found: dict[str, list[Known]] = {}
        for known in self.known:
            atoms = atoms_of(known.setting.name.rpartition(".")[2])
            if 1 < len(atoms) < 5 and all(a[0].isalpha() for a in atoms):
                found.setdefault("".join(a[0] for a in atoms), []).append(known)
        for letters, of in found.items():
            taken = self._own.get(letters) or letters in vocabulary.phrases()
            if len(of) == 1 and not taken and letters not in vocabulary.KNOWN_WORDS | _LETTERS:
                self._own[letters] = [(_BY_HELP, of[0])]

    def _single_words(self) -> frozenset[str]:
        """Every word that names of settings are made of, to mend slips by."""
        found = {w for k in self.known for w in re.split(r"[^a-z]+", k.setting.name.lower())}
        found |= {str(c).lower() for k in self.known for c in k.setting.choices}
        found |= set(vocabulary.value_words())
        found |= set(
            "learning rate batch size weight decay dropout warmup epochs layers cosine optimizer seeds "
            "schedule momentum gradient clipping accumulation precision augmentation smoothing label "
            "hidden width depth iterations steps temperature sequence length context activation "
            "accuracy validation linear constant overnight metric minimize maximize optimise "
            "instead without except between".split()
        )
        return frozenset(w for w in found if len(w) > 3)

    def of_concept(self, concept: str) -> list[Known]:
        """The settings of a concept, the likeliest first."""
        found = sorted(self._concepts.get(concept, []), key=lambda pair: pair[0])
        return _foremost([known for rank, known in found if rank == found[0][0]], self.script)

    def match(self, tokens: Sequence[Token], at: int, *, bare: bool = False) -> Mention | None:
        """The longest name of a setting that begins at a token.

        `bare`: a setting is named here without a value, so that an everyday word may name one.
        """
        start = at
        if at >= len(tokens):
            return None
        while (
            at < len(tokens) and tokens[at].low in ("-", "--") and (at == start or tokens[at].glued)
        ):
            at += 1
        flag = at > start and at < len(tokens) and tokens[at].glued
        if flag and start and tokens[start].glued:
            return None
        if not flag:
            at = start
        if not flag and _inside(tokens, at):
            return None
        for end, phrase in _phrases(tokens, at):
            lone = phrase in _ARTICLES and not flag
            if _goes_on(tokens, end) or (lone and not _is_given(tokens, end)):
                continue
            found = self._meant(phrase)
            if found is not None and (
                flag or bare or self._is_meant(tokens, at, end, phrase, found)
            ):
                known, concept, strength = found
                negated = bool(known) and known[0].setting.name.lower().startswith(_NEGATED)
                if negated and known[0].inverse and tokens[at].low in _NEGATIONS:
                    known = tuple(k._replace(inverse=False) for k in known)
                text = " ".join(t.text for t in tokens[at:end])
                text = re.sub(r" ?([_./-]) ?", r"\1", text)
                return Mention(start, end, text, known, concept, strength, flag)
        return None

    def _is_meant(
        self,
        tokens: Sequence[Token],
        at: int,
        end: int,
        phrase: str,
        found: tuple[tuple[Known, ...], Concept | None, float],
    ) -> bool:
        """Whether a word that is an everyday one too names a setting here: a value must follow."""
        if (
            phrase != "decay"
            and phrase not in vocabulary.TOO_PLAIN
            and not (len(phrase) < 2 or phrase in vocabulary.FILLERS)
        ):
            return True
        if at and found[0] and any(t.low in _CHANGES for t in tokens[max(at - 3, 0) : at]):
            return True
        after = tokens[end] if end < len(tokens) else None
        alone = after is None or after.low in (",", ";", ".", "and", "or", "at", "for", "this")
        refused = at - 1 - (at > 1 and tokens[at - 1].low == "the")
        if at and found[0] and alone and tokens[refused].low in _REFUSALS:
            return True
        leads = after is not None and after.low in ("is", "in", "from", "at", "under", "to", ":")
        names = [
            t for t in tokens[end + 1 : end + 3] if t.low not in ("in", "at", "under", "from")
        ][:1]
        if leads and names and names[0].kind == "quoted" and found[0]:
            return found[0][0].setting.type in ("str", None)
        if (
            phrase == "decay"
            and end < len(tokens)
            and tokens[end].low in ("to", "from", "over", "at")
        ):
            return False
        counted = found[1] is not None and (found[1].counted or phrase == "units")
        if at and counted and tokens[at - 1].kind == "number":
            return True
        own = found[2] == 1.0
        if own and found[0] and found[0][0].setting.choices:
            return True
        if after is None or tokens[at].kind == "quoted":
            return tokens[at].kind == "quoted" or (own and phrase not in vocabulary.FILLERS)
        bound = after.low in ("to", "at", "of", "in") and end + 1 < len(tokens)
        if bound and not own and found[0]:
            after = tokens[end + 1]
        numeric = after.kind == "number" and not after.unit and not (own and not found[0])
        return (
            numeric
            or after.low in ("=", "==")
            or (after.low in (":", "->") and own)
            or (own and len(phrase) > 1 and phrase not in vocabulary.FILLERS)
        )

    def _meant(self, phrase: str) -> tuple[tuple[Known, ...], Concept | None, float] | None:
        own = self._own.get(phrase, [])
        if not own and len(phrase) > 4 and phrase not in vocabulary.phrases():
            other = phrase[:-1] if phrase.endswith("s") else f"{phrase}s"
            own = [(0.97, k) for s, k in self._own.get(other, []) if s == 1.0]
        best = max((strength for strength, _ in own), default=0.0)
        if best >= _BY_VARIANT:
            known = _foremost([k for s, k in own if s == best], self.script)
            return tuple(known), known[0].concept, best
        meant = vocabulary.phrases().get(phrase) or []
        if not meant and phrase.endswith("s") and phrase != "decays":
            meant = vocabulary.phrases().get(phrase[:-1], [])
        for concept in meant:
            found = self._closest(phrase, concept)
            told = vocabulary.concepts()[concept]
            if found and not told.counted and phrase in told.names[2:]:
                found = self._ends_so(phrase, found)
            if found and phrase in vocabulary.TOO_PLAIN:
                found = self._in_own_words(phrase, found)
            if found:
                return tuple(found), vocabulary.concepts()[concept], 0.95
        if own:
            known = _foremost([k for s, k in own if s == best], self.script)
            return tuple(known), known[0].concept, best
        if meant and phrase not in vocabulary.TOO_PLAIN:
            return (), vocabulary.concepts()[meant[0]], 0.0
        return None

    def _closest(self, phrase: str, concept: str) -> list[Known]:
        """The settings of a concept; of the others those that alone have more words of the phrase."""
        first = self.of_concept(concept)
        others = [k for _, k in self._concepts.get(concept, []) if k not in first]

        def shared(known: Known) -> int:
            return max(
                (len(a) for a in atoms_of(known.key) if len(a) > 3 and a in phrase), default=0
            )

        least = max(map(shared, first), default=0)
        stems = {a[:4] for k in first for a in atoms_of(k.key)}
        better = [
            k
            for k in others
            if shared(k) > least
            and k.setting.type == first[0].setting.type
            and not any(a[:4] in stems for a in atoms_of(k.key) if a in phrase)
        ]
        return better if len(better) == 1 else first

    def _ends_so(self, word: str, found: list[Known]) -> list[Known]:
        """The one setting of numbers whose name ends in a word, where these have it not: `tau` of `critic_tau`."""
        if any(word in atoms_of(k.setting.name) for k in found):
            return found
        having = [
            k
            for k in self.known
            if k.setting.type in ("int", "float") and atoms_of(k.setting.name)[-1:] == [word]
        ]
        return having if len(having) == 1 else found

    def _in_own_words(self, word: str, found: list[Known]) -> list[Known]:
        """The one other setting of numbers that has a plain word in its name, where these have it not."""
        having = [
            k
            for k in self.known
            if stem(word) in map(stem, atoms_of(k.setting.name.rpartition(".")[2]))
        ]
        numeric = [k for k in having if k.setting.type in ("int", "float")]
        other = len(numeric) == 1 and not any(k in having for k in found)
        return numeric if other else found

    def named(self, text: str) -> Known | None:
        """The setting with exactly this name or key, however its separators are written."""
        found = [k for s, k in self._own.get(_canonical(text), []) if s == 1.0]
        return found[0] if len(found) == 1 else None


def _is_given(tokens: Sequence[Token], end: int) -> bool:
    return end < len(tokens) and tokens[end].low in ("=", "==")


def _inside(tokens: Sequence[Token], at: int) -> bool:
    """Whether a token goes on a word before it: `norm` of `grad norm`, `size` of `batch-size`."""
    before = tokens[at - 1] if at else None
    if before is None:
        return False
    bound = before.low in "_-" and before.glued and tokens[at].glued
    if bound and not (at > 1 and tokens[at - 2].kind == "number"):
        return True
    return tokens[at].low.startswith("norm") and before.low in _NORMED


_NORMED = frozenset(
    "grad grads gradient gradients weight weights parameter param update l2".split()
)
"""What has a norm that is no kind of normalisation."""
_REFUSALS = frozenset("dont don't without disable never skip".split())
_CHANGES = frozenset("half halve double twice triple quarter third longer shorter".split())
"""Words of a change, after which even a plain word names what is changed."""
_NEGATED = ("no", "disable", "without", "skip")
_NEGATIONS = frozenset("no disable without skip".split())


def _off_names(setting: Setting) -> list[str]:
    """What a switch is called where it is off: `--hard/--random` of click, `--nosave` of absl."""
    plain = joined(setting.name)
    undone = [f"un{plain}", f"un{plain.removesuffix('e')}ed"] if setting.type == "bool" else []
    if setting.type == "bool" and plain.startswith("bi"):
        undone.append(f"uni{plain[2:]}")
    if setting.kind == "absl" and setting.type == "bool":
        return [f"no{joined(setting.name)}", *undone]
    other = setting.off.lstrip("-")
    return [joined(other), *undone] if other and not re.match("no[-_]", other) else undone


def _foremost(found: list[Known], script: Path | None) -> list[Known]:
    """Those that a person means who names no owner: flags, then what stands in the script itself.

    None of them only follows another (`lr: ${lr}`) or is of evaluation, where others are not.
    """
    for aside in (_follows, _evaluates):
        found = [k for k in found if not aside(k)] or found
    for wanted in (
        [k for k in found if k.setting.flag],
        [k for k in found if k.setting.file == script and not k.setting.owner],
        [k for k in found if SETTINGS_NAME.search(k.setting.owner)],
        [k for k in found if k.setting.file == script],
    ):
        if wanted:
            return wanted
    return found


def _follows(known: Known) -> bool:
    return str(known.setting.default).startswith("${")


def _evaluates(known: Known) -> bool:
    parts = re.sub(r"(?<=[a-z])(?=loader|set|data)", "_", known.key.lower())
    return bool(EVALUATION & set(atoms_of(parts)))


def _rank(name: str, concept: Concept) -> int:
    """How well a name of code fits its concept, 0 best: `lr` before `max_lr`, `actor_lr` last."""
    plain = joined(name.rpartition(".")[2])
    plain = (
        re.sub(r"^(no|disable|without|skip)(?=.)", "", plain)
        if plain not in concept.names
        else plain
    )
    return concept.names.index(plain) if plain in concept.names else len(concept.names)


def _names(known: Known) -> list[tuple[str, float]]:
    """What a setting is called by its own name, with how sure that is."""
    setting = known.setting
    last = setting.name.rpartition(".")[2]
    found: dict[str, float] = {}
    spelled = [setting.name, known.key, last, *(s.lstrip("-+") for s in setting.spellings)]
    for name in spelled:
        atoms = atoms_of(name)
        for form, strength in ((joined(name), 1.0), ("".join(atoms), 1.0), (_canonical(name), 1.0)):
            found[form] = max(found.get(form, 0.0), strength)
        if atoms[:1] in (["apply"], ["enable"], ["with"]) and setting.type == "bool":
            found.setdefault("".join(atoms[1:]), _BY_VARIANT)
        parts = [a for a in map(_atom, atoms) if a not in vocabulary.EMPTY_ATOMS]
        for other in called.variants(atoms):
            found.setdefault(other, _BY_VARIANT)
        if len(parts) == 2:
            found.setdefault(parts[1] + parts[0], 0.97)
        if len(parts) > 2 or (len(parts) == 2 and len(parts[0]) > 2):
            for begin in range(len(parts)):
                for end in range(begin + 1, len(parts) + 1):
                    piece = "".join(parts[begin:end])
                    if len(piece) > 4 and piece not in _WEAK:
                        found.setdefault(piece, 0.4 + 0.3 * (end - begin) / len(parts))
    return [(name, strength) for name, strength in found.items() if name]


_WEAK = frozenset(
    "train training model steps every interval batch learn weight decay schedule optim optimizer layers "
    "data dataset label hidden input output total global local final max number ratio epochs image "
    "checkpoint seeds value limit start first second print save metric early stop random test file "
    "path name type class token tokens size scale factor state device default mixed split warmup grads "
    "target update search times range noise clusters sample samples score shift depth freq "
    "loss accuracy shuffle version epoch frames buffer memory length width height rate point time".split()
)
"""Parts of names that are too common to mean the whole."""


def _atom(word: str) -> str:
    return vocabulary.ATOMS.get(word, word)


def _canonical(name: str) -> str:
    atoms = [_atom(a) for a in atoms_of(name)]
    kept = [a for a in atoms if a not in vocabulary.EMPTY_ATOMS]
    return "".join(kept or atoms)


def _phrases(tokens: Sequence[Token], at: int) -> list[tuple[int, str]]:
    """The phrases that begin at a token, the longest first, each in its two spellings."""
    words: list[str] = []
    ends: list[tuple[int, str]] = []
    position = at
    while position < len(tokens) and len(words) < MOST_WORDS:
        token = tokens[position]
        if token.kind == "word" or (token.kind == "number" and token.glued and words):
            words.append(token.low)
            ends.append((position + 1, joined("".join(words))))
            if words[0] not in _NO_BEGINNING and words[-1] not in _NO_BEGINNING:
                ends.append((position + 1, joined(_canonical("_".join(words)))))
        elif token.kind == "quoted" and not words:
            ends.append((position + 1, joined(token.low)))
            ends.append((position + 1, _canonical(token.low)))
            break
        elif not _joins(tokens, position):
            break
        position += 1
    return [pair for pair in reversed(ends) if pair[1] not in vocabulary.EMPTY_ATOMS and pair[1]]


_NO_BEGINNING = frozenset("of the use do my our".split())


def _goes_on(tokens: Sequence[Token], end: int) -> bool:
    """Whether a name is only the beginning of a longer one, as `dropout` of `dropout_schedule`."""
    if end + 1 >= len(tokens) or not tokens[end].glued or tokens[end].low not in ("_", "-"):
        return False
    return tokens[end + 1].glued and tokens[end + 1].kind == "word"


def _joins(tokens: Sequence[Token], at: int) -> bool:
    """Whether a mark binds the words around it to one name: `batch_size`, `weight-decay`."""
    token = tokens[at]
    after = tokens[at + 1] if at + 1 < len(tokens) else None
    if token.low not in "_-./" or after is None or not token.glued or not after.glued:
        return False
    return after.kind in ("word", "number") or after.low == "_"
