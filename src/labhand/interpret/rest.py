"""What no setting answers: new code that is wanted, reasons that are told, words that say nothing to us."""

import re
from pathlib import Path

from labhand.core.intent import Edit
from labhand.interpret import patience, unsaid, vocabulary
from labhand.interpret.clauses import Clause, clauses
from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Mention, atoms_of
from labhand.interpret.likeness import word
from labhand.interpret.situation import Situation
from labhand.interpret.text import ENDS
from labhand.interpret.vocabulary import Concept

_BREAKS = frozenset({"so"}) | frozenset(
    {
        ",",
        "and",
        "but",
        "then",
        "also",
        "plus",
        "(",
        ")",
        "&",
        "+",
        "und",
        "aber",
        "-",
        "*",
        ":",
        "with",
    }
)
_CODE = frozenset(
    "add implement log plot print track record write save replace remove refactor rename port fix build "
    "create include introduce support compute calculate measure visualize visualise dump export profile "
    "count show debug freeze unfreeze initialize init make use try switch swap want put insert wrap rewrite "
    "move merge split extend hook wire evaluate test monitor store cache shard parallelize tie share mask "
    "normalize clip resume load warm start train predict generate sample distill prune quantize compile "
    "drop delete apply enable adapt convert migrate change modify set need experiment ersetze füge baue "
    "implementiere protokolliere logge allow give let get bring hand pass feed give stop call schedule".split()
)
_SOFT = frozenset(
    "larger smaller bigger higher lower wider deeper shorter longer stronger weaker heavier lighter milder drop "
    "raise shrink cut add remove include add bring push crank replace swap quadruple triple double halve half "
    "large small big high low heavy light strong weak cosine-like need try create define build plain simple "
    "paper gpt transformer mlp cnn net network lora units usual regularize regularise regularization regularisation finetune fine specify specified overfitting".split()
)
"""Words that say nothing more where the rest of their piece is understood."""
_STRONG = frozenset(
    "implement log plot print track record write save replace refactor rename port fix build introduce support "
    "compute calculate measure visualize visualise dump export profile insert wrap rewrite hook wire extend "
    "implementiere protokolliere ersetze".split()
)
_REASONS = re.compile(
    r"^(?:(?:the|our|my) )?(?:\w+ ){0,3}?(?:looks?|seems?|feels?|runs? out|takes? (?:ages|forever|too|hours|a while|so)|(?:is|are) (?:too|way too|so|really|very)) ?\b|"
    r"^takes? (?:ages|forever|too long|hours)\b|^(?:way |far |a bit )?too (?:much|many|slow|big|small|noisy|long|high|low|greedy|little|large)\b|"
    r"^(?:a |just a |only a )?(?:quick|short|first|sanity) (?:look|check|test|run|try)\b|^how (?:deep|far|low|high|big|small|long|much)\b|^the usual\b|^simulat\w+ \d+ (?:gpus?|devices|machines)\b|"
    r"^(?:looks?|sounds?|looking) (?:good|great|fine|nice)\b|^(?:thanks|thank you|thx|cheers)\b|^(?:because|since|as (?:it|the|we|i)|so that|so it|so we|in order|to (?:see|check|find|avoid|make sure|confirm|understand|verify|know|fit)|"
    r"i (?:think|believe|suspect|guess|wonder|want to see|want to know|saw|noticed|hope)|it(?:s|'s) |that(?:s|'s) |there(?:s|'s) |it (?:was|is|looks|seems|over|under|diverge|crash|keeps|nans?|ooms?|dies|died|blows|explode)|"
    r"the (?:\w+ )*(?:is|was|looks|seems|are|were|diverged|diverges|plateaus|explodes|overfits|oom\w*|crashed)\b|"
    r"(?:see|check|find out|tell me|look at|watch) (?:how|if|whether|what|which|where|when)|(?:un)?till? (?:it|the|this)|which one|"
    r"(?:don'?t|do not) (?:cut|make|keep|be|train|use|have)\b.{0,30}\bso (?:short|long|big|small|much|many|few|often|hard|strong|early|late)$|"
    r"we (?:think|saw|are|were|had|got|suspect|know|keep)|this (?:is|was|should)|that (?:is|was|should)|hopefully|curious|given|not sure|should (?:be|help|fit)|if (?:that|it|possible)|"
    r"as in|like in|à la|a la|following|per the|looks like|seems|why|weil|damit|for the (?:paper|rebuttal|meeting|reviewers?|appendix|report|deadline|record)|reviewer|goal is|the goal)"
)
_HOMES = (
    ("log logging plot print track record save checkpoint wandb tensorboard tqdm csv optimizer scheduler schedule cosine gradient grad gradients clip ema warmup throughput profile profiling", r"\.backward\(|optimizer|optim\."),
    ("residual layer attention attn norm activation head block embedding rotary rope model network architecture mlp conv encoder decoder init initialization mup skip bias pooling gate moe lora bottleneck", r"class \w+\([^)]*Module|nn\.Sequential|flax|keras\.Model"),
    ("augmentation augment dataset loader dataloader tokenizer tokenize data shuffle crop flip batch sampler collate normalize split preprocessing image text pack packing", r"class \w+\([^)]*Dataset|DataLoader\(|load_dataset|transforms\.|def get_batch|def load"),
    ("eval evaluation evaluate validation test metric accuracy confusion f1 bleu", r"def (?:eval|evaluate|validate|test|estimate_loss)|model\.eval\(\)"),
    ("loss criterion objective kl penalty contrastive", r"loss\s*=|criterion|cross_entropy"),
)  # fmt: skip


