"""The patches of a labhand home: one folder each, kept after they were accepted or rejected.

`<home>/patches/<id>/` holds patch.json, proposed.diff, final.diff once accepted, trajectory.json, and
`tree`, the worktree, as long as the patch is only proposed.
"""

import shutil
from pathlib import Path

import msgspec

from labhand.core import event, home
from labhand.core.errors import InputError, NotFoundError, RecordError
from labhand.core.patch import Patch
from labhand.core.store import add_line, write_whole

VERDICTS = "patches.jsonl"
"""In the home: a person's answers to patches, one event a line, only ever added to."""


class Patches:
    """The patches of one home."""

    def __init__(self, place: Path) -> None:
        self.home = place

    def folder(self, patch_id: str) -> Path:
        """The folder of a patch."""
        return self.home / "patches" / patch_id

    def create(self) -> tuple[str, str]:
        """A new patch's id and name, its folder made.

        Raises:
            InputError: the home cannot be written.
        """
        try:
            return home.new_run(str(self.home), "patches")
        except OSError as error:
            raise InputError(
                f"the patch cannot be written in {self.home}: {error.strerror}; make the folder "
                "writable or set LABHAND_HOME to one that is"
            ) from error

    def drop(self, patch_id: str) -> None:
        """Takes a patch that came to nothing away."""
        shutil.rmtree(self.folder(patch_id), ignore_errors=True)

    def write(self, patch: Patch) -> None:
        """Writes patch.json and the diffs."""
        folder = self.folder(patch.id)
        write_whole(folder / "proposed.diff", patch.diff.encode("utf-8", "surrogateescape"))
        if patch.final is not None:
            write_whole(folder / "final.diff", patch.final.encode("utf-8", "surrogateescape"))
        write_whole(folder / "patch.json", msgspec.json.encode(patch))

    def read(self, patch_id: str) -> Patch:
        """A patch.

        Raises:
            RecordError: its record is missing or damaged.
        """
        path = self.folder(patch_id) / "patch.json"
        try:
            return msgspec.json.decode(path.read_bytes(), type=Patch)
        except (OSError, ValueError) as error:
            raise RecordError(
                f"the patch {path} cannot be read: {error}; propose it again"
            ) from error

    def all(self) -> list[Patch]:
        """Every patch that can be read, oldest first."""
        found = []
        folder = self.home / "patches"
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if (path / "patch.json").is_file():
                try:
                    found.append(self.read(path.name))
                except RecordError:
                    continue
        return found

    def find(self, reference: str) -> Patch:
        """The patch of that id or name; `last` is the newest that waits for an answer, else the newest.

        Raises:
            NotFoundError: there is none.
        """
        known = self.all()
        if reference == "last" and known:
            return next((p for p in reversed(known) if p.status == "proposed"), known[-1])
        for patch in reversed(known):
            if reference in (patch.id, patch.name):
                return patch
        if not known:
            raise NotFoundError("there is no patch here yet; `labhand implement` proposes one")
        names = ", ".join(p.name for p in known[-5:][::-1])
        raise NotFoundError(f"no patch is named `{reference}`; the newest here: {names}")

    def answer(self, patch: Patch, said: str, reason: str | None) -> None:
        """Notes a person's answer: `accepted`, `edited` (accepted otherwise than proposed), `rejected`."""
        line = event.encode(
            "patch-verdict",
            patch=patch.id,
            instruction=patch.instruction,
            answer=said,
            reason=reason,
        )
        add_line(self.home / VERDICTS, line)
