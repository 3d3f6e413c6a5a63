"""Waits for the end of the quiet hours and sends what is held: `python -m labhand.notify HOME ROOT`."""

import fcntl
import os
import sys
import time
from datetime import datetime
from pathlib import Path

from labhand.kit import configuration
from labhand.notify import addresses
from labhand.notify.courier import Courier
from labhand.notify.quiet import FILE, Quiet

LOCK = "held.lock"
LOOK_S = 20.0
"""Wall clocks jump and machines sleep: the time left is asked anew so often."""
GIVE_UP_S = 3600.0


def main(home: Path, root: Path) -> None:
    """Returns once nothing is held any more, or an hour after the quiet hours. One a home at a time."""
    with (home / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        lock.write(str(os.getpid()))
        lock.flush()
        chosen = configuration.read(root)
        hours = Quiet.of(chosen.quiet_hours)
        while hours and (left := hours.left(datetime.now())) > 0:  # noqa: DTZ005 hours of the place
            time.sleep(min(LOOK_S, left))
        tried = time.monotonic()
        while (home / FILE).stat().st_size and time.monotonic() - tried < GIVE_UP_S:
            Courier(addresses(chosen), home, "", None, lambda trouble: None).close()
            time.sleep(LOOK_S if (home / FILE).stat().st_size else 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
