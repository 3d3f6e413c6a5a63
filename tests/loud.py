"""Skips that must not be overlooked: the end of the tests names each once, whatever the options."""

from typing import NoReturn

import pytest

LOUD = "NOT TESTED: "


def skip(what: str, why: str) -> NoReturn:
    """Skips the test: `what` could not be tried here."""
    pytest.skip(f"{LOUD}{what}: {why}")


def told(terminalreporter) -> None:
    """Writes what could not be tried."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = [report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)]
    for reason in sorted({r.partition(LOUD)[2] for r in reasons if LOUD in r}):
        terminalreporter.write_line(f"{LOUD}{reason}", yellow=True, bold=True)
