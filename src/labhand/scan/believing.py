"""What models that never saw a row think its label is: out-of-sample probabilities without a user's model.

Several small models of different kinds are fitted on the other folds; their probabilities are averaged
after each is sharpened or flattened so that its out-of-fold log loss on the given labels is least.
"""

from typing import Any, NamedTuple

from labhand.scan.data import CannotLook, Data, Part

FOLDS = 5
MOST = 20_000
"""Rows that models are fitted on; all rows with a label get probabilities."""
FEW = 4_000
"""Rows up to which a forest has all its trees."""
PATIENCE = 100_000
"""Labelled rows up to which models are fitted without being asked for by name."""
CLASSES = 200
SEED = 0

Matrix = Any


class Beliefs(NamedTuple):
    """Out-of-sample probabilities, one line a labelled row, one column a class.

    `rows` are row numbers, `given` the class of each by its place in `classes`; `source` says whose
    beliefs they are.
    """

    rows: Matrix
    given: Matrix
    probabilities: Matrix
    classes: list[Any]
    source: str


def beliefs(data: Data, part: Part) -> Beliefs:
    """The beliefs about a part's labels, made once.

    Raises:
        CannotLook: the label is no class, or there is too little to learn from.
    """
    return data.shared(f"beliefs {part.name}", lambda: _made(data, part))


def _made(data: Data, part: Part) -> Beliefs:
    import numpy as np
    import polars as pl

    label = data.role("label")
    if label is None or label not in part.names:
        raise CannotLook("this part has no label")
    column = part.columns[label]
    measured = column.kind == "number" and (not column.whole or column.unique > 50)
    if measured or not 2 <= column.unique <= CLASSES:
        raise CannotLook(f"`{label}` holds {column.unique:,} different values: no classes")
    labels = part.select(pl.col(label))[label]
    classes = labels.drop_nulls().unique().sort().to_list()
    place = {value: at for at, value in enumerate(classes)}
    known = np.flatnonzero(labels.is_not_null().to_numpy() & _seen(data, part))
    given = np.array([place[v] for v in labels.gather(known)])
    if data.probabilities is not None:
        probabilities, source = (
            _given(data, part, known, len(classes)),
            "your model's probabilities",
        )
    else:
        if len(known) > PATIENCE and not data.thorough:
            raise CannotLook(
                f"models of {len(known):,} labelled rows take minutes; `--select wrong-label` takes them, "
                "`--probabilities` spares them"
            )
        matrix = features(data, part)[known]
        many = data.embeddings is not None and len(known) > MOST
        models = _of_vectors() if many else _models()
        probabilities = cross_validated(matrix, given, models)
        source = "models that never saw the row"
    return Beliefs(part.row_numbers[known], given, probabilities, classes, source)


def _seen(data: Data, part: Part) -> Matrix:
    """Which rows can be judged: all but those whose image cannot be read."""
    import numpy as np

    seen = np.ones(part.rows, dtype=bool)
    if data.role("image") in part.names and data.probabilities is None:
        from labhand.scan.detectors._pictures import pictures

        told = next(p for p in pictures(data) if p.part is part)
        if len(told.good):
            seen[:] = False
            seen[told.good] = True
    return seen


def _given(data: Data, part: Part, known: Matrix, classes: int) -> Matrix:
    import numpy as np

    assert data.probabilities is not None
    start = sum(p.rows for p in data.parts[: data.parts.index(part)])
    told = np.asarray(data.probabilities[start : start + part.rows], dtype=np.float64)[known]
    if told.shape[1] != classes:
        raise CannotLook(
            f"--probabilities has {told.shape[1]} columns, and the label has {classes} classes"
        )
    return told / np.maximum(told.sum(axis=1, keepdims=True), 1e-12)


def features(data: Data, part: Part) -> Matrix:
    """The features of every row as numbers: given vectors, else columns, words as hashed counts.

    Raises:
        CannotLook: there are none.
    """
    import numpy as np

    if data.embeddings is not None:
        start = sum(p.rows for p in data.parts[: data.parts.index(part)])
        return np.asarray(data.embeddings[start : start + part.rows], dtype=np.float32)
    pieces = [
        piece
        for piece in (
            _measured(data, part),
            _coded(data, part),
            _vectors(part),
            _pictured(data, part),
            _worded(data, part),
        )
        if piece is not None
    ]
    if not pieces:
        raise CannotLook("there is no column to learn the label from")
    return np.hstack(pieces)


