"""Preference pairs whose two sides answer different prompts."""

from collections.abc import Iterable

from labhand.scan.anomaly import Anomaly, Repair, drops
from labhand.scan.data import CannotLook, Data, Part
from labhand.scan.detectors._cells import share, shown
from labhand.scan.detectors._preferences import plainly, preferences

HABIT = 0.5
"""The share of pairs from which on the two prompts are meant to be different things."""


class Detector:
    """Preference pairs whose two sides answer different prompts.

    ## What it does
    Where the two sides carry the conversation before the answer, as turns or as text, it compares the
    two, and each with the prompt of the row, without case and blanks.

    ## Why is this bad
    The pair compares answers to different questions; what is learned is which question was liked.

    ## Known problems
    Pairs without a prompt on their sides cannot be compared; this is said. Pairs of whole
    conversations by two models differ before the last answer.

    ## Example
    chosen: `Human: What is 2+2? Assistant: 4`, rejected: `Human: What is 3+3? Assistant: 5`

    ## Use instead
    Drop the pairs, or join the sides again by their prompt.
    """

    needs = ("chosen", "rejected")

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a part."""
        import polars as pl

        frames = [(p, f) for p in data.parts if (f := preferences(data, p)) is not None]
        if not any(f["prompt"].count() and f["prompt_rejected"].count() for _, f in frames):
            raise CannotLook("chosen and rejected carry no prompt of their own")
        for part, frame in frames:
            differ = plainly("prompt") != plainly("prompt_rejected")
            either = plainly("prompt").str.contains(plainly("asked"), literal=True)
            other = pl.col("asked").is_not_null() & ~either & (pl.col("prompt").str.len_chars() > 0)
            for what, is_odd in (
                ("each other", differ),
                ("the prompt of the row", other & ~differ),
            ):
                yield from _look(data, part, frame.filter(is_odd), what)


def _look(data: Data, part: Part, odd: "object", what: str) -> Iterable[Anomaly]:
    import polars as pl

    assert isinstance(odd, pl.DataFrame)
    if not 0 < len(odd) <= HABIT * part.rows + 1:
        return
    found = odd.select(
        "row",
        score=pl.lit(1.0),
        column=pl.lit(data.role("rejected")),
        value="prompt_rejected",
        chosen="prompt",
    ).sort("row")
    first = found.row(0, named=True)
    yield Anomaly(
        part,
        f"{len(found):,} of {part.rows:,} pairs ({share(len(found), part.rows)}) have a prompt that differs from "
        f"{what}, as row {first['row']}: {shown(first['chosen'])} and {shown(first['value'])}",
        "drop the pairs, or join the sides again by their prompt",
        0.95,
        found,
        [str(data.role("chosen")), str(data.role("rejected"))],
        "warning",
        normal="both sides of a pair answer one prompt",
        repair=Repair("scientific", f"drop {len(found):,} pairs", drops(found["row"])),
    )
