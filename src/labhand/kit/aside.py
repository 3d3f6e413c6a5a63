"""Runs a command with the lowest priority and within limits: a program of its own, stdlib only.

python -m labhand.kit.aside CPU_SECONDS BYTES COMMAND ...

`BYTES` bounds the data of the process (RLIMIT_DATA of setrlimit(2)), `CPU_SECONDS` its time on a processor.
"""

import contextlib
import os
import resource
import sys


def main() -> None:
    """Becomes the command, which then gives way to everything else on the machine."""
    seconds, size = int(sys.argv[1]), int(sys.argv[2])
    for kind, most in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_DATA, size), (resource.RLIMIT_CORE, 0)):  # fmt: skip
        with contextlib.suppress(OSError, ValueError):
            _, hard = resource.getrlimit(kind)
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (most, most))
    with contextlib.suppress(OSError):
        os.nice(19)
    os.execvp(sys.argv[3], sys.argv[3:])


if __name__ == "__main__":
    main()
