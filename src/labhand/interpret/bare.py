"""What has no name beside it and no list to stand in: the rate of `adamw 3e-4`, `from scratch`."""

import re

from labhand.interpret import relative, values, vocabulary
from labhand.interpret.clauses import Clause, clauses
from labhand.interpret.draft import Draft
from labhand.interpret.given import chunk
from labhand.interpret.lexicon import Known, atoms_of
from labhand.interpret.likeness import word
from labhand.interpret.relative import N
from labhand.interpret.text import SEPARATORS, Text
from labhand.interpret.vocabulary import stem


def read_rates(draft: Draft) -> None:
    """Takes the learning rate of `adamw 3e-4` and of `train at 3e-4`, where none is named.

    A number that is written with a negative power is a rate where nothing else owns it.
    """
    text = draft.text
    if _both_rates(draft):
        return
    rate = _rate(draft)
    named = (text.lexicon.match(text.tokens, at) for at in range(len(text)))
    if rate is None or any(m is not None and m.known and m.known[0].key == rate.key for m in named):
        return
    spots = [
        at for at in range(1, len(text))
        if text.low(at) and _small(draft, at) and _rates(draft, at)
    ]  # fmt: skip
    if len(spots) != 1:
        return
    found = text.amount(spots[0])
    if found is None or found[0].unit or not values.plausible(rate, found[0].value):
        return
    start = spots[0] - (text.low(spots[0] - 1) in ("at", "@"))
    why = f'"{text.said(start, found[1])}" is a rate, and no other is named'
    draft.choose(rate, [values.fitted(rate, found[0])], why, start, 0.85)
    text.take(start, found[1])


def _small(draft: Draft, at: int) -> bool:
    """Whether a number is written as rates are: with a negative power, or as a decimal after `at`."""
    low = draft.text.tokens[at].low
    if re.search(r"e-\d", low):
        return True
    if draft.text.low(at - 1) not in ("at", "@") or not re.fullmatch(r"0?\.\d+", low):
        return False
    clause = next(c for c in clauses(draft.text) if c.start <= at < c.end)
    return all(_counts(draft, i) for i in range(clause.start, at - 1))


def _counts(draft: Draft, at: int) -> bool:
    """Whether a token is a plain word, a number, or of the name of a setting that only counts: no decimal is said of it."""
    text = draft.text
    if text.tokens[at].kind == "number" or text.low(at) in vocabulary.FILLERS:
        return True
    near = (text.lexicon.match(text.tokens, i) for i in range(max(at - 3, 0), at + 1))
    return any(m and m.end > at and m.known and m.known[0].setting.type == "int" for m in near)


def _both_rates(draft: Draft) -> bool:
    """Takes `adam for both, 1e-4` where there are two rates, and none is named."""
    text = draft.text
    alike = [
        k for k in text.lexicon.known if k.concept is not None and k.concept.id == "learning-rate"
    ]
    spots = [
        at for at in range(len(text)) if text.low(at) and re.search(r"e-\d", text.tokens[at].low)
    ]
    both = [at for at in range(len(text)) if text.low(at) == "both"]
    named = (text.lexicon.match(text.tokens, at) for at in range(len(text)))
    found = text.amount(spots[0]) if len(spots) == len(both) == 1 and len(alike) == 2 else None
    if found is None or found[0].unit or any(m and m.known and m.known[0] in alike for m in named):
        return False
    for known in alike:
        why = f'"{text.said(both[0], both[0] + 1)} ... {found[0].text}": no other rate is named'
        draft.choose(known, [values.fitted(known, found[0])], why, spots[0], 0.8)
    text.take(spots[0], found[1])
    text.take(both[0], both[0] + 1)
    return True


def _rate(draft: Draft) -> Known | None:
    """The learning rate that is meant where none is named: that of what is named, else the foremost."""
    lexicon = draft.text.lexicon
    said = {word(t.low) for t in draft.text.tokens}
    alike = [k for k in lexicon.known if k.concept is not None and k.concept.id == "learning-rate"]
    owned = [k for k in alike if said & {word(a) for a in atoms_of(k.key)}]
    found = owned if len(owned) == 1 else lexicon.of_concept("learning-rate")
    return next(iter(found), None)


def _rates(draft: Draft, at: int) -> bool:
    """Whether a small number stands where a learning rate does: right after an optimizer, or after `at`."""
    text = draft.text
    further = text.amount(text.skip((text.amount(at) or (0, at))[1], SEPARATORS, 1))
    if further is not None and re.search(r"e-\d", further[0].text):
        return False
    before = text.low(at - 1)
    if before in ("at", "@"):
        names = (text.lexicon.match(text.tokens, i) for i in range(max(0, at - 5), at - 1))
        near = [m.known[0] for m in names if m and m.end == at - 1 and m.known]
        return all(k.setting.type == "int" and _below_one(text, at) for k in near)
    return vocabulary.value_words().get(vocabulary.joined(before)) == "optimizer"


