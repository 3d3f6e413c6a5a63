"""Outputs whose length changes all at once."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import CannotLook, Data
from labhand.scan.outputs import Outputs, outputs

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

LEAST = 5
"""Outputs of a step below which it is not looked at."""
WINDOW = 5
"""Steps on each side of a jump that are compared."""
TIMES = 1.7
"""How many times as long, or as short, outputs must become."""
NOISES = 6.0
"""How many times the usual change from step to step a jump is at least."""
LEVEL = 1e-3


class Detector:
    """Outputs whose length changes all at once.

    ## What it does
    Takes the middle length of the outputs of every step and finds a step at which it jumps: to 1.7 times
    the length or more, or less, at once, by many times what it changes from step to step otherwise, and by
    a rank test of the outputs before and after. A length that grows little by little is none.

    ## Why is this bad
    A policy that found out that long answers pay, that an end token went missing, that outputs are cut
    or empty: a change of the sampler, the template or the reward, not of what is said.

    ## Known problems
    A curriculum that changes the kind of prompt at a step changes the length too.

    ## Example
    From step 300 on the outputs have 410 words in the middle, before 60

    ## Use instead
    Look at outputs of both sides; compare the template, the stop tokens and the limit of length.
    """

    needs = ("rows",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """At most one anomaly a part: the greatest jump."""
        stepped = [t for t in outputs(data) if t.get("step") and t.get("output")]
        stepped = [t for t in stepped if t.part.columns[str(t.columns["output"])].letters >= 1]
        if not stepped:
            raise CannotLook("no part holds outputs of several steps")
        for told in stepped:
            yield from _look(told)


class _Steps(NamedTuple):
    names: list[Any]
    rows: "list[Array]"
    lengths: "list[Array]"
    """The logarithm of the words, or of the characters where an output has no blanks."""
    middle: "Array"


def _steps(told: Outputs) -> _Steps:
    import numpy as np
    import polars as pl

    cell = pl.col("output").cast(pl.String, strict=False)
    words = cell.str.count_matches(r"\S+")
    letters = told.part.columns[told.columns["output"]]
    size = words if letters.words >= 2 else cell.str.len_chars()
    frame = told.frame("output", "step").select("row", "step", size=size)
    frame = frame.filter(pl.col("size").is_not_null(), pl.col("step").is_not_null())
    groups = [
        (key[0], group)
        for key, group in frame.partition_by("step", as_dict=True).items()
        if len(group) >= LEAST
    ]
    groups.sort(key=lambda g: (0, g[0]) if isinstance(g[0], int | float) else (1, str(g[0])))
    lengths = [np.log1p(g["size"].to_numpy().astype(float)) for _, g in groups]
    return _Steps(
        [name for name, _ in groups],
        [g["row"].to_numpy() for _, g in groups],
        lengths,
        np.array([float(np.median(x)) for x in lengths]),
    )


def _look(told: Outputs) -> Iterable[Anomaly]:
    import numpy as np

    steps = _steps(told)
    if len(steps.names) < 2:
        return
    jumps = [(abs(size), at) for at in range(1, len(steps.names)) if (size := _jump(steps, at))]
    if not jumps:
        return
    size, at = max(jumps)
    after = _until(steps, at)
    rows = np.concatenate(steps.rows[at:after])
    lengths = np.concatenate(steps.lengths[at:after])
    before = float(np.median(np.concatenate(steps.lengths[max(0, at - WINDOW) : at])))
    now = float(np.median(np.concatenate(steps.lengths[at : min(after, at + WINDOW)])))
    column = str(told.get("step"))
    stays = after == len(steps.names)
    when = f"from {column} {steps.names[at]} on" if stays else f"at {column} {steps.names[at]}"
    if not stays and after - at > 1:
        when = f"from {column} {steps.names[at]} to {steps.names[after - 1]}"
    ratio = float(np.expm1(now) + 1) / float(np.expm1(before) + 1)
    yield Anomaly(
        told.part,
        f"{when} the outputs are {_times(ratio)}: the middle one has {np.expm1(now):.0f} words or signs, "
        f"before it had {np.expm1(before):.0f}",
        "look at outputs of both sides; compare the template, the stop tokens and the limit of length",
        0.85 if stays else 0.75,
        made(rows.tolist(), np.abs(lengths - before).tolist()),
        [c for c in (told.columns.get("output"), told.columns.get("step")) if c],
        "warning",
        normal=f"before it the middle length changes by {100 * float(np.expm1(_noise(steps, at))):.0f} % from {column} to {column}",
        evidence={
            "first": steps.names[at],
            "times": round(ratio, 3),
            "middle": {str(n): round(float(np.expm1(m)), 1) for n, m in zip(steps.names[:200], steps.middle, strict=False)},
        },
    )  # fmt: skip


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times as long" if ratio > 1 else f"{1 / ratio:.1f} times shorter"


def _jump(steps: _Steps, at: int) -> float:
    """How far the length jumps at this step, as a difference of logarithms; 0.0 where it does not."""
    import numpy as np
    from scipy.stats import mannwhitneyu

    before, after = slice(max(0, at - WINDOW), at), slice(at, min(len(steps.names), at + WINDOW))
    size = float(steps.middle[at] - np.median(steps.middle[before]))
    if abs(size) < np.log(TIMES) or abs(steps.middle[at] - steps.middle[at - 1]) < 0.6 * abs(size):
        return 0.0
    old, new = np.concatenate(steps.lengths[before]), steps.lengths[at]
    if len(old) < 2 * LEAST and at < 2:
        new = np.concatenate(steps.lengths[after])
    # of one or two steps nobody knows how much they differ by themselves
    wanted = NOISES * _noise(steps, at) if at >= 3 else np.log(2.5)
    if abs(size) < wanted:
        return 0.0
    return size if mannwhitneyu(old, new).pvalue < LEVEL else 0.0


def _noise(steps: _Steps, at: int) -> float:
    """How much the middle length changes from one step to the next before and after the jump."""
    import numpy as np

    changes = np.abs(np.diff(steps.middle))
    others = np.delete(changes, [at - 1, *([at] if at < len(changes) else [])])
    usual = 1.48 * float(np.median(others)) if len(others) else 0.0
    spread = float(np.median([np.std(x) / np.sqrt(len(x)) for x in steps.lengths]))
    return max(usual, 1.25 * spread, 0.01)


def _until(steps: _Steps, at: int) -> int:
    """The place of the first later step that is back at the old length."""
    import numpy as np

    old = float(np.median(steps.middle[max(0, at - WINDOW) : at]))
    half = (old + float(steps.middle[at])) / 2
    above = steps.middle[at] > old
    for later in range(at + 1, len(steps.names)):
        if (steps.middle[later] < half) == above:
            return later
    return len(steps.names)
