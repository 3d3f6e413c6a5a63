"""What `it` stands for: the setting that was named last, as in `dropout hurts, turn it off`."""

from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Mention
from labhand.interpret.text import Text

_OF_IT = frozenset(
    "turn disable remove drop halve double triple reduce raise lower set increase decrease cut bump make kill divide multiply".split()
)


def put_names(draft: Draft) -> None:
    """Puts the setting that was named last in place of `it`, as in `dropout hurts, turn it off`."""
    text = draft.text
    last: Mention | None = None
    at = 0
    while at < len(text):
        of_it = text.low(at) == "it" and text.low(at - 1) in _OF_IT and not _as_much(text, at)
        if of_it and last is not None and last.known:
            text.tokens[at] = text.tokens[at]._replace(low=last.known[0].key, kind="quoted")
        found = text.lexicon.match(text.tokens, at) if text.low(at) else None
        if found is not None and found.known:
            last = found if text.tokens[at].kind != "quoted" else last
            at = found.end
        else:
            at += 1


def _as_much(text: Text, at: int) -> bool:
    """Whether `it` is what is made another: `make it twice as wide`, `make it deeper`."""
    return text.low(at - 1) == "make" and (
        text.low(at + 2) == "as" or text.low(at + 1).endswith("er")
    )
