"""Answers that are to stand in their context, and do not."""

from collections.abc import Iterator

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import Data
from labhand.scan.detectors._cells import share, shown
from labhand.scan.texts import texts

FEWEST = 30
MOSTLY = 0.85
"""The share of answers that stand in their context from which on all are meant to."""
LONGER = 2
"""How many times as long as the answer a context must be."""


def not_within(data: Data) -> Iterator[Anomaly]:
    """At most one anomaly a part."""
    import polars as pl

    for part in data.parts:
        flat = {t.role: t for t in texts(data, part) if not t.spoken}
        context, answer = flat.get("context"), flat.get("answer")
        if context is None or answer is None:
            continue
        plain = (
            pl.col("text").str.to_lowercase().str.replace_all(r"\\s+", " ").str.strip_chars(" .,;:")
        )
        frame = answer.lazy.select("row", answer=plain).join(
            context.lazy.select("row", context=plain), on="row"
        ).drop_nulls().collect()  # fmt: skip
        sizes = [pl.col(n).str.len_chars() for n in ("answer", "context")]
        frame = frame.filter((sizes[0] > 0) & (sizes[1] >= LONGER * sizes[0]))
        within = pl.col("context").str.contains(pl.col("answer"), literal=True)
        lost = frame.filter(~within)
        if len(frame) < FEWEST or not len(lost) or len(lost) > (1 - MOSTLY) * len(frame):
            continue
        row = int(lost["row"][0])
        yield Anomaly(
            part,
            f"{len(lost):,} of {len(frame):,} answers ({share(len(lost), len(frame))}) of `{answer.column}` do not stand in their "
            f"`{context.column}`, as row {row}: {shown(lost['answer'][0])}",
            "look for the answer in the context; the context may be that of another row, or cut",
            0.8,
            made(lost["row"].to_list()),
            [answer.column, context.column],
            "warning",
            normal=f"{share(len(frame) - len(lost), len(frame))} of the answers stand word for word in their context",
            group="context",
        )
