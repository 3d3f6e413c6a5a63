"""A copy of a project that a script may write in, as it likes: code and small files copied, the rest linked."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from labhand.kit.choice import JUNK, walk

_NOT_LINKED = "may hold secrets"


@contextmanager
def copied(root: Path, home: Path) -> Iterator[Path]:
    """A folder with the project in it, as it stands, taken away at the end.

    Files and folders that are too large to be copied, and environments of Python, are links: they can
    be read, and the sandbox has to hold writes back. What may hold secrets is not there.
    """
    with TemporaryDirectory(prefix="labhand-trial-", ignore_cleanup_errors=True) as made:
        folder = Path(made).resolve() / root.name
        folder.mkdir(parents=True)
        chosen, left_out = walk(root, home)
        for path in chosen:
            with suppress(OSError):
                place = folder / path
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / path, place, follow_symlinks=False)
        whole = any(path == "." for path, _, _ in left_out)
        for path, _, why in left_out:
            if why != _NOT_LINKED and path != ".":
                _link(root / path.rstrip("/"), folder / path.rstrip("/"))
        for entry in os.scandir(root):
            place = Path(entry.path)
            environment = (place / "pyvenv.cfg").exists() or (place / "conda-meta").is_dir()
            if environment or (whole and entry.name not in JUNK and place != home):
                _link(place, folder / entry.name)
        yield folder


def _link(place: Path, link: Path) -> None:
    with suppress(OSError):
        if not os.path.lexists(link):
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(place)
