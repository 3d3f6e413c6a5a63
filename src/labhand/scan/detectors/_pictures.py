"""The images of the data: each is opened once and told by a few measures and a thumbnail."""

import hashlib
import io
import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import CannotLook, Data, Part

if TYPE_CHECKING:
    import polars as pl

MOST = 50_000
"""Images of a part that are opened without being asked for by name."""
SIDE = 32
"""Pixels of a side of the thumbnail by which images are compared."""
LONG = 1024
"""Pixels to which larger images are brought before they are measured."""
AT_ONCE = 4
FLAT = 0.015
"""The standard deviation of brightness, of 1, below which an image shows nothing."""

Matrix = Any


class Picture(NamedTuple):
    """What one image is: brightness from 0 to 1; `trouble` says why it could not be read.

    `sharpness` is the variance of the Laplacian over that of the brightness; `colour` the mean
    difference between the channels; `content` a digest of the pixels; `thumbnail` SIDE x SIDE x 3.
    """

    trouble: str = ""
    width: int = 0
    height: int = 0
    mode: str = ""
    form: str = ""
    low: float = 0.0
    middle: float = 0.0
    high: float = 0.0
    spread: float = 0.0
    entropy: float = 0.0
    sharpness: float = 0.0
    colour: float = 0.0
    content: bytes = b""
    thumbnail: Matrix = None


class Pictures(NamedTuple):
    """The images of one part: `rows` and `told` of all, `good` the places of those that could be read."""

    part: Part
    column: str
    rows: Matrix
    told: list[Picture]
    good: Matrix

    def measure(self, name: str) -> Matrix:
        """One measure of those that could be read."""
        import numpy as np

        return np.array([getattr(self.told[at], name) for at in self.good])

    @property
    def thumbnails(self) -> Matrix:
        """Those of the images that could be read, from 0 to 1."""
        import numpy as np

        empty = np.empty((0, SIDE, SIDE, 3), np.float32)
        made = [self.told[at].thumbnail for at in self.good]
        return np.stack(made).astype(np.float32) / 255 if made else empty


def pictures(data: Data) -> Iterator[Pictures]:
    """The images of every part that names or holds some, opened once.

    Raises:
        CannotLook: Pillow is not installed, or none of the files is there.
    """
    column = str(data.role("image"))
    for part in data.parts:
        if column in part.names and part.rows:
            yield data.shared(f"pictures {part.name}", partial(_opened, data, part, column))


def _opened(data: Data, part: Part, column: str) -> Pictures:
    import numpy as np
    import polars as pl

    try:
        import PIL.Image as _  # noqa: F401
    except ImportError as error:
        raise CannotLook(
            "images are opened by Pillow, which is not installed; `pip install pillow`"
        ) from error
    cells = part.select(pl.col(column))[column].to_list()
    rows = part.row_numbers
    if len(cells) > MOST and not data.thorough:
        data.left_out(
            f"of the {len(cells):,} images of {part.name} only the first {MOST:,} were opened"
        )
        cells, rows = cells[:MOST], rows[:MOST]
    told = _all(cells, _root(part, cells))
    missing = sum(t.trouble == MISSING for t in told)
    if missing > 0.5 * len(told):
        raise CannotLook(f"{missing:,} of {len(told):,} files that `{column}` names are not there")
    good = np.array([at for at, t in enumerate(told) if not t.trouble], dtype=int)
    return Pictures(part, column, rows, told, good)


MISSING = "there is no such file"


def _root(part: Part, cells: Sequence[Any]) -> Path:
    """The folder that relative paths begin from: that of the table, one beside or above, or here."""
    beside = Path(part.path.partition("#")[0]).parent
    first = [str(c) for c in cells if isinstance(c, str)][:20]
    roots = [
        Path(),
        beside,
        beside.parent,
        *(beside / n for n in ("images", "imgs", "data", "train")),
    ]
    return max(
        roots, key=lambda root: sum((root / name).is_file() for name in first), default=beside
    )


def _all(cells: Sequence[Any], root: Path) -> list[Picture]:
    from concurrent.futures import ThreadPoolExecutor

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata; what cannot be read raises
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(lambda cell: _one(cell, root), cells))


