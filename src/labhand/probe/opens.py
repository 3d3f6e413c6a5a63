"""Notes down which logs this process opens to write, where other runs go on in the same folder."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .session import Session

MARK = "beside"
"""The file in an attempt's folder by which labhand asks for it: the folder of the notes, and the run's id."""
ENDS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".eval", ".traj")


def arm(session: Session) -> None:
    """Has every log that is opened to be written noted down once, if labhand asks for it."""
    import io

    try:
        with io.open(os.path.join(session.attempt, MARK), encoding="utf-8") as asked:
            notes, run = asked.read().splitlines()
    except FileNotFoundError:
        return
    put(Writing(io.open, session, notes, run))


def note_of(notes: str, path: str) -> str:
    """The file in which stands who writes `path`: a line a run, its id and the time in unix seconds."""
    from hashlib import sha256

    return os.path.join(notes, sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:24])


def put(ours: Any) -> None:
    """Puts `ours`, which calls what was there, in the place of `open`."""
    import builtins
    import io

    plain = io.open
    builtins.open = io.open = ours
    # Python 3.10 alone keeps what `open` was when pathlib was imported.
    kept: Any = type(getattr(sys.modules.get("pathlib"), "_normal_accessor", None))
    if getattr(kept, "open", None) is plain:
        kept.open = ours


class Writing:
    """`open`, and what it opens to write. No function, so that no class makes it a method."""

    def __init__(self, plain: Any, session: Session, notes: str, run: str) -> None:
        self._plain, self._session, self._notes, self._run = plain, session, notes, run
        self._noted = set()  # type: set[str]

    def __call__(self, file: Any, mode: str = "r", *args: Any, **given: Any) -> Any:
        """The open file."""
        opened = self._plain(file, mode, *args, **given)
        if mode[:1] != "r" or "+" in mode:
            self._session.guard("opens", self._note, file)
        return opened

    def _note(self, file: Any) -> None:
        named = isinstance(file, (str, os.PathLike))
        text = os.fsdecode(file) if named else ""
        if not text.lower().endswith(ENDS) and "tfevents" not in text:
            return
        path = os.path.abspath(text)
        if path in self._noted:
            return
        self._noted.add(path)
        from time import time

        with self._plain(note_of(self._notes, path), "ab", 0) as notes:
            notes.write(b"%s %d\n" % (self._run.encode(), time()))
