"""The words of the field: what settings are called, how people say them, what words mean nothing here."""

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Concept(NamedTuple):
    """One thing that trainings can be set in, whatever a project calls it.

    `names` are spellings in code and `said` in speech, both without separators; `values` are words
    that mean this concept by themselves. `low` and `high` bound what makes sense. `standard` is the
    usual value where somebody only wants it to be there, `step` the factor of "a bit more"; `phrases`
    are those of `said` as they are spoken, word by word.
    """

    id: str
    title: str
    names: tuple[str, ...]
    said: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()
    stems: tuple[str, ...] = ()
    counted: bool = False
    whole: bool = False
    log: bool = False
    low: float | None = None
    high: float | None = None
    standard: float | None = None
    step: float = 2.0
    phrases: tuple[str, ...] = ()


@cache
def concepts() -> dict[str, Concept]:
    """Every concept by its id."""
    path = Path(__file__).with_name("concepts.toml")
    found: dict[str, Concept] = {}
    for key, entry in tomllib.loads(path.read_text(encoding="utf-8")).items():
        phrases = tuple(p.strip() for p in str(entry.pop("said", "")).split(",") if p.strip())
        names = tuple(dict.fromkeys(str(entry.pop("names")).split()))
        values = frozenset(str(entry.pop("values", "")).split())
        stems = tuple(str(entry.pop("stems", "")).split())
        found[key] = Concept(
            key, names=names, said=frozenset(map(joined, phrases)), values=values, stems=stems,
            phrases=phrases, **entry,
        )  # fmt: skip
    return found


@cache
def phrases() -> dict[str, list[str]]:
    """The concepts that a phrase may mean, likeliest first, by the phrase without separators."""
    found: dict[str, list[str]] = {}
    for concept in concepts().values():
        for phrase in concept.said:
            found.setdefault(phrase, []).append(concept.id)
    for concept in concepts().values():
        for name in concept.names:
            if concept.id not in found.get(name, []):
                found.setdefault(name, []).append(concept.id)
    return found


@cache
def value_words() -> dict[str, str]:
    """The concept that a word such as `cosine` or `adamw` sets by itself."""
    return {word: c.id for c in concepts().values() for word in c.values if word not in TOO_PLAIN}


@cache
def stems() -> frozenset[str]:
    """What names of models and datasets begin with."""
    return frozenset(s for c in concepts().values() for s in c.stems)


TOO_PLAIN = frozenset(
    "half step steps constant res rank patch drop clip smooth max min units opt hid net act task "
    "samples examples model data rounds blocks layers heads loss network encoder ls eps lam r k "
    "devices tokens corpus smoothing ep its it passes entropy objective context buffer width "
    "resolution noise gamma task memory decay gradnorm gradientnorm track "
    "leaves threads clients experts codes jitter horizon window kernel expansion rollout subsample erasing "
    "vocab negatives guidance top".split()
) - frozenset(
    "steps layers heads context width gamma resolution entropy decay samples examples tokens".split()
)
"""Names in code that are everyday words too: they mean a setting only with a number after them."""

