"""The record on disk: one folder a run, plain files, one writer a file.

```
.labhand/runs/<id>/            run.json · report.html · points.parquet (packed) · notes.jsonl
.labhand/runs/<id>/attempts/<n>/   points.<writer>.log · events[.<writer>].jsonl · output.log
                                   process.json · end.json (from the keeper)
```
`run.json` is written by labhand's own process alone, always whole and in place of the old one.
"""

import fcntl
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path

import msgspec

from labhand.core import event, home
from labhand.core.errors import InputError, NotFoundError, RecordError, UsageError
from labhand.core.run import Run

LONGEST_NAME = 60
"""Of a run's name, in letters."""
_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")


def project_root(start: Path) -> Path:
    """The nearest folder at or above `start` that is a project; `start` itself where none is."""
    return Path(home.project_root(str(start)))


class Store:
    """The runs of one labhand home. Reading never creates anything."""

    def __init__(self, place: Path) -> None:
        self.home = place

    @classmethod
    def at(cls, start: Path) -> "Store":
        """The store of the project that holds `start`; `LABHAND_HOME` overrides where it lies."""
        return cls(Path(home.home_of(str(start))))

    @property
    def runs(self) -> Path:
        """The folder of run folders."""
        return self.home / "runs"

    def folder(self, run_id: str) -> Path:
        """The folder of a run, whether or not it exists."""
        return self.runs / run_id

    def attempt(self, run_id: str, number: int) -> Path:
        """The folder of an attempt, whether or not it exists. Attempts count from 1."""
        return self.runs / run_id / "attempts" / str(number)

    def new_attempt(self, run_id: str, number: int) -> Path:
        """The folder of an attempt, made. Raises OSError."""
        home.make_folder(str(self.attempt(run_id, number)))
        return self.attempt(run_id, number)

    def create(self, name: str | None = None) -> tuple[str, str]:
        """A new run's id and name, its folder made, private to the user.

        Raises:
            InputError: the home cannot be written.
        """
        try:
            run_id, drawn = home.new_run(str(self.home))
            return run_id, name or drawn
        except OSError as error:
            raise InputError(
                f"the record cannot be written in {self.home}: {error.strerror}; make the folder "
                "writable or set LABHAND_HOME to one that is"
            ) from error

    def ids(self) -> list[str]:
        """The ids of all runs, oldest first."""
        try:
            return sorted(e.name for e in os.scandir(self.runs) if e.is_dir())
        except FileNotFoundError:
            return []

    def read(self, run_id: str) -> Run:
        """A run's `run.json`.

        Raises:
            RecordError: it is missing, damaged or of an unknown version.
        """
        path = self.folder(run_id) / "run.json"
        try:
            run = msgspec.json.decode(path.read_bytes(), type=Run)
        except OSError as error:
            raise RecordError(f"the record {path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise RecordError(
                f"the record {path} is damaged: {error}; `labhand doctor --rebuild` rebuilds what "
                "the other files of the run still tell"
            ) from error
        if run.schema != "labhand.run/1":
            raise RecordError(
                f"the record {path} is of the version `{run.schema}`, this labhand reads "
                "`labhand.run/1`; a newer labhand wrote it: update this one"
            )
        return run

    def write(self, run: Run) -> None:
        """Replaces a run's `run.json` whole; readers see the old or the new one, never a part."""
        write_whole(self.folder(run.id) / "run.json", msgspec.json.format(msgspec.json.encode(run)))

    def find(self, reference: str) -> str:
        """The id of the run that `reference` means: an id, a name (newest first) or `last`.

        Raises:
            NotFoundError: there is none.
        """
        ids = self.ids()
        if reference == "last" and ids:
            return ids[-1]
        if reference in ids:
            return reference
        names: dict[str, str] = {}
        for run_id in ids:
            try:
                names[self.read(run_id).name] = run_id
            except RecordError:
                continue
        if reference in names:
            return names[reference]
        if not ids:
            raise NotFoundError(
                f"there is no run in {self.home} yet; `labhand run -- COMMAND` makes the first"
            )
        raise NotFoundError.named("run", reference, [*names, *ids], "labhand runs")

    def notes(self, run_id: str) -> list[event.Event]:
        """What the researcher noted on a run, oldest first."""
        return list(event.read_from(self.folder(run_id) / "notes.jsonl", {}))

    def events(self, run_id: str, number: int) -> list[event.Event]:
        """The events of an attempt over all writers, in the order of their times."""
        paths = self.attempt(run_id, number).glob("events*.jsonl")
        found = [happened for path in paths for happened in event.read_from(path, {})]
        return sorted(found, key=lambda happened: event.seconds(happened.time))


def check_name(name: str) -> None:
    """Answers nothing where a run may be named so.

    Raises:
        UsageError: the name could not be given back to `labhand show`, or means something else.
    """
    why = ""
    if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        why = f"takes 1 to {LONGEST_NAME} letters, found {len(name)}"
        if name and not name.isprintable():
            why = "takes letters that can be printed"
    elif name.startswith("-"):
        why = "may not begin with `-`, which begins an option"
    elif name == "last" or _ID.fullmatch(name):
        why = f"may not be `{name}`, which means another run"
    if why:
        raise UsageError(f"--name {why}; choose another, or leave it out and one is made up")


def add_line(path: Path, line: bytes) -> None:
    """Adds a whole line to a file that several write to, also from other hosts. Raises OSError.

    Over a network disk appending alone is not one step: two hosts would write to the same place.
    The lock makes it one, where the disk has locks.
    """
    is_new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    if is_new:
        home.open_up(str(path))
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        end = file.seek(0, os.SEEK_END)
        # a line that a full disk cut must not swallow this one
        torn = end > 0 and os.pread(file.fileno(), 1, end - 1) != b"\n"
        file.write(b"\n" + line if torn else line)


def write_whole(path: Path, content: bytes) -> None:
    """Replaces the file in one step. Raises OSError, the old file left whole.

    Private to the user, or as open as the folder: see `core.home.make_folder`.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        home.open_up(temporary)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
