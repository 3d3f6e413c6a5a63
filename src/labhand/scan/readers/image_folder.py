"""Folders of images: one row an image, with its path, its class folder and its bytes.

Columns: `image` (the path), `class` (the folder that it lies in, where there are several), `bytes`;
of a COCO file beside them, `class` is what its annotations say. Facts: `holds` says `images`.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from labhand.scan.readers import Table

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
            yield _table([path], path.parent, None)
            return
        below = [p for p in sorted(path.iterdir()) if p.is_dir()]
        splits = [folder for folder in below if folder.name.lower() in SPLITS]
        for folder in splits or [path]:
            images = [f for f in _files(folder) if f.suffix.lower() in SUFFIXES]
            if images:
                yield _table(images, folder, folder.name if splits else None)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(folder).parts):
            yield path


def _table(images: list[Path], root: Path, split: str | None) -> Table:
    import polars as pl

    classes, troubles = _classes(images, root)
    columns = {"image": [str(p) for p in images], "bytes": [p.stat().st_size for p in images]}
    frame = pl.DataFrame(columns)
    if any(classes) and len(set(classes)) > 1:
        frame = frame.with_columns(pl.Series("class", classes, dtype=pl.String))
    return Table(frame, split=split, troubles=troubles, facts={"holds": ("images",)})


def _classes(images: list[Path], root: Path) -> tuple[list[str | None], tuple[str, ...]]:
    """The class of each image: what a COCO file says, else the first folder below the root."""
    for path in [*root.glob("*.json"), *root.glob("annotations/*.json")]:
        try:
            told = json.loads(path.read_bytes())
            names = {c["id"]: c["name"] for c in told["categories"]}
            files = {i["id"]: Path(i["file_name"]).name for i in told["images"]}
            first = {
                files[a["image_id"]]: names[a["category_id"]] for a in told["annotations"][::-1]
            }
        except (OSError, ValueError, KeyError, TypeError):
            return [None] * len(images), (f"{path.name} is no COCO file; its labels were left out",)
        return [first.get(p.name) for p in images], ()
    parts = [p.relative_to(root).parts for p in images]
    return [p[0] if len(p) > 1 else None for p in parts], ()