def _one(cell: Any, root: Path) -> Picture:
    from PIL import Image

    if isinstance(cell, dict):
        cell = cell.get("bytes") or cell.get("path")
    if cell is None:
        return Picture(trouble=MISSING)
    try:
        raw = cell if isinstance(cell, bytes) else (root / str(cell)).read_bytes()
    except OSError:
        return Picture(trouble=MISSING)
    if not raw:
        return Picture(trouble="the file is empty")
    try:
        with Image.open(io.BytesIO(raw)) as image:
            image.load()
            return _measured(image)
    except Exception as error:  # whatever a damaged file makes a decoder raise
        if raw.lstrip()[:1] == b"<" or raw[:1] == b"{":
            return Picture(trouble="the file holds text, as of a download that failed")
        said = " ".join(str(error).split())
        if "cannot identify" in said:
            said = "it is of no format that is known"
        return Picture(trouble=said[:120] or type(error).__name__)


def _measured(image: Any) -> Picture:
    import numpy as np
    from PIL import Image

    mode, form, (width, height) = image.mode, image.format or "", image.size
    if mode.startswith("I") or mode == "F":
        deep = np.asarray(image, dtype=np.float64)
        top = 65535.0 if mode.startswith("I") and deep.max() > 255 else max(deep.max(), 1.0)
        image = Image.fromarray(np.clip(255 * deep / top, 0, 255).astype(np.uint8))
    colour = image.convert("RGB")
    content = hashlib.blake2b(
        b"%dx%d" % (width, height) + colour.tobytes(), digest_size=16
    ).digest()
    if max(colour.size) > LONG:
        colour.thumbnail((LONG, LONG))
    pixels = np.asarray(colour, dtype=np.float32) / 255
    gray = pixels @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    low, high = np.percentile(gray, [5, 99])
    share = np.bincount((gray * 63.99).astype(int).ravel(), minlength=64) / gray.size
    share = share[share > 0]
    spread = float(gray.std())
    return Picture(
        width=width,
        height=height,
        mode=mode,
        form=form,
        low=float(low),
        middle=float(gray.mean()),
        high=float(high),
        spread=spread,
        entropy=float(-(share * np.log2(share)).sum()),
        sharpness=_sharpness(gray) / max(spread, 1e-4) ** 2,
        colour=float((pixels.max(axis=2) - pixels.min(axis=2)).mean()),
        content=content,
        thumbnail=np.asarray(colour.resize((SIDE, SIDE), Image.Resampling.BOX)),
    )


def _sharpness(gray: Matrix) -> float:
    """The variance of the Laplacian, inside of the margin."""
    if min(gray.shape) < 3:
        return 0.0
    inner = gray[1:-1, 1:-1]
    around = gray[:-2, 1:-1] + gray[2:, 1:-1] + gray[1:-1, :-2] + gray[1:-1, 2:]
    return float((around - 4 * inner).var())


def pairs(data: Data) -> "pl.DataFrame":
    """Pairs of images that show the same, of all parts, found once.

    The columns are `left` and `right` with their parts (that which is learned from is left), `exact`
    (every pixel), `mirrored` and `score`.
    """
    return data.shared("pairs of pictures", lambda: _pairs(data))


CORRELATED = 0.98
"""The correlation of thumbnails from which on two images show the same."""
APART = 0.35
"""The part of the distance to the tenth nearest image below which two must lie, too."""
TINT = 0.1
"""How far the mean colours of the same picture may differ."""
BLOCK = 500