ATOMS = {
    "attention": "attn", "dimension": "dim", "dimensions": "dim", "dims": "dim",
    "embedding": "emb", "embed": "emb", "embd": "emb", "gradient": "grad", "gradients": "grad",
    "accumulation": "accum",
    "projection": "proj",
    "vocabulary": "vocab",
    "image": "img", "accumulate": "accum", "validation": "val",
    "valid": "val", "evaluation": "eval", "temp": "temperature", "coefficient": "coef",
    "coeff": "coef", "entropy": "ent", "maximum": "max", "minimum": "min", "sequence": "seq",
    "length": "len", "augmentation": "aug", "augment": "aug", "checkpoint": "ckpt",
    "initial": "init", "initialization": "init", "initialisation": "init", "probability": "prob",
    "frequency": "freq", "mom": "momentum", "encoder": "enc", "decoder": "dec",
    "discriminator": "disc", "generator": "gen", "optimizer": "optim", "optimiser": "optim",
    "parameters": "params", "param": "params", "directory": "dir", "weights": "weight",
    "regularization": "reg", "regularisation": "reg", "residual": "resid", "scheduler": "schedule",
    "sched": "schedule", "iterations": "iters", "iteration": "iters", "lambda": "lam",
    "convolution": "conv", "filters": "filter", "channels": "channel", "activation": "act",
    "learning": "learn", "training": "train", "hyperparameter": "hparam", "average": "avg",
    "averaging": "avg", "record": "capture", "gpu": "cuda", "tied": "tie", "annealing": "anneal", "clipping": "clip", "smoothing": "smooth", "normalize": "norm", "normalise": "norm", "advantage": "adv", "advantages": "adv", "normalization": "norm", "normalisation": "norm", "position": "pos",
    "positional": "pos", "leaves": "leaf", "feature": "feat", "features": "feat", "number": "n", "num": "n", "nb": "n",
}  # fmt: skip
"""One spelling for the words that names of settings are made of."""
EMPTY_ATOMS = frozenset("n of the use do my our # count".split())
"""What names and phrases may leave out: `num_heads`, "number of heads" and "heads"."""

VALUE_ALIASES: tuple[frozenset[str], ...] = tuple(
    frozenset(group.split())
    for group in (
        "bf16 bfloat16 bf16mixed torchbfloat16",
        "fp16 float16 16 16mixed half f16 torchfloat16",
        "fp32 float32 32 32true full single f32 torchfloat32",
        "silu swish",
        "cuda gpu",
        "none off no false disabled nothing identity",
        "cosine cosineannealing cos cosinedecay cosinelr cosineannealinglr cosinewithwarmup squaredcoscapv2",
        "vprediction v velocity vpred vparam",
        "sample x0 xstart x0prediction",
        "epsilon eps noise",
        "onecycle onecyclelr 1cycle",
        "linear lineardecay linearwithwarmup",
        "constant const flat fixed constantlr",
        "exponential exp exponentiallr",
        "plateau reducelronplateau reduceonplateau",
        "step steplr multistep multisteplr",
        "inversesqrt invsqrt rsqrt",
        "crossentropy ce xent",
        "mse l2",
        "mae l1",
        "smoothl1 huber",
        "batchnorm batch bn batchnorm1d batchnorm2d",
        "layernorm layer ln",
        "groupnorm group gn",
        "instancenorm instance in",
        "rmsnorm rms",
    )
)
CLASS_NAMES = {
    name.lower(): name
    for name in (
        "Adam AdamW SGD RMSprop Adagrad Adadelta Adamax NAdam RAdam LBFGS Adafactor Lion Muon ReLU GELU "
        "SiLU Tanh Sigmoid LeakyReLU ELU Mish CosineAnnealingLR OneCycleLR StepLR ExponentialLR"
    ).split()
}
"""How torch spells what people write in small letters."""

_ENVIRONMENTS = {
    word.rpartition("-")[0].lower(): word
    for word in (
        "CartPole-v1 Acrobot-v1 MountainCar-v0 MountainCarContinuous-v0 Pendulum-v1 LunarLander-v3 "
        "LunarLanderContinuous-v3 BipedalWalker-v3 CarRacing-v3 Hopper-v5 Walker2d-v5 HalfCheetah-v5 Ant-v5 "
        "Humanoid-v5 HumanoidStandup-v5 Swimmer-v5 Reacher-v5 Pusher-v5 InvertedPendulum-v5 "
        "InvertedDoublePendulum-v5 FrozenLake-v1 Taxi-v3 CliffWalking-v1 Blackjack-v1"
    ).split()
}
"""The environments of Gymnasium 1, by their names in small letters without the version."""
_GAMES = {
    name.lower(): name
    for name in (
        "Alien Asterix Asteroids Atlantis BattleZone BeamRider Bowling Boxing Breakout Centipede Enduro Freeway "
        "Frostbite Gopher Gravitar IceHockey Jamesbond Kangaroo Krull MontezumaRevenge MsPacman NameThisGame Pitfall "
        "Pong PrivateEye Qbert Riverraid RoadRunner Seaquest Skiing Solaris SpaceInvaders Tennis VideoPinball Zaxxon"
    ).split()
}


