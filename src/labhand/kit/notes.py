"""What a researcher notes on a run: `notes.jsonl` in its folder, one event a line, only added to."""

from labhand.core import event
from labhand.core.errors import InputError, UsageError
from labhand.core.store import Store, add_line
from labhand.kit.scrub import scrub


def add(store: Store, run_id: str, text: str) -> None:
    """Adds a note to a run, without the secrets in it. Writes.

    Raises:
        UsageError: the note is empty.
        InputError: it cannot be written.
    """
    said = text.strip()
    if not said:
        raise UsageError("the note is empty; write what is to be kept: `labhand note last TEXT`")
    path = store.folder(run_id) / "notes.jsonl"
    try:
        add_line(path, event.encode("note", text=scrub(said)))
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error
