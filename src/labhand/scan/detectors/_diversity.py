"""How different texts are from each other, and which of them are alike."""

from itertools import pairwise
from typing import Any, NamedTuple

Matrix = Any
ALIKE = 0.8
"""The cosine of two texts from which on they say the same."""
WIDTH = 1 << 14


class Diversity(NamedTuple):
    """How different some texts are.

    `vendi` is the Vendi score (Friedman and Dieng 2023) over the number of texts, from near 0 to 1:
    the exponential of the entropy of the eigenvalues of their similarities; `distinct` the share of
    different pairs of words (distinct-2, Li et al. 2016); `repeated` the share of texts that another
    one repeats or nearly so.
    """

    number: int
    vendi: float
    distinct: float
    repeated: float

    def told(self) -> dict[str, float]:
        """As evidence."""
        return {k: round(v, 4) for k, v in self._asdict().items()}


def vectors_of(texts: list[str]) -> Matrix:
    """Texts as unit vectors of hashed words and pairs of words, float32, sparse."""
    from sklearn.feature_extraction.text import HashingVectorizer

    hashed = HashingVectorizer(
        n_features=WIDTH,
        ngram_range=(1, 2),
        alternate_sign=False,
        token_pattern=r"(?u)\S+",
        norm="l2",
    )
    return hashed.transform(texts).astype("float32")


def diversity(texts: list[str], similar: Matrix) -> Diversity:
    """Of some texts, given the cosine of every two."""
    import numpy as np

    number = len(texts)
    values = np.linalg.eigvalsh(similar.astype(np.float64) / number)
    values = values[values > 1e-12]
    vendi = float(np.exp(-(values * np.log(values)).sum())) / number
    words = [text.split() for text in texts]
    pairs = [pair for w in words for pair in pairwise(w)]
    distinct = len(set(pairs)) / len(pairs) if pairs else 1.0
    others = similar - 2 * np.eye(number, dtype=similar.dtype)
    return Diversity(number, vendi, distinct, float((others.max(axis=1) >= ALIKE).mean()))


def similarities(vectors: Matrix) -> Matrix:
    """The cosine of every two, with ones on the diagonal."""
    import numpy as np

    made = np.asarray((vectors @ vectors.T).todense(), dtype=np.float32)
    np.fill_diagonal(made, 1.0)
    return made