def _below_one(text: Text, at: int) -> bool:
    """Whether the number at a token is a decimal that nothing that only counts can be."""
    found = text.amount(at)
    return found is not None and 0 < found[0].value < 1


_SCRATCH = re.compile(
    r"^from scratch\b|^random(?:ly)? init(?:iali[sz]ed?|iali[sz]ation)?\b|^(?:no|without) pre - ?train(?:ing|ed)\b"
)


def read_scratch(draft: Draft) -> None:
    """Takes `from scratch` where one switch says that the model is pretrained."""
    text = draft.text
    switches = [
        k for k in text.lexicon.known
        if k.setting.type == "bool" and "pretrained" in vocabulary.joined(k.setting.name)
    ]  # fmt: skip
    for at in range(len(text)):
        found = _SCRATCH.match(text.after(at)) if text.low(at) else None
        if found is None or len(switches) != 1:
            continue
        end = at + len(found.group().split())
        off = values.switched(switches[0], False)
        if off is not None and draft.base(switches[0]).value != off:
            draft.choose(switches[0], [off], f'"{text.said(at, end)}"', at, 0.9)
            text.take(at, end)


_LAYERS = re.compile(
    rf"^{N} (?:(?P<what>hidden|dense|linear|conv|convolutional|fc|fully connected|mlp|lstm|gru|rnn|recurrent) )?layers?"
    rf"(?: (?:of|with|at|x|having))+ (?:size |width |dim )?{N}"
    r"(?: (?:hidden|units?|neurons?|features?|channels?|nodes?|dims?|each|filters?))*(?= |$)"
)


_NETS = re.compile(
    r"^(\d\d?) ?x ?(\d{2,4})(?: (?:mlps?|nets?|networks?|hidden|layers?|units?|neurons?)\b|(?= ,| ;| \.|$))"
)
"""So many layers of so many units: `3x256 MLPs`."""


def read_layers(draft: Draft) -> None:
    """Takes `3 layers of 128`: a depth and a width, or the list of widths where one setting holds all."""
    text = draft.text
    for at in range(len(text)):
        found = _LAYERS.match(text.after(at, 12)) if text.low(at) else None
        found = found or (_NETS.match(text.after(at, 4)) if text.low(at) else None)
        if found is None:
            continue
        count, size = float(found[1]), float(found[found.re.groups])
        end = at + len(found.group().split())
        if text.lexicon.match(text.tokens, end) is not None and text.low(end):
            continue  # the second number is of what follows: `8 layers of 8 heads`
        why = f'"{text.said(at, end)}"'
        deep, wide = (next(iter(text.lexicon.of_concept(c)), None) for c in ("depth", "width"))
        lists = [k for k in text.lexicon.known if _holds_sizes(k)]
        if deep is not None and wide is not None and wide.setting.type == "int":
            draft.choose(deep, [values.fitted_number(deep, count)], why, at, 0.9)
            if draft.base(wide).value != size:
                draft.choose(wide, [values.fitted_number(wide, size)], why, at, 0.9)
        elif len(lists) == 1 and count < _MOST_LAYERS:
            draft.choose(lists[0], [[int(size)] * int(count)], why, at, 0.9)
        else:
            continue
        text.take(at, end)


_MOST_LAYERS = 50


def _holds_sizes(known: Known) -> bool:
    """Whether a setting is the list of the sizes of all layers."""
    default = known.setting.default
    whole = (
        isinstance(default, list | tuple) and default and all(isinstance(v, int) for v in default)
    )
    return bool(whole) and bool(
        {"hidden", "layers", "layer", "sizes", "units", "arch", "dims", "mlp"}
        & set(atoms_of(known.setting.name))
    )


_NAMED_DATA = re.compile(
    r"^(?:the |our |my )?(?P<name>[a-z][\w-]*) (?:data ?set|dataset|data|set|corpus|benchmark)(?= |$)"
)


def read_data(draft: Draft) -> None:
    """Takes the name of `on the energy data`, an unknown word, where one setting names the dataset."""
    text = draft.text
    named = [
        k
        for k in text.lexicon.of_concept("dataset")
        if k.setting.type == "str" and not k.setting.choices
    ]
    for at in range(len(text)):
        found = (
            _NAMED_DATA.match(text.after(at + 1, 4))
            if text.low(at) in ("on", "use", "with", "to")
            else None
        )
        if found is None or len(named) != 1 or "/" in str(named[0].setting.default):
            continue
        place = at + 1 + len(found.group().split()) - 2
        odd = (
            found["name"] not in vocabulary.KNOWN_WORDS
            and text.lexicon.match(text.tokens, place) is None
        )
        if odd and not draft.likeness.ranked([word(found["name"])], text.lexicon.known):
            draft.choose(
                named[0], [text.tokens[place].text], f'"{text.said(at, place + 2)}"', at, 0.85
            )
            text.take(at, place + 2)


