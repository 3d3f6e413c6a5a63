"""When this process began, as the system tells it."""

import os


def born() -> float:
    """The unix seconds at which this process began, equal to what psutil tells of it."""
    try:
        # What psutil reads, without the time that its import takes.
        with open("/proc/stat", encoding="ascii") as stat:
            boot = stat.read().partition("\nbtime ")[2].split()[0]
        with open("/proc/self/stat", encoding="utf-8", errors="replace") as stat:
            ticks = stat.read().rpartition(")")[2].split()[19]
        return int(boot) + int(ticks) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        import psutil

        return psutil.Process().create_time()