_PART = re.compile(
    r"\b(?:only )?(?:for|in|during|over|within) (?:the |its )?(?:first|last|initial|final) [\d.,]+k? ?"
    r"(?:%|percent|epochs?|steps?|iterations?|iters?|batches|updates|episodes)(?!\w)"
)
_OF_PART = re.compile(
    r"\b(?:for|in|on|of) (?:the |my )?(?P<part>encoder|decoder|head|backbone|embedding|generator|discriminator|actor|critic|"
    r"classifier|body|stem|trunk|bias|norm)(?:e?s)?(?: layers?| params?| parameters)?$"
)
_GRADUAL = re.compile(r"warm|ramp|fr[eo]ez|frozen|decay|anneal|random|explor|burn")
"""What begins or ends by itself, and is a setting then."""


def read_parts(draft: Draft, situation: Situation) -> None:
    """Makes an edit of a value for a part of the training or of the model that no setting is for.

    So of `lr 3e-3 for the first 2 epochs`, and of `10x smaller lr for the encoder`.
    """
    pieces = [(c, draft.text.said(c.start, c.end)) for c in clauses(draft.text)]
    several = sum(_OF_PART.search(words.lower()) is not None for _, words in pieces) > 1
    for clause, words in pieces:
        found = _PART.search(words.lower())
        of = None if several else _OF_PART.search(words.lower())
        if found is None and of is not None and not _has_its_own(draft, of["part"], words.lower()):
            found = of
        waits = patience.waited(draft.text, clause) is not None
        if _over_time(draft, clause, words.lower()) or (
            waits and patience.patient(draft.text) is None
        ):
            draft.edits.append(_edit(draft, situation, _trimmed(words), []))
            draft.text.take(clause.start, clause.end)
            continue
        if found is None or _GRADUAL.search(words.lower()):
            continue
        if re.search(r"\d", words[: found.start()]):
            draft.edits.append(_edit(draft, situation, _trimmed(words), []))
            draft.text.take(clause.start, clause.end)


_CHANGES = re.compile(
    r"\b(?:decay|anneal|ramp|schedul|warm(?: |-)?up|increas|decreas|linearly)\w*\b.*\b(?:over|during|throughout|across|by the end of|within)\b"
)
_ENDS = frozenset("decay anneal annealing end final start init schedule ramp warmup steps".split())


