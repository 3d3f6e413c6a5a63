"""The published rules of others, written anew from their documented formulas. No code is copied.

A logged row counts as a step. Each gives the rows at which it fires.
"""

import math
import statistics
from collections import deque
from collections.abc import Callable, Iterator

from labhand.kit.metric_names import direction
from watch.curves import Run
from watch.figures import Verdict


def values(run: Run, name: str) -> list[tuple[int, float]]:
    """The rows and values of a metric; the blanks of a loss that had turned NaN are NaN."""
    spoilt = len(run.rows)
    if name in ("loss", "grad_norm") and run.label == "nonfinite" and run.began is not None:
        spoilt = run.began
    cells = ((number, row.values.get(name)) for number, row in enumerate(run.rows))
    return [
        (number, math.nan if value is None else value)
        for number, value in cells
        if value is not None or number >= spoilt
    ]


def loss_not_decreasing(run: Run, every: int = 10) -> Iterator[int]:
    """Amazon SageMaker Debugger, LossNotDecreasing, num_steps = 10, no diff_percent.

    Every tenth loss must be lower than the one ten before it.
    """
    seen = values(run, "loss")
    for (_, before), (number, now) in zip(seen[::every], seen[every::every], strict=False):
        if not now < before:
            yield number


def overfit(run: Run, ratio: float = 0.1, patience: int = 1) -> Iterator[int]:
    """Amazon SageMaker Debugger, Overfit, ratio_threshold = 0.1, patience = 1.

    Fires where (validation - training) / training has been above the ratio at more than `patience`
    evaluations in a row.
    """
    above = 0
    last = math.nan
    for number, row in enumerate(run.rows):
        train = row.values.get("train/loss", row.values.get("train/ctc_loss"))
        last = row.values.get("loss", last) if train is None else train
        held = next((row.values[n] for n in _HELD_OUT if n in row.values), None)
        if held is None:
            continue
        above = above + 1 if last > 0 and (held - last) / last > ratio else 0
        if above > patience:
            yield number


_HELD_OUT = ("validation/loss", "validation/ctc_loss", "val_loss")


def early_stopping(run: Run, patience: int = 3) -> Iterator[int]:
    """Lightning's EarlyStopping, patience = 3, min_delta = 0, check_finite, on the validation metric.

    It stops the run, so it fires once.
    """
    sign = -1.0 if direction(run.metric) == "up" else 1.0
    best, waited = math.inf, 0
    for number, value in values(run, run.metric):
        if not math.isfinite(value):
            yield number
            return
        waited = 0 if sign * value < best else waited + 1
        best = min(best, sign * value)
        if waited >= patience:
            yield number
            return


def six_deviations(run: Run, name: str = "loss", window: int = 128) -> Iterator[int]:
    """OLMo-core's skip rule: above mean + 6 standard deviations of the last 128, from 64 on."""
    recent: deque[float] = deque(maxlen=window)
    for number, value in values(run, name):
        known = [v for v in recent if math.isfinite(v)]
        if len(known) >= window // 2:
            mean = statistics.fmean(known)
            if value > mean + 6 * math.sqrt(sum((v - mean) ** 2 for v in known) / (len(known) - 1)):
                yield number
        recent.append(value)


def kill_loss_spike(run: Run) -> Iterator[int]:
    """llm-foundry's KillLossSpike: patience 5, twice the mean, window max(100, 5 % of the run).

    Or, after two windows, half of one above min(largest of the first window, 10). It stops the run.
    """
    seen = values(run, "loss")
    window = max(100, round(0.05 * len(seen)))
    recent: deque[float] = deque(maxlen=window)
    high, cap = 0, math.inf
    for count, (number, value) in enumerate(seen):
        if len(recent) == window:
            cap = min(max(recent), 10.0) if math.isinf(cap) else cap
            high = high + 1 if value >= 2 * statistics.fmean(recent) else 0
            full = count >= 2 * window and sum(v > cap for v in recent) >= window / 2
            if high >= 5 or full:
                yield number
                return
        recent.append(value)


RULES: dict[str, Callable[[Run], Iterator[int]]] = {
    "SageMaker LossNotDecreasing": loss_not_decreasing,
    "SageMaker Overfit": overfit,
    "Lightning EarlyStopping": early_stopping,
    "OLMo 6 sd, loss": six_deviations,
    "OLMo 6 sd, gradient norm": lambda run: six_deviations(run, "grad_norm"),
    "llm-foundry KillLossSpike": kill_loss_spike,
}


def judge(run: Run, rule: Callable[[Run], Iterator[int]]) -> Verdict:
    """What a rule says of a run. It has one level."""
    fired = list(rule(run))
    return Verdict(len(fired), len(fired), fired[0] if fired else None)
