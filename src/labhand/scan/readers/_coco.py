"""Annotations as COCO has them: images, boxes and categories in one JSON file."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from labhand.scan.readers import Table
from labhand.scan.readers.json import framed

_FIRST = re.compile(rb'\A\s*\{\s*"(info|licenses|images|annotations|categories|type)"\s*:')
MAIN = 0.9
"""The share of images that show one category, from which on it is their class."""
SLACK = 1.0
"""Pixels that a box may reach beyond its image by rounding."""

BOX = ["box_x", "box_y", "box_w", "box_h"]

Objects = list[dict[str, Any]]


class Coco(NamedTuple):
    """What a COCO file holds."""

    path: Path
    images: Objects
    boxes: Objects
    categories: dict[Any, str]

    @property
    def names(self) -> dict[Any, str]:
        """The file name of each image, by its id."""
        return {image.get("id"): str(image.get("file_name")) for image in self.images}

    def classes(self) -> dict[str, str]:
        """The category of each image by its file name; none where images show several."""
        names = self.names
        shown: dict[str, set[str]] = {}
        for box in self.boxes:
            name, category = names.get(box.get("image_id")), box.get("category_id")
            if name is not None and category in self.categories:
                shown.setdefault(Path(name).name, set()).add(self.categories[category])
        single = {name: next(iter(of)) for name, of in shown.items() if len(of) == 1}
        return single if len(single) >= MAIN * max(1, len(shown)) else {}


def may_be(head: bytes) -> bool:
    """Whether a file that begins so may be one of COCO."""
    return bool(_FIRST.match(head)) and (b'"file_name"' in head or b'"image_id"' in head)


def coco(path: Path) -> Coco | None:
    """What the file holds; None where it is no COCO file."""
    try:
        told = json.loads(path.read_bytes())
        categories = {c["id"]: str(c["name"]) for c in told.get("categories", [])}
        images, boxes = told["images"], told.get("annotations", [])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    objects = all(isinstance(one, dict) for one in (*images, *boxes))
    return Coco(path, images, boxes, categories) if objects else None


def annotations(told: Coco) -> Table:
    """One row an annotation; facts `impossible` names the rows that cannot be, as detectors tell them."""
    names = told.names
    rows = []
    for box in told.boxes:
        sides = box.get("bbox")
        corner: list[Any] = list(sides) if sides and _is_box(sides) else [None] * 4
        category = box.get("category_id")
        rows.append(
            {
                "of_image": names.get(box.get("image_id"), f"image {box.get('image_id')}"),
                "category": told.categories.get(category, f"category {category}"),
                **dict(zip(BOX, corner, strict=True)),
            }
        )
    frame = framed(rows)
    if not any("bbox" in box for box in told.boxes):
        frame = frame.drop(BOX)
    odd = [(columns, what, at) for columns, what, at in _impossible(told) if at]
    return Table(frame, name="annotations", facts={"impossible": tuple(odd)})


def _is_box(sides: Any) -> bool:
    return (
        isinstance(sides, list)
        and len(sides) == 4
        and all(isinstance(s, int | float) for s in sides)
    )


def _impossible(told: Coco) -> Iterator[tuple[list[str], str, list[int]]]:
    """Columns, what is wrong, and the rows in which it is."""
    sizes = {i.get("id"): (i.get("width"), i.get("height")) for i in told.images}
    boxes = [(row, box.get("bbox"), box) for row, box in enumerate(told.boxes)]
    whole = [(row, list(sides), box) for row, sides, box in boxes if sides and _is_box(sides)]
    yield (
        ["of_image"],
        "belong to an image that is not in the file",
        [row for row, _, box in boxes if box.get("image_id") not in sizes],
    )
    if told.categories:
        yield (
            ["category"],
            "are of a category that is not in the file",
            [row for row, _, box in boxes if box.get("category_id") not in told.categories],
        )
    yield (
        BOX,
        "are no four numbers",
        [row for row, sides, _ in boxes if sides is not None and not _is_box(sides)],
    )
    yield BOX[2:], "have no area", [row for row, (_, _, w, h), _ in whole if w <= 0 or h <= 0]
    yield (
        BOX,
        "reach beyond their image",
        [
            row
            for row, sides, box in whole
            if _outside(sides, *sizes.get(box.get("image_id"), (None, None)))
        ],
    )


def _outside(sides: list[float], width: Any, height: Any) -> bool:
    x, y, w, h = sides
    if x < -SLACK or y < -SLACK:
        return True
    known = isinstance(width, int | float) and isinstance(height, int | float)
    return bool(known and (x + w > width + SLACK or y + h > height + SLACK))
