"""The checkpoints of a run: which there are, newest first, and whether they are whole."""

import gzip
import json
import os
import pickletools
import struct
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from labhand.core import event

SUFFIXES = frozenset(
    ".pt .pth .ckpt .bin .safetensors .npz .npy .pkl .pickle .joblib .h5 .hdf5 .keras .msgpack .json .state "
    ".tar .chkpt .model".split()
)
_WORDS = (
    "ckpt",
    "checkpoint",
    "chkpt",
    "state",
    "snapshot",
    "latest",
    "last",
    "epoch",
    "step",
    "resume",
)
_SKIPPED = (
    "site-packages",
    "node_modules",
    "__pycache__",
    ".labhand",
    ".git",
    ".venv",
    "wandb",
    "mlruns",
)
_ENTRIES = 20_000
_ZIP_END = b"PK\x05\x06"


def found(root: Path | None, attempts: list[Path], since: float) -> list[Path]:
    """The checkpoints that were written since a time (unix seconds), newest first, whole or not.

    Looks at the files that the probe saw being written in the attempts' folders, and at files below
    `root`, where there is one, that are named like checkpoints. A folder such as `checkpoint-500` counts
    as one.
    """
    times: dict[Path, float] = {}
    for path in (*written(attempts), *(_named(root) if root else ())):
        with suppress(OSError):
            changed = path.stat().st_mtime
            if changed >= since:
                folder = path.parent
                place = folder if folder.name.startswith("checkpoint-") else path
                times[place] = max(changed, times.get(place, 0.0))
    return sorted(times, key=lambda path: (times[path], str(path)), reverse=True)


def written(attempts: list[Path]) -> Iterator[Path]:
    """The files that the probe saw being written as checkpoints in these attempts."""
    for attempt in attempts:
        for file in sorted(attempt.glob("events.*.jsonl")):
            for happened in event.read_from(file, {}):
                if happened.kind == "checkpoint" and isinstance(happened.data.get("path"), str):
                    yield Path(happened.data["path"])


def _named(root: Path) -> Iterator[Path]:
    entries = 0
    for folder, below, files in os.walk(root):
        below[:] = sorted(
            name for name in below if name not in _SKIPPED and not name.startswith(".")
        )
        entries += len(files) + len(below)
        if entries > _ENTRIES:
            return
        for name in files:
            path = Path(folder, name)
            if path.suffix in SUFFIXES and _looks_like_one(path):
                yield path


def _looks_like_one(path: Path) -> bool:
    words = f"{path.parent.name}/{path.stem}".lower()
    return path.suffix in (".pt", ".pth", ".ckpt", ".chkpt") or any(w in words for w in _WORDS)


def intact(path: Path) -> bool:
    """Whether a checkpoint, a file or a folder of them, can be read to its end. Loads no object."""
    if path.is_dir():
        inside = [p for p in path.rglob("*") if p.is_file() and p.suffix in SUFFIXES]
        return bool(inside) and all(map(intact, inside))
    try:
        with path.open("rb") as file:
            head = file.read(16)
        if not head:
            return False
        return _whole(path, head)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, gzip.BadGzipFile, struct.error):
        return False


def _whole(path: Path, head: bytes) -> bool:
    if head.startswith(b"PK"):
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    if head.startswith(b"\x1f\x8b"):
        with gzip.open(path) as packed:
            while packed.read(1 << 20):
                pass
        return True
    if path.suffix == ".safetensors":
        return _safetensors(path)
    if path.suffix == ".npy" and head.startswith(b"\x93NUMPY"):
        return _npy(path)
    if path.suffix == ".json":
        json.loads(path.read_bytes())
        return True
    if head.startswith(b"\x80"):
        return _pickle(path)
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return _hdf5(path)
    if path.suffix == ".msgpack":
        msgspec.msgpack.decode(path.read_bytes())
    return True  # a form of its own: that it is there is all that can be told


def _safetensors(path: Path) -> bool:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    ends = [t["data_offsets"][1] for name, t in header.items() if name != "__metadata__"]
    whole: int = 8 + length + max(ends, default=0)
    return path.stat().st_size == whole


def _npy(path: Path) -> bool:
    import numpy

    numpy.load(path, mmap_mode="r", allow_pickle=False)  # a mapping needs the whole size
    return True


def _pickle(path: Path) -> bool:
    """Whether the pickles in a file end with their last byte. Old torch files hold several."""
    with path.open("rb") as file:
        last = ""
        for code, _, _ in pickletools.genops(file):
            last = code.name
    return last == "STOP"


def _hdf5(path: Path) -> bool:
    """Whether the file is as long as its superblock says (HDF5 format specification, section II.A)."""
    with path.open("rb") as file:
        head = file.read(64)
    if head[8] > 1:
        return path.stat().st_size >= int(struct.unpack_from("<Q", head, 28)[0])
    return path.stat().st_size >= int(struct.unpack_from("<Q", head, 40)[0])