def _over_time(draft: Draft, clause: Clause, words: str) -> bool:
    """Whether a setting of one number shall change in the course of the training, and none says how."""
    text = draft.text
    if not _CHANGES.search(words):
        return False
    found = (
        text.lexicon.match(text.tokens, i) for i in range(clause.start, clause.end) if text.low(i)
    )
    meant = [
        m.known[0]
        for m in found
        if m is not None and m.known and not (m.concept and m.concept.id in _TIMED)
    ]
    firm = [k for k in meant if k.setting.type == "float"]
    if len(firm) != len(meant) or len({k.key for k in firm}) != 1:
        return False
    own = set(atoms_of(firm[0].setting.name))
    beside = (set(atoms_of(k.setting.name)) for k in text.lexicon.known if k.key != firm[0].key)
    return not own & _ENDS and not any(own & atoms and _ENDS & atoms for atoms in beside)


_TIMED = frozenset(
    "learning-rate epochs steps schedule warmup weight-decay min-learning-rate".split()
)
"""What a course over time is said by, or has settings of its own for that everywhere."""


def _has_its_own(draft: Draft, part: str, words: str) -> bool:
    """Whether a part of the model has a setting of its own for what a clause speaks of: `enc_lr`, `dec_layers`."""
    said = {_stem(word) for word in re.findall(r"[a-z]+", words)}
    for known in draft.text.lexicon.known:
        atoms = atoms_of(known.key)
        rest = {_stem(a) for a in atoms if not a.startswith(part[:3])}
        phrases = known.concept.phrases if known.concept is not None else ()
        if len(rest) < len(set(atoms)) and (rest & said or any(p in words for p in phrases)):
            return True
    return False


def read(draft: Draft, situation: Situation) -> None:
    """Makes edits of what is asked for and is no setting, and tells what was not made out."""
    missing = {i: m for m in draft.missing for i in range(m.start, m.end)}
    last: tuple[int, Edit] | None = None
    for start, end in _segments(draft):
        left = [i for i in range(start, end) if _says(draft, i) or i in missing]
        left = [i for i in left if not draft.text.used[i]]
        if all(_is_named(draft, i) or draft.text.tokens[i].low in _SOFT for i in left):
            left = [i for i in left if not any(_is_named(draft, k) for k in left)]
        if any(draft.text.used[start:end]):
            left = [i for i in left if not _is_plain(draft, i)]
        if not left and not unsaid.asks_for_another(draft, start, end):
            continue
        gone = [
            m for m in draft.missing
            if start <= m.start < end and not draft.text.used[m.start] and not _owns(draft, m)
        ]  # fmt: skip
        words = _trimmed(draft.text.said(start, end))
        heads = _heads(draft, start, end)
        told = _told(draft, start, end, words) if heads or not gone else ""
        if _asks_which(draft, start, end, words) or (not told and unsaid.ask(draft, start, end)):
            draft.text.take(start, end)
            continue
        if told:
            draft.suppose(f'"{words}" {told}')
        elif (
            last is not None
            and start - last[0] in (1, 2)
            and not _acts(draft, start, end)
            and not gone
        ):
            last[1].summary = _trimmed(f"{last[1].summary} {_joint(draft, start)}{words}")
        elif not gone and (
            _is_of_settings(draft, start, end) or not _wants(draft, left, start, end)
        ):
            draft.suppose(
                f'"{_unread(draft, left, start, end)}" is not understood, and changes nothing'
            )
        else:
            edit = _edit(draft, situation, words, gone)
            draft.edits.append(edit)
            last = (end, edit)
            draft.text.take(start, end)
            continue
        if last is not None:
            last = (end, last[1])
        draft.text.take(start, end)


_WHICH = re.compile(
    r"^(?:please |lets |now )*(?:use|try|take|switch to|go with|train (?:it )?on|run (?:it )?on|on|with|change to) (?:the|our|that) (?:[a-z-]+ ){1,2}(?P<what>[a-z]+)$"
)


