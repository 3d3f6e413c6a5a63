"""What the record tells of sweeps, where only their names and what they tried are asked for."""

from pathlib import Path

import msgspec


class Tried(msgspec.Struct):
    """A sweep: its name, and the settings that its runs differ in."""

    name: str
    keys: list[str] = []


def tried(home: Path, newest: int = 1000) -> dict[str, Tried]:
    """The newest sweeps of a home by name. One that cannot be read is passed over."""
    found: dict[str, Tried] = {}
    for path in sorted(home.glob("sweeps/*/sweep.json"))[-newest:]:
        try:
            sweep = msgspec.json.decode(path.read_bytes(), type=Tried)
        except (OSError, msgspec.DecodeError):
            continue
        found[sweep.name] = sweep
    return found


def of(sweeps: dict[str, Tried], run: str) -> Tried | None:
    """The sweep of which the run of that name is one; None for a run of its own."""
    name, _, number = run.rpartition("-")
    return sweeps.get(name) if number.isdigit() else None