def measured(data: Data, part: Part) -> Matrix:
    """The features of every row that are no names: numbers, vectors, and words as hashed counts.

    Raises:
        CannotLook: there are none.
    """
    import numpy as np

    pieces = [_measured(data, part), _vectors(part), _worded(data, part)]
    if all(piece is None for piece in pieces):
        raise CannotLook("there is no column of numbers or texts to learn the label from")
    return np.hstack([piece for piece in pieces if piece is not None])


def _measured(data: Data, part: Part) -> Matrix | None:
    from labhand.scan.outliers import standardised

    # what copies the label copies its mistakes
    names = [n for n in _own(data, part, "number") if part.columns[n].std]
    return standardised(part.numbers(names)) if names else None


def _own(data: Data, part: Part, *kinds: str) -> list[str]:
    from labhand.scan.detectors.label_copy import copied

    names = data.features(part, *kinds)
    return [n for n in names if copied(data, part, part.columns[n]) is None] or names


def _coded(data: Data, part: Part) -> Matrix | None:
    """Few-valued columns, one number a value."""
    import polars as pl

    names = [n for n in _own(data, part, "category", "flag") if part.columns[n].unique <= 50]
    if not names:
        return None
    frame = part.select([pl.col(n).cast(pl.String, strict=False) for n in names])
    return frame.to_dummies().to_numpy().astype("float32")


def _vectors(part: Part) -> Matrix | None:
    import numpy as np
    import polars as pl

    names = [c.name for c in part.columns.values() if c.kind == "vector"]
    if not names:
        return None
    made = [np.asarray(v) for v in part.select(pl.col(names[0]))[names[0]].to_list()]
    if len({len(v) for v in made}) != 1:
        return None
    return np.nan_to_num(np.stack(made).astype(np.float32))


def _pictured(data: Data, part: Part) -> Matrix | None:
    """Images by how they look; an image that cannot be read is the mean of the others."""
    import numpy as np

    if data.role("image") not in part.names:
        return None
    from labhand.scan.appearance import appearance
    from labhand.scan.detectors._pictures import pictures

    told = next(p for p in pictures(data) if p.part is part)
    if not len(told.good):
        return None
    looks = appearance(told.thumbnails)
    made = np.tile(looks.mean(axis=0), (part.rows, 1))
    made[told.good] = looks
    return made


def _worded(data: Data, part: Part) -> Matrix | None:
    """Texts as 100 numbers: hashed words and pairs of words, weighed, projected; made once."""
    return data.shared(f"words {part.name}", lambda: _projected(data, part))


def _projected(data: Data, part: Part) -> Matrix | None:
    import numpy as np
    import polars as pl

    names = data.features(part, "text")
    if not names:
        return None
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

    joined = pl.concat_str([pl.col(n).fill_null("") for n in names], separator=" ")
    texts = part.select(joined.alias("t"))["t"].to_list()
    hashed = HashingVectorizer(n_features=1 << 15, ngram_range=(1, 2), alternate_sign=False)
    weighed = TfidfTransformer(sublinear_tf=True).fit_transform(hashed.transform(texts))
    width = min(100, len(texts) - 1)
    if width < 2 or weighed.nnz == 0:
        return None
    with np.errstate(all="ignore"):
        made = TruncatedSVD(width, random_state=SEED).fit_transform(weighed)
    return np.nan_to_num(made * np.sqrt(width))


def cross_validated(matrix: Matrix, given: Matrix, models: list[Any]) -> Matrix:
    """Out-of-sample probabilities of every row, averaged over models of several kinds.

    Raises:
        CannotLook: a class or the whole has too few rows.
    """
    import numpy as np

    classes = int(given.max()) + 1
    counts = np.bincount(given, minlength=classes)
    if len(given) < 40 or (counts >= FOLDS).sum() < 2:
        raise CannotLook(
            f"{len(given)} labelled rows in {classes} classes are too few to learn from: "
            f"at least 40, and two classes of {FOLDS}, are needed"
        )
    told = [_folded(matrix, given, classes, make) for make in models]
    views = [view for view in told if view is not None]
    sharp = [_calibrated(view, given) for view in views]
    mean = sum(np.log(np.maximum(view, 1e-6)) for view in sharp) / len(sharp)
    made = np.exp(mean)
    return made / made.sum(axis=1, keepdims=True)


