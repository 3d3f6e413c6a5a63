"""What a setting is in the field: told by its name, by its help, by its default."""

import re

from labhand.interpret import called, vocabulary
from labhand.interpret.vocabulary import Concept, joined
from labhand.kit.settings import Setting

EVALUATION = frozenset("test val valid validation eval evaluation dev".split())
"""Parts of names of what only measures."""
_BEGINNINGS = frozenset("start starts begin random".split())
"""What makes `start_timesteps` another thing than the length of the training."""


def concept_of(setting: Setting) -> tuple[Concept | None, bool]:
    """What a setting is in the field, and whether it switches that off."""
    above, _, last = setting.name.rpartition(".")
    plain = joined(last)
    if last in ("name", "type", "kind") and above:
        plain = joined(above.rpartition(".")[2] + "name")
    elif last in ("root", "dir", "path", "folder", "file") and above:
        plain = joined(above.rpartition(".")[2] + last)
    negated = re.match(r"(no|disable|without|skip)[_-]?(?=[a-z])", last.lower())
    inverse = bool(negated) and setting.type == "bool"
    if inverse and negated:
        plain = joined(last[negated.end() :])
    called_so = [c for c in vocabulary.concepts().values() if plain in c.names and fits(setting, c)]
    if called_so:
        concept = min(called_so, key=lambda c: c.names.index(plain))
        return (None if _denied(setting, plain, concept) else concept), inverse
    if atoms_of(last)[:1] and atoms_of(last)[0] in _BEGINNINGS:
        return None, inverse
    for concept in vocabulary.concepts().values():
        longest = [n for n in concept.names if len(n) > 5 or n in ("lr", "wd")]
        ends = re.split(r"[._-]", last.lower())[-1] == "lr" if "lr" in longest else False
        if ends or any(plain.endswith(n) and (len(n) > 7 or n == "dropout") for n in longest):
            return (concept, inverse) if fits(setting, concept) else (None, False)
    told = _told_concept(setting)
    if told is not None and not inverse:
        return told, False
    return None, inverse and last.lower().startswith(
        ("no_", "no-", "disable_", "without_", "skip_")
    )


def _denied(setting: Setting, plain: str, concept: Concept) -> bool:
    """Whether the help of a letter such as `tau` speaks of something else: "speed of the target network"."""
    told = set(re.findall(r"[a-z]+", setting.help.lower()))
    if plain not in _LETTERS or len(told) < _TELLS:
        return False
    return not told & {w for p in (concept.title, *concept.phrases) for w in p.lower().split()}


_LETTERS = frozenset("tau gamma alpha beta lam eps temp eta r k b1 b2 ls".split())
"""Names that stand for many things."""
_TELLS = 2
"""Words of a help text from which on it says what a letter is."""


def _told_concept(setting: Setting) -> Concept | None:
    """What the help calls a setting of numbers whose name says nothing: `T_max`, "Number of training steps"."""
    words = called.lead(setting.help)
    phrase = "".join(words)
    if setting.type not in ("int", "float") or not 1 < len(words) <= called.MOST:
        return None
    found = [vocabulary.concepts()[c] for c in vocabulary.phrases().get(phrase, [])]
    return next((c for c in found if fits(setting, c)), None)


def fits(setting: Setting, concept: Concept) -> bool:
    """Whether a setting of this type can be that at all."""
    if setting.type == "str" and concept.values:
        return True
    if concept.id == "episodes" and EVALUATION & set(atoms_of(setting.name)):
        return False
    if setting.type == "bool" and not _switches(concept):
        return False
    default = setting.default
    if concept.id == "vocabulary" and (isinstance(default, float) or "sqrt" in setting.compared):
        return False  # `max_features` of trees is a share of the columns
    if concept.id == "lr-step" and isinstance(default, float) and default < 1:
        return False
    if concept.low is not None and setting.type == "str":
        return not isinstance(setting.default, str) and not setting.choices
    return not (concept.values and setting.type in ("int", "float"))


def _switches(concept: Concept) -> bool:
    """Whether a thing may be on or off, and is no size or name that every training has."""
    sized = concept.low is not None and concept.id not in CAN_BE_OFF
    return not sized and concept.id not in ("output", "resume", "run-name", "teacher")


CAN_BE_OFF = frozenset(
    "weight-decay warmup dropout momentum label-smoothing grad-clip weight-clip augmentation mixup cutmix ema entropy drop-path gradient-penalty kl-weight l1 normalisation label-drop random-erasing jitter commitment "
    "patience workers replay schedule precision activation pretrained compile accumulation wandb".split()
)
"""What a training may go without."""


def of_default(setting: Setting, known: Concept | None) -> str | None:
    """Whether a setting of text whose name tells nothing names a model or a dataset by its default."""
    if known is not None or setting.type != "str" or not isinstance(setting.default, str):
        return None
    if re.fullmatch(r"(?:cuda|cpu|mps|gpu|tpu)(?::\d+)?", setting.default):
        return "device"
    if {"name", "exp", "experiment", "run", "tag", "id", "project"} & set(atoms_of(setting.name)):
        return None
    for concept in ("model", "dataset"):
        stems = vocabulary.concepts()[concept].stems
        of_kind = [str(c).lower().startswith(stems) for c in setting.choices]
        if len(of_kind) > 1 and all(of_kind):
            return concept
        for beginning in vocabulary.concepts()[concept].stems:
            if len(beginning) > 3 and re.match(
                rf"(?:[\w-]+/)?{beginning}(?:v\d|[\d_-])", setting.default.lower()
            ):
                return concept
    return None


def atoms_of(name: str) -> list[str]:
    """The parts of a name of code, in small letters: `gradAccum` is `grad`, `accum`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name) if not name.isupper() else name
    return [a for a in re.split(r"[^a-z0-9]+", spaced.lower()) if a]