_DATASETS = re.compile(r"[a-z0-9]+(?:-[a-z]+)+-v\d")
"""How datasets of recorded play are called: `halfcheetah-medium-v2`."""


def environment(name: str, present: str = "") -> str:
    """The name of an environment as Gymnasium spells it: `Hopper-v4` for `hopper-v4`.

    Of a name without a version, that of its family as `present` has it, else of today; Atari games are
    written as `present` writes its own.
    """
    stem, _, version = name.rpartition("-v")
    if stem:
        return f"{_ENVIRONMENTS.get(stem.lower(), f'{stem}-').rpartition('-')[0]}-v{version}"
    plain = joined(name)
    game = re.fullmatch(r"(ALE/)?([A-Z]\w+?)((?:NoFrameskip|Deterministic)?-v\d)", present)
    if plain in _GAMES and game is not None and game[2].lower() in _GAMES:
        return f"{game[1] or ''}{_GAMES[plain]}{game[3]}"
    found = _ENVIRONMENTS.get(plain)
    if found is None or _DATASETS.fullmatch(present):
        return name
    family = re.fullmatch(r"[A-Z]\w+-(v[234])", present)
    return f"{found[:-2]}{family[1]}" if found.endswith("v5") and family else found


def is_environment(name: str, present: str) -> bool:
    """Whether a name without a version is that of an environment or game that may stand in the present one's place."""
    return (
        joined(name) in _ENVIRONMENTS.keys() | _GAMES.keys() and environment(name, present) != name
    )


_PLAIN = tomllib.loads(Path(__file__).with_name("plain_words.toml").read_text(encoding="utf-8"))
FILLERS = frozenset(_PLAIN["fillers"].split())
"""Words that by themselves ask for nothing."""

KNOWN_WORDS = FILLERS | frozenset(_PLAIN["known"].split())
"""Words that are spelled right: none of them is taken for a slip of another."""


@cache
def alike() -> tuple[tuple[str, ...], ...]:
    """Groups of words that stand for each other in names and in speech."""
    path = Path(__file__).with_name("alike.toml")
    groups = str(tomllib.loads(path.read_text(encoding="utf-8"))["groups"])
    return tuple(tuple(line.split()) for line in groups.splitlines() if line)


@cache
def short() -> dict[str, str]:
    """How an option is written in short, by the field's words for it without separators."""
    path = Path(__file__).with_name("alike.toml")
    lines = str(tomllib.loads(path.read_text(encoding="utf-8"))["short"]).splitlines()
    return {words: option for words, option in (line.split() for line in lines if line)}


@cache
def qualities() -> dict[str, tuple[str, ...]]:
    """The concepts that make more or less of a quality, the foremost first, by the stem of its words."""
    path = Path(__file__).with_name("alike.toml")
    lines = str(tomllib.loads(path.read_text(encoding="utf-8"))["qualities"]).splitlines()
    pairs = (line.partition(":") for line in lines if line)
    return {stem(word): tuple(of.split()) for words, _, of in pairs for word in words.split()}


def joined(phrase: str) -> str:
    """A name or phrase without separators, in small letters: `Batch-Size` is `batchsize`."""
    return "".join(c for c in phrase.lower() if c.isalnum())


def same_value(one: str, other: str) -> bool:
    """Whether two words name the same choice: `bf16` and `torch.bfloat16`, `cosine` and `Cosine`."""
    a, b = joined(one), joined(other)
    return a == b or any(a in group and b in group for group in VALUE_ALIASES)


def stem(word: str) -> str:
    """A word without its ending: `clip` of `clipping`, `clipped` and `clips`."""
    if len(word) <= 4:
        plural = not word.endswith("ss") and word not in ("pos", "eps", "obs", "abs", "res", "bias")
        short = word.rstrip("s") if plural else word
        return short.removesuffix("e") if len(short) == 4 else short  # as of `codes`
    bare = re.sub(r"(?:ing|ed|es|(?<!s)s|e)$", "", word)
    return re.sub(r"([bdgmnpt])\1$", r"\1", bare)
