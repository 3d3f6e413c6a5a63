"""Patches of pictures: a view of the folder, and COCO files edited in a copy. No picture is touched.

A view is a folder of links to the files of another; what a patch changes is linked elsewhere, left out,
or, for a COCO file, written anew.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from labhand.core.errors import UsageError
from labhand.core.store import write_whole
from labhand.scan.data import Part
from labhand.scan.readers._coco import coco

Operations = Sequence[dict[str, Any]]


def edited(source: Path, part: Part, done: Operations) -> bytes:
    """A COCO file with the operations on its images, or on its annotations, done.

    With an image go its annotations; an image of another class has its annotations of another category.
    """
    told = json.loads(source.read_bytes())
    gone = _rows(done)
    if part.path.endswith("#annotations") or part.path.endswith(f"#{source.name}"):
        kept = [box for row, box in enumerate(told["annotations"]) if row not in gone]
        return json.dumps(told | {"annotations": kept}, ensure_ascii=False).encode()
    column = "image" if "image" in part.names else "of_image"
    named = _values(part, column, gone | set(_classes(done)))
    names = {Path(named[row]).name for row in gone}
    classes = {Path(named[row]).name: to for row, to in _classes(done).items()}
    ids = {c["name"]: c["id"] for c in told.get("categories", [])}
    images = [i for i in told["images"] if Path(str(i.get("file_name"))).name not in names]
    of = {i.get("id"): Path(str(i.get("file_name"))).name for i in images}
    boxes = [box for box in told.get("annotations", []) if box.get("image_id") in of]
    for box in boxes:
        if (to := classes.get(of[box["image_id"]])) in ids:
            box["category_id"] = ids[to]
    changed = told | {"images": images, "annotations": boxes}
    return json.dumps(changed, ensure_ascii=False).encode()


def view(source: Path, part: Part, done: Operations, to: Path) -> None:
    """Writes into the new folder `to` what the folder `source` is with the operations done.

    Raises:
        UsageError: `to` holds files already, or lies in the source.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UsageError(f"{to} is there already; name a new folder for the view")
    if to.resolve().is_relative_to(source.resolve()):
        raise UsageError(f"{to} lies in the data itself; name a folder elsewhere")
    rows = _rows(done)
    annotated = "#" in part.path
    classes = {} if annotated else _classes(done)
    images = {} if annotated else _values(part, "image", rows | set(classes))
    gone = {images[row] for row in rows if row in images}
    moved = {images[row]: value for row, value in classes.items()}
    told = [path for path in _files(source) if path.suffix == ".json" and coco(path)]
    for path in _files(source):
        if path in told and (not annotated or part.path.endswith(f"#{path.name}")):
            write_whole(_at(to, path.relative_to(source)), edited(path, part, done))
        elif str(path) not in gone:
            other = None if told else moved.get(str(path))
            _link(path, to / _moved(path.relative_to(source), part, other))


def whole(source: Path, to: Path) -> None:
    """Makes a view one of all that the folder `source` holds, as it is there."""
    shutil.rmtree(to)
    for path in _files(source):
        _link(path, to / path.relative_to(source))


def listed(folder: Path) -> str:
    """A hash of the files of a folder: their names, and where they link to or their size and time."""
    made = hashlib.sha256()
    for path in _files(folder):
        stat = path.lstat()
        what = path.readlink() if path.is_symlink() else f"{stat.st_size} {stat.st_mtime_ns}"
        made.update(f"{path.relative_to(folder)}\0{what}\0".encode())
    return made.hexdigest()


def _rows(done: Operations) -> set[int]:
    return {o["row"] for o in done if o["op"] in ("drop", "merge")}


def _classes(done: Operations) -> dict[int, str]:
    """The new class of each row that gets one."""
    edits = (o for o in done if o["op"] == "edit" and o["column"] == "class")
    return {o["row"]: str(o["value"]) for o in edits}


def _values(part: Part, column: str, rows: set[int]) -> dict[int, str]:
    frame = part.at(sorted(rows), [column])
    return dict(zip(sorted(rows), map(str, frame[column]), strict=True))


def _moved(path: Path, part: Part, to: str | None) -> Path:
    """A path with another class folder: the first one, or the second where the first is the split."""
    if to is None:
        return path
    at = 1 if part.split is not None and path.parts[0] == part.split else 0
    return Path(*path.parts[:at], to, *path.parts[at + 1 :])


def _files(folder: Path) -> Iterator[Path]:
    return (p for p in sorted(folder.rglob("*")) if p.is_symlink() or p.is_file())


def _at(folder: Path, name: Path) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _link(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        to.symlink_to(path.absolute())
    except OSError:  # a file system without links
        shutil.copyfile(path, to)
