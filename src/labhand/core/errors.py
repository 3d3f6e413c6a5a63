"""What labhand raises when a call or an input is wrong.

LabhandError
├── UsageError      the call is wrong: a flag, a name, a command that does not exist
├── InputError      what was read is wrong: a file, a folder, a log
├── RecordError     a record in `.labhand/` cannot be read
└── NotFoundError   no run, rule or setting of that name

Every message is one sentence with the cause and the remedy; a face prints it and exits with 2.
"""

import difflib
from collections.abc import Iterable


class LabhandError(Exception):
    """A wrong call or input, told in one sentence with cause and remedy."""

    exit_code = 2


class UsageError(LabhandError):
    """The call itself is wrong."""


class InputError(LabhandError):
    """Something that was read is wrong."""


class RecordError(LabhandError):
    """A record in `.labhand/` is damaged or of an unknown version."""


class NotFoundError(LabhandError):
    """A name that names nothing."""

    @classmethod
    def named(cls, kind: str, name: str, known: Iterable[str], listing: str) -> "NotFoundError":
        """The error for an unknown `name`, with the nearest known names and how to list them all."""
        near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(f'`{n}`' for n in near)}? " if near else ""
        return cls(f"no {kind} is named `{name}`; {hint}`{listing}` lists them all")
