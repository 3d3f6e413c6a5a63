"""What a script has no setting for, and another setting says: what is kept for what is dropped, one of a pair."""

from labhand.interpret import values, vocabulary
from labhand.interpret.draft import Draft
from labhand.interpret.given import connect, past
from labhand.interpret.lexicon import Known, Mention, atoms_of


def instead(draft: Draft, mention: Mention) -> int:
    """Where a value ends that another setting says; 0: none does."""
    return _kept(draft, mention) or _of_pair(draft, mention)


def _kept(draft: Draft, mention: Mention) -> int:
    """Where `20% dropout` ends, if the script says what is kept instead: `keep_prob`; 0: it does not."""
    if mention.concept is None or mention.concept.id != "dropout":
        return 0
    names = {
        vocabulary.joined(k.setting.name.rpartition(".")[2]): k for k in draft.text.lexicon.known
    }
    known = next(
        (
            names[n]
            for n in ("keepprob", "keepp", "pkeep", "keeprate", "keepprobability")
            if n in names
        ),
        None,
    )
    after = draft.text.amount(connect(draft, mention.end)[0])
    before = draft.text.amount(mention.start - 1) if mention.start else None
    found = after or (before if before and before[1] == mention.start else None)
    if known is None or found is None:
        return 0
    share = found[0].value / (100 if found[0].unit == "%" else 1)
    start, end = (mention.start, found[1]) if after else (mention.start - 1, mention.end)
    draft.set(
        mention._replace(known=(known,), strength=0.9),
        [values.fitted_number(known, values.rounded(1 - share))],
        start,
        end,
    )
    draft.suppose(
        f"`{known.key}` is the share that is kept: {values.shown(values.rounded(1 - share))}"
    )
    return end


def _of_pair(draft: Draft, mention: Mention) -> int:
    """Where `beta2 0.95` ends, if one setting holds both betas: the other stays; 0: none does."""
    place = {"beta1": 0, "beta2": 1}.get(mention.concept.id if mention.concept else "")
    pairs = [k for k in draft.text.lexicon.known if k.key.lower().endswith("betas")]
    found = draft.text.amount(connect(draft, mention.end)[0])
    if place is None or len(pairs) != 1 or found is None or found[0].unit:
        return 0
    present = draft.base(pairs[0]).value
    if not isinstance(present, list | tuple) or len(present) != 2:
        return 0
    both = list(present)
    both[place] = found[0].value
    end = past(draft, found[1])
    draft.set(mention._replace(known=(pairs[0],), strength=0.95), [both], mention.start, end)
    return end


def kin(draft: Draft, mention: Mention) -> Known | None:
    """The only setting of numbers whose name ends in the word that was said."""
    word = vocabulary.joined(mention.phrase)
    if len(word) < 3 or mention.concept is None or mention.concept.counted:
        return None
    alike = [
        k
        for k in draft.text.lexicon.known
        if k.setting.type in ("int", "float") and atoms_of(k.setting.name)[-1:] == [word]
    ]
    return alike[0] if len(alike) == 1 else None