def _asks_which(draft: Draft, start: int, end: int, words: str) -> bool:
    """Asks which value is meant by `use the cleaned dataset`, where a setting of words is named and no value of it."""
    found = _WHICH.match(words.lower())
    at = end - 1
    mention = (
        draft.text.lexicon.match(draft.text.tokens, at) if found and draft.text.low(at) else None
    )
    if mention is None or not mention.known or mention.known[0].setting.type != "str":
        return False
    known = mention.known[0]
    present = draft.base(known).value
    draft.doubt(f'Which `{known.key}` is "{words}"?', [present, "another"], present, 0.5)
    return True


def _told(draft: Draft, start: int, end: int, words: str) -> str:
    """What words are that ask for nothing new; empty: they may."""
    if unsaid.asks_what_is(draft, start, end):
        return "is taken as a question about what is, and changes nothing"
    if _CONDITION.match(words.lower()):
        return "is not understood as a bound, and changes nothing"
    if _glosses(draft, start, end, words):
        return "is taken as what the rest is for"
    if _heads(draft, start, end):
        return "is taken as a heading"
    if _is_reason(draft, start, end, words):
        return "is taken as the reason, not as something to change"
    return ""


def _is_reason(draft: Draft, start: int, end: int, words: str) -> bool:
    whole = draft.text.said(start, end).lower().strip(" ,;.:-*()")
    return any(_REASONS.match(form) for form in (words.lower(), whole))


_CONDITION = re.compile(
    r"(?:about |roughly |with |at |keep(?:ing)? )*(?:the )?same (?:number|amount|total|count|compute|flops|size|budget|memory)\b"
)
"""What shall stay as it is, and is no new code."""
_COMPARED = re.compile(
    r"^(?:(?:a|an|the|with|much|slightly|even|bit) )*(?:slower|faster|smaller|bigger|larger|shorter|longer|stronger|weaker|lower|higher|deeper|wider|"
    r"softer|harder|smoother|finer|coarser|heavier|lighter|tighter|looser|gentler|more|less|fewer)\b"
)


def _glosses(draft: Draft, start: int, end: int, words: str) -> bool:
    """Whether a piece only says in general what a value that is said makes: `slower target, tau 0.001`."""
    if not _COMPARED.match(words.lower()) or re.search(r"\d", words):
        return False
    beside = (s.start for s in draft.said if s.origin == "said")
    return any(at in (end + 1, end + 2) or end <= at <= end + 4 for at in beside)


def _heads(draft: Draft, start: int, end: int) -> bool:
    """Whether a piece only announces what is understood after a colon: `larger model: 12 layers`."""
    text = draft.text
    colon = end < len(text) and text.tokens[end].low in (":", "(")
    then = colon and end + 1 < len(text) and text.used[end + 1]
    if " ".join(t.low for t in text.tokens[end : end + 5]) == ", i . e .":
        then = any(text.used[end + 5 : end + 7])
    strong = any(text.tokens[i].low in _STRONG | {"add"} for i in range(start, end))
    return bool(then) and not strong and not any(text.used[start:end])


def _is_plain(draft: Draft, at: int) -> bool:
    """Whether a token says nothing more where the rest of its piece is understood."""
    token = draft.text.tokens[at]
    if token.kind == "number" or token.low in _STRONG:
        return False
    if _is_named(draft, at):
        return True
    return token.low in _SOFT or token.low in vocabulary.KNOWN_WORDS


def _is_named(draft: Draft, at: int) -> bool:
    """Whether a word is a part of the name of a setting that is understood: `lora` of `lora_r`."""
    word = _stem(draft.text.tokens[at].low)
    return any(
        word == _stem(part)
        for said in draft.said
        for name in (said.known.key, *(v for v in said.values if isinstance(v, str)))
        for part in re.split(r"[\W_]", name.lower())
    )


