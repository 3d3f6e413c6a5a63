"""The limit of a run, in time or money, and what it costs."""

import re

from labhand.core.errors import UsageError
from labhand.core.run import Failure, Run
from labhand.kit.patterns import pattern

_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_TIME = pattern(r"(?:\d+(?:\.\d+)?\s*(?:min|[smhd])\s*)+")
_PART = pattern(r"(\d+(?:\.\d+)?)\s*(min|[smhd])")
_MONEY = pattern(r"(?:[$€£]\s*(\d+(?:\.\d+)?)|(\d+(?:\.\d+)?)\s*(?:[$€£]|usd|eur|gbp|chf))", re.I)


def seconds(text: str, price: float) -> float:
    """How long a run may take: `90m`, `1h30m`, or `5$` at a price an hour.

    Raises:
        UsageError: the text is neither, or is money and no price is set.
    """
    allowed = time(text)
    if allowed is None:
        paid = money(text)
        if paid is None:
            raise UsageError(
                f"a limit is a time such as 90m or 1h30m, or money such as 5$; found: {text}"
            )
        if price <= 0:
            raise UsageError(
                f"the limit {text} is money, and what an hour costs is not known; set `price` in "
                "labhand.toml, or limit the time, such as 2h"
            )
        allowed = paid / price * 3600
    if allowed <= 0:
        raise UsageError(f"the limit {text} leaves no time; give more, or leave the limit out")
    return allowed


def time(text: str) -> float | None:
    """The seconds of `90m` or `1h30m`; None: it is no time."""
    plain = text.strip()
    if not _TIME.fullmatch(plain):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(plain))


def money(text: str) -> float | None:
    """The amount of `5$` or `5 EUR`; None: it is no money."""
    found = _MONEY.fullmatch(text.strip())
    return float(found[1] or found[2]) if found else None


def reached(text: str | None) -> Failure:
    """What an attempt ended by: the limit of its run."""
    return Failure(
        "killed",
        f"it was stopped at its limit of {text}",
        {
            "limit": text,
            "advice": "`labhand rerun` takes it up again without that limit, with `--resume` from its newest checkpoint",
        },
    )


def timed_out(run: Run) -> bool:
    """Whether a run was stopped at its limit."""
    failure = run.attempts[-1].failure if run.attempts else None
    return failure is not None and "limit" in failure.evidence
