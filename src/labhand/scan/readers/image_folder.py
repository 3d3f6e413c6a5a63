"""Folders of images: one row an image, with its path, its class folder and its bytes.

Columns: `image` (the path), `class` (the folder that it lies in, where there are several), `bytes`;
of a COCO file beside them, `class` is what its annotations say, where an image shows one category, and
its annotations are a table of their own. Facts: `holds` says `images`.
"""

from collections.abc import Iterator
from pathlib import Path

from labhand.scan.readers import Table
from labhand.scan.readers._coco import Coco, annotations, coco

SUFFIXES = {
    ".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm", ".pbm", ".pnm",
}  # fmt: skip
SPLITS = {"train", "training", "val", "valid", "validation", "dev", "test", "testing"}
MOST_LOOKED = 2_000
"""Files by which it is told whether a folder is one of images."""


class Reader:
    """Reads folders in which most files are images: class folders, splits, COCO."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether the folder holds more images than other files."""
        if not path.is_dir():
            return path.suffix.lower() in SUFFIXES and bool(head)
        images = others = 0
        for number, file in enumerate(_files(path)):
            images += file.suffix.lower() in SUFFIXES
            others += file.suffix.lower() not in SUFFIXES
            if number >= MOST_LOOKED:
                break
        return images > others

    def tables(self, path: Path) -> Iterator[Table]:
        """One table, or one a split where the folders below are named so."""
        if path.is_file():
            yield from _tables([path], path.parent, None)
            return
        below = [p for p in sorted(path.iterdir()) if p.is_dir()]
        splits = [folder for folder in below if folder.name.lower() in SPLITS]
        for folder in splits or [path]:
            images = [f for f in _files(folder) if f.suffix.lower() in SUFFIXES]
            if images:
                yield from _tables(images, folder, folder.name if splits else None)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(folder).parts):
            yield path


def _tables(images: list[Path], root: Path, split: str | None) -> Iterator[Table]:
    import polars as pl

    files = [*root.glob("*.json"), *root.glob("annotations/*.json")]
    read = [(path, coco(path)) for path in sorted(files)]
    told = [one for _, one in read if one is not None]
    odd = tuple(f"{p.name} is no COCO file; it was left out" for p, one in read if one is None)
    classes = _classes(images, root, told)
    absent = _absent(images, told)
    columns = {
        "image": [*map(str, images), *absent],
        "bytes": [*map(_bytes, images), *(None for _ in absent)],
    }
    frame = pl.DataFrame(columns, schema_overrides={"bytes": pl.Int64})
    if any(classes) and len(set(classes)) > 1:
        classes += [None] * len(absent)
        frame = frame.with_columns(pl.Series("class", classes, dtype=pl.String))
    yield Table(frame, split=split, troubles=odd, facts={"holds": ("images",)})
    for one in told:
        if one.boxes:
            yield annotations(one)._replace(name=one.path.name)


def _bytes(path: Path) -> int:
    return path.stat().st_size


def _absent(images: list[Path], told: list[Coco]) -> list[str]:
    """The images that a COCO file names and that are not there."""
    there = {path.name for path in images}
    named = {name: None for one in told for name in one.names.values()}
    return [name for name in named if Path(name).name not in there]


def _classes(images: list[Path], root: Path, told: list[Coco]) -> list[str | None]:
    """The class of each image: what a COCO file says, else the first folder below the root."""
    if told:
        classes = {name: of for one in told for name, of in one.classes().items()}
        return [classes.get(p.name) for p in images]
    parts = [p.relative_to(root).parts for p in images]
    return [p[0] if len(p) > 1 else None for p in parts]
