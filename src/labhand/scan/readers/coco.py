"""COCO annotations: a table of the images and one of the boxes.

Facts: `holds` says `images`; `impossible` names the annotations that cannot be.
"""

from collections.abc import Iterator
from pathlib import Path

from labhand.core.errors import InputError
from labhand.scan.readers import Table
from labhand.scan.readers._coco import Coco, annotations, coco, may_be
from labhand.scan.readers.json import framed


class Reader:
    """Reads a COCO file, and the images where they lie beside it."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether the file begins as COCO files do."""
        return path.suffix.lower() == ".json" and may_be(head)

    def tables(self, path: Path) -> Iterator[Table]:
        """The images, then the annotations."""
        told = coco(path)
        if told is None:
            raise InputError(
                f"{path} begins as a COCO file and is none: expected `images`, `annotations` and "
                "`categories`, each a list of objects"
            )
        yield _images(told)
        if told.boxes:
            yield annotations(told)


def _images(told: Coco) -> Table:
    classes = told.classes()
    folder = _folder(told)
    names = [str(image.get("file_name")) for image in told.images]
    rows = [
        {"image": str(folder / n) if folder else n, "class": classes.get(Path(n).name)}
        for n in names
    ]
    frame = framed(rows) if classes else framed(rows).drop("class", strict=False)
    if folder is None:
        why = "no image of the file lies beside it; the annotations alone were looked at"
        return Table(frame.rename({"image": "of_image"}), name="images", troubles=(why,))
    return Table(frame, name="images", facts={"holds": ("images",)})


def _folder(told: Coco) -> Path | None:
    """The folder in which the images lie: beside the file, or near it by its name."""
    above = told.path.parent
    near = [above, above / "images", above.parent, above.parent / "images"]
    near += [p for p in above.parent.iterdir() if p.is_dir() and p.name in told.path.stem]
    names = [str(image.get("file_name")) for image in told.images[:50]]
    counts = [(sum((folder / name).is_file() for name in names), folder) for folder in near]
    most, folder = max(counts, key=lambda pair: pair[0])
    return folder if most else None
