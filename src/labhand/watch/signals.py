"""What a watcher is fed: everything that can be known about a run while it goes on."""

from collections.abc import Mapping
from typing import Any

import msgspec


class Points(msgspec.Struct, frozen=True):
    """One row of metrics. `time` is unix seconds, NaN where unknown; `source` as in a points file.

    A row without values is one that a log holds for a step with every cell blank.
    """

    time: float
    source: str
    step: int
    values: Mapping[str, float]
    rank: int | None = None


class Tick(msgspec.Struct, frozen=True):
    """labhand's clock, about each second. `time` is unix seconds."""

    time: float


class Slept(msgspec.Struct, frozen=True):
    """For so many `seconds` before `time` neither labhand nor the run had a chance to act.

    The machine was suspended, or a person stopped both with Ctrl-Z.
    """

    time: float
    seconds: float


class Gap(msgspec.Struct, frozen=True):
    """In a log so many `seconds` lie between a row and the next one, at `time`: whatever it was is over."""

    time: float
    seconds: float


class Fact(msgspec.Struct, frozen=True):
    """An event of the probe: `exception`, `non-finite`, `checkpoint` and the like."""

    time: float
    kind: str
    data: Mapping[str, Any]


class Output(msgspec.Struct, frozen=True):
    """Some output came."""

    time: float


class Ended(msgspec.Struct, frozen=True):
    """The process is over, or the log is.

    `exit_code` and `signal` are None for a log, which does not tell them; `stopped`: the person did
    it; `tail`: the end of the output.
    """

    time: float
    exit_code: int | None
    signal: int | None
    stopped: bool
    tail: str


Signal = Points | Tick | Slept | Gap | Fact | Output | Ended
