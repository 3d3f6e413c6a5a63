"""Which files under a folder were written to lately."""

import itertools
import os
import stat
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

DEPTH = 4
LARGEST = 200 << 20
CROWD = 2000
"""Entries looked at in one folder: one with more holds data."""
MOST = 20_000
"""Entries looked at in all, the nearest to the root first."""
PASSED_OVER = frozenset(
    ".git .venv venv env node_modules .labhand site-packages __pycache__ .mypy_cache .ruff_cache "
    ".pytest_cache .ipynb_checkpoints .tox .cache wandb".split()
)
"""Folders that hold no work of a script."""


def grown(root: Path, since: float, is_wanted: Callable[[str], bool]) -> Iterator[tuple[Path, int]]:
    """The files under `root` that were written to since then (unix seconds), with their sizes.

    `is_wanted` is asked by the name. Files above `LARGEST` are left out, and so are folders deeper than
    `DEPTH` and those passed over. Never raises; blocks only for listing.
    """
    folders, left_over = deque([(str(root), DEPTH)]), MOST
    while folders and left_over > 0:
        folder, left = folders.popleft()
        try:
            with os.scandir(folder) as entries:
                for entry in itertools.islice(entries, min(CROWD, left_over)):
                    left_over -= 1
                    if entry.is_dir(follow_symlinks=False):
                        if left > 1 and entry.name not in PASSED_OVER:
                            folders.append((entry.path, left - 1))
                    elif is_wanted(entry.name) and (size := _size(entry, since)) is not None:
                        yield Path(entry.path), size
        except OSError:
            continue


def _size(entry: "os.DirEntry[str]", since: float) -> int | None:
    try:
        status = entry.stat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
        return None
    return status.st_size if status.st_mtime >= since else None
