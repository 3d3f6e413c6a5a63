"""What tells one side of pairs of texts from the other, and which pairs are the other way round."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, NamedTuple

from labhand.scan.data import Part

if TYPE_CHECKING:
    import polars as pl

Matrix = Any
FEWEST = 100
"""Pairs below which nothing can be learned of them."""
MOST = 20_000
"""Pairs that a model learns from; all are judged."""
LEARNED = 0.75
"""How often an unseen pair must be told right before others are doubted."""
LETTERS = 4_000
"""Letters of a text that are read: what tells the sides apart stands in its beginning."""
WIDTH = 1 << 14
FOLDS = 5


class Judged(NamedTuple):
    """What a model that never saw a pair says of it: above 0 for the chosen side; `right` how often so."""

    part: Part
    rows: Matrix
    margin: Matrix
    right: float
    differ: Matrix
    """What the chosen side has more of than the rejected one, a line a pair."""


def _features(pairs: "pl.DataFrame", side: str) -> Matrix:
    """Words of each answer as hashed counts, and its form: length, lines, marks, words of the prompt."""
    import numpy as np
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import HashingVectorizer

    texts = [(text or "")[:LETTERS] for text in pairs[side]]
    asked = [set(((a or "") + " " + (p or "")).lower().split()) for a, p in zip(pairs["asked"], pairs["prompt"], strict=True)]  # fmt: skip
    hashed = HashingVectorizer(n_features=WIDTH, alternate_sign=False, norm="l2")
    form = []
    for text, prompt in zip(texts, asked, strict=True):
        words = text.lower().split()
        ends = text.rstrip()[-1:] in ".!?)\"'`}"
        form.append(
            [
                np.log1p(len(text)),
                np.log1p(text.count("\n")),
                float(ends),
                float(text[:1].isupper()),
                sum(w in prompt for w in words) / (len(words) or 1),
                len(set(words)) / (len(words) or 1),
                np.log1p(sum(c.isdigit() for c in text)),
            ]
        )
    return hstack([hashed.transform(texts), csr_matrix(np.array(form) * 0.5)])


def _margins(differ: Matrix) -> Matrix:
    """The margin of each pair by a linear model of the other folds."""
    import numpy as np

    number = differ.shape[0]
    fold = np.random.default_rng(0).permutation(number) % FOLDS
    margin = np.zeros(number)
    for at in range(FOLDS):
        margin[fold == at] = learned(differ[fold != at]).decision_function(differ[fold == at])
    return margin


def learned(differ: Matrix) -> Any:
    """A linear model of what the chosen side has more of; half of the pairs are turned round to learn from."""
    import numpy as np
    from scipy.sparse import diags
    from sklearn.linear_model import SGDClassifier

    some = differ[:MOST]
    sign = np.where(np.random.default_rng(1).random(some.shape[0]) < 0.5, 1, -1)
    model = SGDClassifier(
        loss="log_loss", alpha=1e-4, fit_intercept=False, random_state=0, average=True
    )
    return model.fit(diags(sign.astype(float)) @ some, sign)


def judged(part: Part, pairs: "pl.DataFrame") -> Judged | None:
    """What a model that never saw a pair says of each; None where the sides are not told apart.

    `pairs` has the columns row, asked and prompt (either may be null), chosen and rejected.
    """
    import polars as pl

    differing = (pl.col("chosen") != pl.col("rejected")) & (pl.col("chosen") != "")
    pairs = pairs.filter(differing)
    if len(pairs) < FEWEST:
        return None
    differ = (_features(pairs, "chosen") - _features(pairs, "rejected")).tocsr()
    margin = _margins(differ)
    right = float((margin > 0).mean())
    if right < LEARNED:
        return None
    return Judged(part, pairs["row"].to_numpy(), margin, right, differ)


def surely_reversed(told: Judged, clear: float, known: Collection[int] = ()) -> Matrix:
    """The places of single pairs that are the other way round, where a share `clear` is told right.

    `known` are rows that are left out.
    """
    import numpy as np

    rest = np.array([int(r) not in known for r in told.rows])
    if rest.sum() < FEWEST or (told.margin[rest] > 0).mean() < clear:
        return np.empty(0, int)
    least = float(np.quantile(told.margin[rest], 0.3))
    return np.flatnonzero(rest & (told.margin < -least))