def _owns(draft: Draft, mention: Mention) -> bool:
    """Whether a word only tells what a setting beside it belongs to: the nets of `layer norm in the nets`."""
    word = mention.phrase.lower().rstrip("s")
    owners = [f"{s.known.setting.owner}.{s.known.key}" for s in draft.said]
    return any(word in {a.rstrip("s") for a in atoms_of(o)} for o in owners) and draft.text.low(
        mention.start - 1
    ) in ("the", "in", "of")


def _stem(word: str) -> str:
    return vocabulary.joined(word).rstrip("s")


def _unread(draft: Draft, left: list[int], start: int, end: int) -> str:
    """The words of a piece that nobody owns: all of it, or what is left between what is understood."""
    if not any(draft.text.used[start:end]):
        return _trimmed(draft.text.said(start, end))
    return _trimmed(draft.text.said(left[0], left[-1] + 1))


def _joint(draft: Draft, start: int) -> str:
    low = draft.text.tokens[start - 1].low if start else ""
    return "and " if low in ("and", "&", "plus", "und") else ""


def _segments(draft: Draft) -> list[tuple[int, int]]:
    """The pieces of the text between commas, conjunctions and the ends of sentences."""
    text = draft.text
    found: list[tuple[int, int]] = []
    start = 0
    for at in range(len(text) + 1):
        inner = (
            at < len(text)
            and text.tokens[at].glued
            and at + 1 < len(text)
            and text.tokens[at + 1].glued
        )
        breaks = at < len(text) and not inner and _breaks(draft, at)
        if at == len(text) or breaks:
            if at > start:
                found.append((start, at))
            start = at + 1
    return found


def _breaks(draft: Draft, at: int) -> bool:
    """Whether a token parts two wishes: `with` only where what follows is understood."""
    low = draft.text.tokens[at].low
    if low in ("with", ":", "("):
        return at + 1 < len(draft.text) and draft.text.used[at + 1]
    return low in _BREAKS or low in ENDS


def _says(draft: Draft, at: int) -> bool:
    """Whether a token that is not understood carries meaning."""
    token = draft.text.tokens[at]
    if draft.text.used[at] or token.kind == "mark":
        return False
    if token.kind == "number":
        return True
    return token.kind == "quoted" or (token.low not in vocabulary.FILLERS and len(token.low) > 1)


def _acts(draft: Draft, start: int, end: int) -> bool:
    return any(draft.text.tokens[i].low in _CODE for i in range(start, min(end, start + 3)))


def _wants(draft: Draft, left: list[int], start: int, end: int) -> bool:
    """Whether tokens that are not understood ask for something new: a verb, or a word unknown here.

    Beside something that is understood only a verb does that no setting answers.
    """
    if any(draft.text.used[start:end]):
        lows = {t.low for t in draft.text.tokens[start:end]}
        exchanged = "instead" in lows and sum(_is_odd(draft, i) for i in left) > 1
        return exchanged or any(draft.text.tokens[i].low in _STRONG for i in left)
    words = [t for i in left if (t := draft.text.tokens[i]).kind != "number" and not t.value]
    return bool(words) and (
        _acts(draft, start, end)
        or any(t.low not in vocabulary.KNOWN_WORDS for t in words)
        or len(words) > 1
    )


def _is_of_settings(draft: Draft, start: int, end: int) -> bool:
    """Whether a piece has no verb of making, and every word of it is of a setting that the script has."""
    if any(draft.text.used[start:end]) or _acts(draft, start, end):
        return False
    words = [
        t
        for t in draft.text.tokens[start:end]
        if t.kind == "word" and t.low not in vocabulary.FILLERS
    ]
    return bool(words) and all(draft.likeness.names(word(t.low)) for t in words)


def _is_odd(draft: Draft, at: int) -> bool:
    """Whether a token is a word that says something of its own."""
    low = draft.text.tokens[at].low
    return low.isalpha() and low not in vocabulary.FILLERS and low not in _SOFT


