"""Which setting of free text a name is for, by what its present value is like: `resnet50` beside `resnet18`."""

import re

from labhand.interpret import called, vocabulary
from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Known
from labhand.interpret.options import is_closed, is_free, same


def like_default(draft: Draft, said: str, word: str) -> Known | None:
    """The setting of free text that a name such as `resnet50`, `cifar100` or `data/v2.csv` is for."""
    free = [k for k in draft.text.lexicon.known if is_free(k) and not is_closed(k)]
    kin = [
        k for k in free
        if _kin(str(k.setting.default), said)
        or (k.concept is not None and k.concept.id == "environment" and vocabulary.is_environment(said, str(k.setting.default)))
    ]  # fmt: skip
    if len(kin) == 1:
        return kin[0]
    same = [
        k
        for k in free
        if k.setting.kind != "constant" and vocabulary.joined(str(k.setting.default)) == word
        if k.concept is None or k.concept.id not in ("run-name", "output")
    ]
    if len(same) == 1 and len(word) > 3 and word not in vocabulary.KNOWN_WORDS:
        return same[0]
    shape = _shape(said)
    alike = [
        k for k in free
        if ("_" in shape or shape.count("-") > 1) and _shape(str(k.setting.default)) == shape
        and k.concept is not None and k.concept.id in ("environment", "dataset", "model")
    ]  # fmt: skip
    if len(alike) == 1:
        return alike[0]
    letters = re.match(r"[a-z]+", said.lower())
    if re.search(r"\.(?:pth?|ckpt|pkl|safetensors|bin)$", said):
        resumed = draft.text.lexicon.of_concept("resume")
        return resumed[0] if len(resumed) == 1 and is_free(resumed[0]) else None
    if any(
        word != vocabulary.joined(d) and word in re.split(r"[-_/]", d.lower())
        for k in free
        if (d := str(k.setting.default))
    ):
        return None  # a part of the present value says nothing new
    for concept in ("dataset", "model"):
        stems = vocabulary.concepts()[concept].stems
        if letters and any(
            s in (letters.group(), word, re.split(r"[-_./]", said.lower())[0])
            or (len(s) > 3 and word.startswith(s) and word != f"{s}s")
            for s in stems
        ):
            of = [k for k in draft.text.lexicon.of_concept(concept) if k in free]
            if len(of) == 1:
                return of[0]
    return None


def _shape(name: str) -> str:
    """How a name is built: `cheetah_run` and `walker_walk` are `a_a` both."""
    return re.sub(r"\d+", "0", re.sub(r"[a-z]+", "a", re.sub(r"[A-Z]+", "A", name)))


def _kin(default: str, said: str) -> bool:
    """Whether two texts are of one kind: `data/v1.csv` and `data/v2.csv`, `CartPole-v1` and `Ant-v4`."""
    if len(default) < 4:
        return False
    folder = default.partition("/")[0]
    if "/" in default and "/" in said and said.partition("/")[0] == folder:
        return True
    if default.lower() == said.lower():
        return bool(re.search(r"\d|-|/", said))
    ending = re.search(r"\.[a-z]\w{1,5}$", default)
    if ending and said.endswith(ending.group()):
        return True
    if ending and re.search(r"\.[a-z]\w{1,5}$", said):
        return False
    if re.fullmatch(r"[A-Z][\w/]*-v\d+", default) and re.fullmatch(r"[A-Za-z][\w/]*-v\d+", said):
        return True
    if (
        default[:3].lower() == said[:3].lower()
        and default[-1].isdigit()
        and said[-1:].isdigit()
        and _shape(default) == _shape(said)
    ):
        return True  # `ETTm2` beside `ETTh1`
    if all(re.fullmatch(r"[a-z]{3,}[-_]?\d+", t.lower()) for t in (default, said)):
        return re.sub(r"\d", "", default.lower()) == re.sub(r"\d", "", said.lower())
    heads = [t.lower().partition("-") for t in (default, said)]
    if heads[0][0] == heads[1][0] and heads[0][2] and heads[1][2]:
        return re.search(r"[a-z]\d", heads[0][0]) is not None or len(heads[0][0]) > 3
    one, other = (re.match(r"[a-z]+", t.lower()) for t in (default, said))
    alike = one is not None and other is not None and one.group() == other.group()
    return alike and len(one.group()) > 3 and bool(re.search(r"\d|-", said)) if one else False


def spelled(known: Known, said: str) -> str:
    """A name as the setting's own value or help writes it: `facebook/opt-350m` beside `facebook/opt-125m`."""
    default = str(known.setting.default)
    if same(said, default):
        return default
    owner, _, model = default.rpartition("/")
    if re.fullmatch(r"[\w-]+", owner) and "/" not in said and _kin(model, said):
        return f"{owner}/{said}"
    return called.spelling(known.setting.help, vocabulary.environment(said, default))


_SIZE = re.compile(r"/.*\d(?:\.\d+)?[bBmM]\b")
"""The size in the name of a model on a hub: of `org/opt-350m` the last part."""


def lacks_size(known: Known, found: list[object]) -> bool:
    """Whether models are named without a size where the present one has one: `mistral` beside `org/opt-350m`."""
    now = _SIZE.search(str(known.setting.default))
    return now is not None and not any(
        re.search(r"\d[bBmM]\b|/", str(v)) and _SIZE.search(f"/{v}") for v in found
    )


def which_size(
    known: Known, words: str, found: list[object]
) -> tuple[str, list[object], object, float]:
    """The doubt about a model that is named without its size."""
    return f'Which of its sizes is "{words}" for `{known.key}`?', [*found, "another"], found[0], 0.6
