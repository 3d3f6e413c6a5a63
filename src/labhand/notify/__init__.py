"""The face that reaches a person who is elsewhere: alarms and the end of a run, sent by apprise."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labhand.core.run import Run
    from labhand.core.store import Store
    from labhand.cycle.request import Face
    from labhand.kit.configuration import Configuration
    from labhand.notify.notifying import Notifying

__all__ = ["addresses", "around"]

VARIABLE = "LABHAND_NOTIFY"


def addresses(configuration: "Configuration") -> list[str]:
    """Where to send: what the environment says, else the settings of the project."""
    said = os.environ.get(VARIABLE)
    return configuration.notify if said is None else said.split()


def around(
    face: "Face", store: "Store", root: Path, run: "Run", configuration: "Configuration"
) -> "Notifying | None":
    """The face with a listener around it; None where nobody is to be notified."""
    where = addresses(configuration)
    if not where:
        return None
    from labhand.notify.notifying import Notifying
    from labhand.notify.quiet import Quiet

    hours = Quiet.of(configuration.quiet_hours)
    return Notifying(face, store, root, run, where, configuration.notify_on, hours)