def _trimmed(words: str) -> str:
    words = re.sub(r"\s+", " ", words).strip(" ,;.:-*()")
    return re.sub(
        r"^(?:(?:and|also|please|then|but|can you|could you|let's|lets|now|just|maybe|i want to|i'd like to|we should) )+",
        "",
        words,
        flags=re.I,
    )


def _edit(draft: Draft, situation: Situation, words: str, gone: list[Mention]) -> Edit:
    if not gone:
        return Edit(path=home_of(words, situation), summary=words)
    names = ", ".join(dict.fromkeys(m.concept.title for m in gone if m.concept is not None))
    near = nearest(gone[0].phrase, draft, gone[0].concept)
    script = situation.script.name if situation.script else "the project"
    has = (
        f"the nearest {'is' if len(near) == 1 else 'are'} {', '.join(f'`{n}`' for n in near)}"
        if near
        else "nothing is near it"
    )
    draft.suppose(
        f"{script} has no setting for {names}, so code must be written; {has}{_spoken(gone, situation)}"
    )
    return Edit(
        path=home_of(words, situation), summary=f"{words} ({script} has no setting for {names})"
    )


def _spoken(gone: list[Mention], situation: Situation) -> str:
    """Where the script speaks of a word all the same: it may be there without a setting."""
    word = vocabulary.joined(gone[0].phrase)
    script = situation.script
    if script is None or len(word) < 5:
        return ""
    lines = situation.sources.get(script, "").lower().split("\n")
    at = next((i for i, line in enumerate(lines, 1) if re.search(rf"\b{word}", line)), None)
    return f'; {script.name} line {at} speaks of "{word}": it may be there already' if at else ""


def nearest(phrase: str, draft: Draft, concept: Concept | None = None) -> list[str]:
    """Up to three names of settings that are like a phrase, or like what its concept is called."""
    import difflib

    names = [k.key for k in draft.text.lexicon.known]
    plain = vocabulary.joined(phrase)
    atoms = set(re.split(r"\W+|_", phrase.lower()))
    sharing = [n for n in names if atoms & set(re.split(r"[._]", n.lower()))]
    if concept is not None and plain in concept.values:
        alike = [n for n in names if _kin(n, concept)]
        return list(dict.fromkeys([*sharing, *alike]))[:3]
    lasts = {vocabulary.joined(n.rpartition(".")[2]): n for n in names}
    close = [lasts[n] for n in difflib.get_close_matches(plain, list(lasts), n=3, cutoff=0.55)]
    return list(dict.fromkeys([*sharing, *close]))[:3]


def _kin(name: str, concept: Concept) -> bool:
    """Whether all parts of a name stand in one of a concept's: `decay_lr` in `lr decay`."""
    parts = sorted(
        p for p in atoms_of(name.rpartition(".")[2]) if p not in ("iters", "steps", "epochs")
    )
    told = {*concept.names, *concept.said}
    return len(parts) > 1 and any("".join(order) in told for order in (parts, parts[::-1]))


def home_of(words: str, situation: Situation) -> str | None:
    """The file that a change most likely goes to, relative to the project; None: no file is known."""
    named = re.search(r"[\w/.-]+\.(?:py|ya?ml|toml|json|md|sh)\b", words)
    if named:
        found = next((p for p in situation.files if str(p).endswith(named.group())), None)
        return _relative(found, situation) if found else named.group()
    lows = set(re.findall(r"[a-z0-9]+", words.lower()))
    for about, code in _HOMES:
        if lows & set(about.split()):
            counted = [
                (len(re.findall(code, text)), path) for path, text in situation.sources.items()
            ]
            most = max((n for n, _ in counted), default=0)
            if most:
                best = [p for n, p in counted if n == most]
                chosen = situation.script if situation.script in best else best[0]
                return _relative(chosen, situation)
    return _relative(situation.script, situation)


def _relative(path: Path | None, situation: Situation) -> str | None:
    if path is None:
        return None
    return (
        path.relative_to(situation.root).as_posix()
        if path.is_relative_to(situation.root)
        else str(path)
    )