def _pairs(data: Data) -> "pl.DataFrame":
    import numpy as np
    import polars as pl

    every = sorted(pictures(data), key=lambda p: (p.part.split or "").lower()[:5] != "train")
    owner = np.concatenate(
        [np.full(len(p.good), at) for at, p in enumerate(every)] or [np.empty(0)]
    )
    owner = owner.astype(int)
    rows = np.concatenate([p.rows[p.good] for p in every] or [np.empty(0)]).astype(int)
    contents = [t for p in every for t in p.measure("content").tolist()]
    found: dict[tuple[int, int], tuple[bool, bool, float]] = {}
    first: dict[bytes, int] = {}
    for at, content in enumerate(contents):
        before = first.setdefault(content, at)
        if before != at:
            found[(before, at)] = (True, False, 1.0)
    single = np.array(sorted(first.values()), dtype=int)
    thumbnails = np.concatenate([p.thumbnails for p in every]) if len(single) else None
    if thumbnails is not None:
        for left, right, mirrored, score in _alike(thumbnails[single]):
            pair = tuple(sorted((int(single[left]), int(single[right]))))
            found.setdefault((pair[0], pair[1]), (False, mirrored, score))
    names = [p.part.name for p in every]
    told = [
        (int(rows[a]), names[owner[a]], int(rows[b]), names[owner[b]], *how)
        for (a, b), how in sorted(found.items())
    ]
    schema = ["left", "left_part", "right", "right_part", "exact", "mirrored", "score"]
    kinds = [pl.Int64, pl.String, pl.Int64, pl.String, pl.Boolean, pl.Boolean, pl.Float64]
    return pl.DataFrame(told, schema=dict(zip(schema, kinds, strict=True)), orient="row")


def _alike(thumbnails: Matrix) -> Iterator[tuple[int, int, bool, float]]:
    """Places of images that show the same, whether mirrored, and their correlation."""
    import numpy as np

    gray = thumbnails.mean(axis=3)
    varied = np.flatnonzero(gray.reshape(len(gray), -1).std(axis=1) > FLAT)
    if len(varied) < 2:
        return
    straight, turned = _scaled(gray[varied]), _scaled(gray[varied][:, :, ::-1])
    limit = np.maximum(CORRELATED, 1 - APART**2 * (1 - _usual(straight)))
    tint = thumbnails[varied].mean(axis=(1, 2))
    tint = tint - tint.mean(axis=1, keepdims=True)
    for start in range(0, len(straight), BLOCK):
        block = straight[start : start + BLOCK]
        for other, mirrored in ((straight, False), (turned, True)):
            near = block @ other.T
            least = np.maximum(limit[start : start + BLOCK, None], limit)
            for place, right in np.argwhere(near >= least).tolist():
                left = start + place
                if left < right and np.abs(tint[left] - tint[right]).max() <= TINT:
                    yield int(varied[left]), int(varied[right]), mirrored, float(near[place, right])


def _scaled(gray: Matrix) -> Matrix:
    import numpy as np

    flat = gray.reshape(len(gray), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return (flat / np.linalg.norm(flat, axis=1, keepdims=True)).astype(np.float32)


def _usual(scaled: Matrix) -> Matrix:
    """The correlation of each with its tenth likest: pictures of one kind are alike by themselves."""
    import numpy as np

    rank = min(10, len(scaled) // 3) + 1
    told = np.empty(len(scaled))
    for start in range(0, len(scaled), BLOCK):
        near = scaled[start : start + BLOCK] @ scaled.T
        told[start : start + BLOCK] = -np.partition(-near, rank - 1, axis=1)[:, rank - 1]
    return told


def claim(
    told: Pictures,
    odd: Matrix,
    score: Matrix,
    message: str,
    advice: str,
    normal: str,
    *,
    most: float = 0.1,
    group: str = "",
) -> Iterator[Anomaly]:
    """The anomaly of some images that could be read; a note where they are many.

    `odd` are places in `told.good`, `score` has one number each; `message` goes on from "3 of 9 images".
    """
    if not len(odd):
        return
    often = len(odd) > most * len(told.good) + 1
    found = made(told.rows[told.good[odd]], score)
    name = told.part.at([int(found["row"][0])], [told.column])[told.column][0]
    example = f" ({Path(name).name})" if isinstance(name, str) else ""
    yield Anomaly(
        told.part,
        f"{len(odd):,} of {len(told.good):,} images {message}, as row {found['row'][0]}{example}",
        advice,
        0.4 if often else 0.85,
        found,
        [told.column],
        "note" if often else "warning",
        normal=normal,
        group=group,
    )