def read_names(draft: Draft) -> None:
    """Takes names that are told by the present value alone: lists of them, repositories, files called as their setting."""
    _name_lists(draft)
    _repositories(draft)
    _files(draft)


_LIST = re.compile(r"[A-Za-z_]\w*(?: ?, ?[A-Za-z_]\w*)+")


def _name_lists(draft: Draft) -> None:
    """`q_proj,k_proj,o_proj` for the text that is `q_proj,v_proj` now."""
    text = draft.text
    for known in text.lexicon.known:
        now = str(known.setting.default)
        items = now.split(",")
        if known.setting.type != "str" or len(items) < 2 or not _LIST.fullmatch(now):
            continue
        ends = {re.split(r"[_\d]", i.strip())[-1] for i in items}
        for found in _LIST.finditer(text.plain):
            said = [i.strip() for i in found.group().split(",")]
            if all(re.split(r"[_\d]", i)[-1] in ends and "_" in i for i in said):
                places = [
                    i for i, t in enumerate(text.tokens) if found.start() <= t.start < found.end()
                ]
                clause = next(
                    c for c in clauses(text, frozenset(".;")) if c.start <= places[0] < c.end
                )
                draft.choose(known, [",".join(said)], f'"{found.group()}"', places[0], 0.9)
                text.take(places[0], places[-1] + 1)
                _also(draft, known, Clause(clause.start, places[0]))
                return


def _also(draft: Draft, known: Known, before: Clause) -> None:
    """Takes the words that lead to a list, where one is of the setting: `adapt all the attention projections:`."""
    text = draft.text
    if not any(text.used[before.start : before.end]) and not any(
        text.tokens[i].low == "," for i in range(before.start, before.end)
    ):
        text.take(before.start, before.end)


_REPOSITORY = re.compile(r"[A-Za-z][\w.-]*/[A-Za-z][\w.-]*")


def _repositories(draft: Draft) -> None:
    """`train on databricks/dolly-15k` where the dataset is the name of a repository now."""
    text = draft.text
    named = [
        k for k in text.lexicon.of_concept("dataset")
        if k.setting.type == "str" and _REPOSITORY.fullmatch(str(k.setting.default))
    ]  # fmt: skip
    for at in range(1, len(text)):
        if text.low(at) and text.low(at - 1) in ("on", "dataset", "data") and len(named) == 1:
            said, end = chunk(draft, at)
            if _REPOSITORY.fullmatch(said) and not said.startswith(("data/", "datasets/")):
                draft.choose(named[0], [said], f'"{text.said(at - 1, end)}"', at, 0.9)
                text.take(at - 1, end)


def _files(draft: Draft) -> None:
    """`netG_24.pth` for `netG`: a file that begins with the name of the one setting of text it is for."""
    text = draft.text
    for at, token in enumerate(text.tokens):
        stem_ = token.text.rpartition("/")[2]
        if token.kind != "quoted" or text.used[at] or not re.search(r"\.\w+$", stem_):
            continue
        fits = [
            k for k in text.lexicon.known
            if k.setting.type == "str" and len(k.setting.name) > 3
            and re.match(rf"{re.escape(k.setting.name)}[\d_.-]", stem_)
        ]  # fmt: skip
        if len(fits) == 1 and fits[0].key not in {s.known.key for s in draft.said}:
            start = at
            while text.low(start - 1) in ("from", "with", "continue", "resume", "load"):
                start -= 1
            draft.choose(fits[0], [token.text], f'"{token.text}"', at, 0.9)
            text.take(start, at + 1)


_QUALITY = re.compile(
    r"^(?:(?:a|bit|little|much|some|make|it|the|model|slightly) )*(?P<way>more|less|stronger|weaker|heavier|lighter|higher|lower|extra) (?P<what>[a-z]+)"
    r"|^(?P<verb>[a-z]+) (?:it |the model |the agent )?(?:a bit |much )?(?P<how>more|less|harder|stronger)"
)


def read_qualities(draft: Draft) -> None:
    """Takes `less regularization` and `more exploration` as a usual step of what does that first, and asks how far."""
    text = draft.text
    for at in range(len(text)):
        found = _QUALITY.match(text.after(at)) if text.low(at) else None
        quality = (
            vocabulary.qualities().get(stem(found["what"] or found["verb"])) if found else None
        )
        if found is None or quality is None:
            continue
        down = (found["way"] or found["how"]) in ("less", "weaker", "lighter", "lower")
        alike = [
            k
            for c in quality
            for k in text.lexicon.of_concept(c)[:1]
            if draft.base(k).value or not down
        ]
        end = at + len(found.group().split())
        if alike and relative.suppose(draft, alike[0], down, at, end):
            what = found["what"] or f"what is to {found['verb']}"
            others = ", ".join(f"`{k.key}`" for k in alike[1:])
            told = f"; so would {others}" if others else ""
            draft.suppose(f"`{alike[0].key}` is taken for {what}{told}")
