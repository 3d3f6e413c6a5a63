"""Which run writes a file, where several go on in one folder: what one wrote is no result of another."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from labhand.core.home import make_folder
from labhand.core.store import Store
from labhand.kit import presence
from labhand.probe.opens import MARK, note_of

LATEST = 200
"""So many of the newest runs are asked whether they still go on."""
LOOK_S = 1.0
FOLDER = ("cache", "writers")


class Writers:
    """What a run has opened to write, and what others that go on have.

    `run`: its id. `beside`: others are sure to go on, as in a sweep. Where others do, the probe is asked,
    by a file in the folder of the attempt, to note down what the script opens. `tell` hands a sentence to
    the person.

    Raises:
        OSError: the probe cannot be asked.
    """

    def __init__(
        self, store: Store, run: str, attempt: Path, beside: bool, tell: Callable[[str], None]
    ) -> None:
        self._store, self._run, self._tell = store, run, tell
        self._began = int(time.time())
        self._notes = store.home.joinpath(*FOLDER)
        self._others: set[Path] = set()
        """Files that a run which went on beside this one has opened to write."""
        self._told: set[Path] = set()
        self._seen = (0.0, False)
        self._asked = beside or self._company()
        if self._asked:
            make_folder(str(self._notes))
            (attempt / MARK).write_text(f"{self._notes}\n{run}\n", encoding="utf-8")

    def is_ours(self, path: Path) -> bool:
        """Whether what the file holds is what this run wrote, as far as is known."""
        runs = self._writing(path)
        ours = self._run in runs
        if path not in self._others and any(
            opened >= self._began or self._goes_on(run)
            for run, opened in runs.items()
            if run != self._run
        ):
            self._others.add(path)
        if path not in self._others:
            return ours or not (self._asked and self._company())
        if ours and path not in self._told:
            self._told.add(path)
            self._tell(
                f"{os.path.relpath(path)} is written by several runs at the same time, so it is not read; "
                "give each run a file of its own"
            )
        return False

    def _writing(self, path: Path) -> dict[str, float]:
        """The runs that have opened a file, with the time at which each did."""
        try:
            noted = Path(note_of(str(self._notes), str(path))).read_text(encoding="ascii")
        except OSError:
            return {}
        pairs = (line.split() for line in noted.splitlines()[-LATEST:])
        return {pair[0]: float(pair[1]) for pair in pairs if len(pair) == 2}

    def _company(self) -> bool:
        """Whether another run of this home goes on; looked at anew every second."""
        at, found = self._seen
        if time.monotonic() - at > LOOK_S:
            try:
                names = sorted(os.listdir(self._store.runs), reverse=True)[:LATEST]  # noqa: PTH208
            except OSError:
                names = []
            found = any(self._goes_on(name) for name in names if name != self._run)
            self._seen = time.monotonic(), found
        return found

    def _goes_on(self, run: str) -> bool:
        return presence.there(self._store.folder(run))
