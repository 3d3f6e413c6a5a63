"""How different outputs are from each other, and which of them are alike: texts, vectors or images."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from labhand.scan.data import Data, Part
from labhand.scan.detectors._pictures import pictures
from labhand.scan.detectors._vectors import sound, vectors
from labhand.scan.texts import texts

Matrix = Any
ALIKE = {"texts": 0.8, "vectors": 0.95, "images": 0.95}
"""The cosine of two from which on they say or show the same; of vectors after their mean is taken away."""
WIDTH = 1 << 14
WORDS = 3
"""Words of a text below which it can hardly differ."""


class Samples(NamedTuple):
    """Outputs of one part as unit vectors, a line a row of `rows`; `texts` where they are words.

    `kind` is texts, vectors or images, `columns` what they were taken from.
    """

    part: Part
    kind: str
    columns: list[str]
    rows: Matrix
    vectors: Matrix
    texts: list[str] | None

    def similar(self, places: Matrix) -> Matrix:
        """The cosine of every two of some, with ones on the diagonal."""
        return similarities(self.vectors[places])

    def shown(self, place: int) -> str | None:
        """The beginning of one, as evidence; None where it has no words."""
        return self.texts[place][:160] if self.texts is not None else None


class Diversity(NamedTuple):
    """How different some outputs are.

    `vendi` is the Vendi score (Friedman and Dieng 2023) over the number of outputs, from near 0 to 1:
    the exponential of the entropy of the eigenvalues of their similarities; `distinct` the share of
    different pairs of words (distinct-2, Li et al. 2016), None where there are no words; `repeated` the
    share that another one repeats or nearly so.
    """

    number: int
    vendi: float
    distinct: float | None
    repeated: float

    def told(self) -> dict[str, Any]:
        """As evidence."""
        return {k: None if v is None else round(v, 4) for k, v in self._asdict().items()}


def samples(data: Data, part: Part, output: str | None) -> Samples | None:
    """The outputs of a part; None where there are none.

    Vectors that were given or that a column holds, else the texts of `output` or of the column of text,
    else the images.
    """
    for told in vectors(data):
        if told.part is part and (data.embeddings is None or told.column is None):
            rows, matrix = sound(told)
            return _centred(part, "vectors", told.columns, rows, matrix) if len(rows) else None
    if output is None:
        named = data.role("text")
        spoken = [t.column for t in texts(data, part) if not t.spoken]
        output = named if named in spoken else next(iter(spoken), None)
    if output is not None and part.columns[output].words >= WORDS:
        return _of_texts(part, output)
    if data.role("image") in part.names:
        for shown in pictures(data):
            if shown.part is part and len(shown.good):
                flat = shown.thumbnails.reshape(len(shown.good), -1)
                return _centred(part, "images", [shown.column], shown.rows[shown.good], flat)
    return None


def _of_texts(part: Part, column: str) -> Samples | None:
    import polars as pl

    text = pl.col(column).cast(pl.String, strict=False)
    plain = text.str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
    frame = part.select(row=pl.col("__row__"), text=plain).filter(
        pl.col("text").str.len_chars() > 0
    )
    if not len(frame):
        return None
    said = frame["text"].to_list()
    return Samples(part, "texts", [column], frame["row"].to_numpy(), vectors_of(said), said)


def _centred(part: Part, kind: str, columns: list[str], rows: Matrix, matrix: Matrix) -> Samples:
    """As unit vectors around their mean: those of one model point one way by themselves."""
    import numpy as np

    away = matrix - matrix.mean(axis=0)
    lengths = np.linalg.norm(away, axis=1, keepdims=True)
    return Samples(part, kind, columns, rows, away / np.maximum(lengths, 1e-12), None)


def vectors_of(texts_: list[str]) -> Matrix:
    """Texts as unit vectors of hashed words and pairs of words, float32, sparse."""
    from sklearn.feature_extraction.text import HashingVectorizer

    hashed = HashingVectorizer(
        n_features=WIDTH,
        ngram_range=(1, 2),
        alternate_sign=False,
        token_pattern=r"(?u)\S+",
        norm="l2",
    )
    return hashed.transform(texts_).astype("float32")


def similarities(some: Matrix) -> Matrix:
    """The cosine of every two unit vectors, with ones on the diagonal."""
    import numpy as np

    product = some @ some.T
    made = np.asarray(
        product.todense() if hasattr(product, "todense") else product, dtype=np.float32
    )
    np.fill_diagonal(made, 1.0)
    return made


def vendi(similar: Matrix) -> float:
    """The Vendi score over the number of outputs."""
    import numpy as np

    values = np.linalg.eigvalsh(similar.astype(np.float64) / len(similar))
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum())) / len(similar)


def diversity(told: Samples, places: Matrix, similar: Matrix) -> Diversity:
    """Of some samples, given the cosine of every two."""
    import numpy as np

    distinct = None
    if told.texts is not None:
        pairs = [pair for at in places for pair in pairwise(told.texts[at].split())]
        distinct = len(set(pairs)) / len(pairs) if pairs else 1.0
    others = similar - 2 * np.eye(len(similar), dtype=similar.dtype)
    repeated = float((others.max(axis=1) >= ALIKE[told.kind]).mean()) if len(similar) > 1 else 0.0
    return Diversity(len(similar), vendi(similar), distinct, repeated)


def nearest(similar: Matrix, most: int = 3) -> Iterator[tuple[int, int, float]]:
    """The likest pairs: two places and their cosine, no place twice."""
    import numpy as np

    upper = np.triu(similar, 1)
    seen: set[int] = set()
    for flat in np.argsort(upper, axis=None)[::-1][: 50 * most]:
        one, other = (int(x) for x in divmod(int(flat), len(similar)))
        if not {one, other} & seen and one != other and upper[one, other] > 0:
            seen |= {one, other}
            yield one, other, float(upper[one, other])
            if len(seen) >= 2 * most:
                return