def _models() -> list[Any]:
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.svm import SVC

    return [
        lambda n: ExtraTreesClassifier(_trees(150, n), random_state=SEED, min_samples_leaf=1),
        lambda n: ExtraTreesClassifier(
            _trees(100, n), random_state=SEED, min_samples_leaf=3, max_features=0.5
        ),
        lambda n: KNeighborsClassifier(min(12, max(3, n // 10)), weights="distance"),
        lambda n: SVC(C=3.0, random_state=SEED) if n <= 4000 else None,
    ]


def _of_vectors() -> list[Any]:
    """Models of many embeddings, whose single numbers mean nothing: forests cost ten times as much there."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.neighbors import KNeighborsClassifier

    def linear() -> Any:
        return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")

    return [
        lambda n: KNeighborsClassifier(12, weights="distance"),
        lambda n: linear(),
        lambda n: _Kernelled(linear()),
    ]


class _Kernelled:
    """A linear model of nearnesses to 400 of the rows (Nyström), as wide as rows lie apart."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.near: Any = None
        self.classes_: Matrix = None

    def fit(self, matrix: Matrix, given: Matrix) -> None:
        import numpy as np
        from sklearn.kernel_approximation import Nystroem
        from sklearn.metrics.pairwise import euclidean_distances

        some = matrix[np.random.default_rng(SEED).choice(len(matrix), 400, replace=False)]
        apart = float(np.median(euclidean_distances(some, squared=True)))
        self.near = Nystroem(gamma=1 / max(apart, 1e-12), n_components=400, random_state=SEED)
        self.model.fit(self.near.fit_transform(matrix), given)
        self.classes_ = self.model.classes_

    def predict_proba(self, matrix: Matrix) -> Matrix:
        return self.model.predict_proba(self.near.transform(matrix))


def _trees(most: int, rows: int) -> int:
    """Of many rows fewer trees, down to a third: each is the surer, and the dearer."""
    return max(most // 3, min(most, most * FEW // rows))


def _folded(matrix: Matrix, given: Matrix, classes: int, make: Any) -> Matrix | None:
    """One model's probabilities, each row's from the folds that it is not in."""
    import numpy as np

    order = np.random.default_rng(SEED).permutation(len(given))
    # neighbours in the order of classes fall into different folds: every fold has every class
    order = order[np.argsort(given[order], kind="stable")]
    fold = np.empty(len(given), dtype=int)
    fold[order] = np.arange(len(given)) % FOLDS
    told = np.full((len(given), classes), 1e-6)
    for number in range(FOLDS):
        inside = np.flatnonzero(fold != number)
        if len(inside) > MOST:
            inside = np.sort(np.random.default_rng(number).choice(inside, MOST, replace=False))
        model = make(len(inside))
        if model is None or len(np.unique(given[inside])) < 2:
            return None
        model.fit(matrix[inside], given[inside])
        outside = fold == number
        told[np.ix_(outside, model.classes_)] += _said(model, matrix[outside])
    return told / told.sum(axis=1, keepdims=True)


def _said(model: Any, matrix: Matrix) -> Matrix:
    import numpy as np

    if hasattr(model, "predict_proba"):
        return model.predict_proba(matrix)
    margin = model.decision_function(matrix)
    if margin.ndim == 1:
        margin = np.stack([-margin, margin], axis=1)
    margin -= margin.max(axis=1, keepdims=True)
    made = np.exp(margin)
    return made / made.sum(axis=1, keepdims=True)


def _calibrated(told: Matrix, given: Matrix) -> Matrix:
    """The probabilities to the power that makes the given labels likeliest, mixed with a little doubt."""
    import numpy as np

    logs = np.log(np.maximum(told, 1e-4))
    best, least = told, np.inf
    for power in (0.25, 0.4, 0.6, 0.8, 1.0, 1.3, 1.7, 2.2, 3.0, 4.0, 6.0, 9.0):
        made = np.exp(power * logs)
        made /= made.sum(axis=1, keepdims=True)
        made = 0.95 * made + 0.05 / made.shape[1]
        loss = -np.log(made[np.arange(len(given)), given]).mean()
        if loss < least:
            best, least = made, loss
    return best
