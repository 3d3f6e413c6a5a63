"""Labels that are likely wrong."""

from collections.abc import Iterable
from typing import Any

from labhand.scan.anomaly import Anomaly, Repair, edits
from labhand.scan.anomaly import found as made
from labhand.scan.believing import Beliefs, beliefs
from labhand.scan.data import CannotLook, Data, Part
from labhand.scan.detectors import _remapped, _reversed, _shifted_codes
from labhand.scan.detectors._cells import shown
from labhand.scan.detectors._rows import labelled_together

MARGIN = 0.35
"""By how much another class must be likelier than the given one."""
HARD_ROWS = 0.012
"""The share of rows that look wrong to models though they are right; set by hand while looking at the wine,
breast cancer and digits of scikit-learn as they are, which nobody checked row by row."""
SURE = 0.35
GRADED = 0.2
"""How much less sure than the middle row the tenth least sure one is, where classes run into each other."""
IN_DOUBT = 0.3
"""What is left of the sureness there."""
HARD = 0.35
"""Where models contradict more of the labels than this, it is the problem that is hard."""


class Detector:
    """Labels that are likely wrong.

    ## What it does
    Asks models that never saw a row what its label is (small ones of several kinds, fitted on the
    other folds), or your own model by `--probabilities`. Where they agree on another class by a wide
    margin, the label is found, with the class that they think it is. Groups of rows whose labels go
    against what all other rows teach, as stars that one shop counts the other way, are told as such.

    ## Why is this bad
    A model learns the mistake, and on a test set a right answer counts as wrong.

    ## Known problems
    Rows that are merely hard look the same: of pictures and sentiments, half of what any such method
    finds is right as it stands. `--probabilities` of a strong model and `--embeddings` help.

    ## Example
    A `3` among the rows that look like it, labelled `8`

    ## Use instead
    Look at the rows, the surest first, and relabel or leave them out.

    ## References
    Northcutt, Jiang and Chuang, *Confident Learning*, 2021.
    """

    needs = ("label",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a part."""
        told_by = data.role("annotator")
        if any(told_by in p.names and labelled_together(data, p) is not None for p in data.parts):
            raise CannotLook(
                "items that several annotators labelled are compared with each other: annotator-odd"
            )
        failed: list[CannotLook] = []
        told = False
        for anomaly in _remapped.exchanged(data):
            told = True
            yield anomaly
        for part in data.parts:
            for anomaly in (*_reversed.groups(data, part), *_shifted_codes.shifted(data, part)):
                told = True
                yield anomaly
            try:
                yield from _look(data, part, beliefs(data, part))
            except CannotLook as error:
                failed.append(error)
        if len(failed) == len(data.parts) and not told:
            raise failed[0]


def _look(data: Data, part: Part, told: Beliefs) -> Iterable[Anomaly]:
    import numpy as np

    line = np.arange(len(told.given))
    own = told.probabilities[line, told.given]
    others = told.probabilities.copy()
    others[line, told.given] = -1
    best = others.argmax(axis=1)
    margin = others[line, best] - own
    right = float((told.probabilities.argmax(axis=1) == told.given).mean())
    usual = float(np.bincount(told.given).max() / len(told.given))
    chance = 4 * (usual * (1 - usual) / len(told.given)) ** 0.5
    if 1 - right > HARD or right <= usual + max(0.25 * (1 - usual), chance):
        raise CannotLook(
            f"`{data.role('label')}` cannot be learned from the other columns well enough to doubt it: "
            f"{100 * right:.0f} % right, where always `{told.classes[np.bincount(told.given).argmax()]}` "
            f"is {100 * usual:.0f} %"
        )
    odd = np.flatnonzero(margin > MARGIN)
    if not len(odd):
        return
    label = str(data.role("label"))
    sure = _sureness(margin[odd], len(told.given), right)
    top = told.probabilities.max(axis=1)
    # classes that run into each other leave rows in doubt of every degree; slips leave the others sure
    graded = float(np.median(top) - np.quantile(top, 0.1)) > GRADED
    if graded:
        sure = sure * IN_DOUBT
    found = made(
        told.rows[odd],
        margin[odd],
        column=[label] * len(odd),
        value=[str(told.classes[c]) for c in told.given[odd]],
        suggested=[str(told.classes[c]) for c in best[odd]],
        confidence=sure,
    )
    first = found.row(0, named=True)
    yield Anomaly(
        part,
        f"{len(odd):,} of {len(told.given):,} labels are likely wrong; the surest: row {first['row']} is "
        f"{shown(first['value'])}, and looks like {shown(first['suggested'])}",
        "look at these rows, the surest first, and relabel or leave out what is wrong",
        float(np.mean(sure)),
        found,
        [label],
        "note" if "label" in data.guessed or float(np.mean(sure)) < SURE else "warning",
        normal=f"{100 * right:.1f} % of the labels are what {told.source} say",
        evidence={"judged_by": told.source, "agreement": round(right, 4)},
        repair=Repair(
            "scientific",
            f"relabel {len(odd):,} rows",
            edits(found["row"], label, found["suggested"]),
        ),
    )


def _sureness(margin: Any, labels: int, right: float) -> Any:
    """The chance that each is wrong: by its margin, and by how many more there are than of hard rows."""
    import numpy as np

    excess = max(0.05, 1 - max(5.0, HARD_ROWS * labels) / len(margin))
    return np.clip(margin, 0.05, 0.97) ** 1.5 * excess * (0.5 + 0.5 * right)
