"""Curves that are made, not measured: healthy ones that look ill, and ill ones with a known opening.

Each family draws a curve from a seed, the same on every machine. They are for tests, for the
environment and for showing what a detector does; a rate of false alarms is told by real runs only.
"""

import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from labhand.watch.rows import Row

Series = list[float]
"""A value for every row; NaN where the row has none."""


class Curve(NamedTuple):
    """A run that was made. `rule` is what should be told of it, None of a healthy one.

    `opening` is the row, from 0, from which on it is ill; `tolerance` the rows after that within which
    it can be told; `beside` are rules that are right too.
    """

    family: str
    seed: int
    rows: tuple[Row, ...]
    rule: str | None = None
    opening: int | None = None
    tolerance: int = 0
    beside: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """The metrics, in the order in which they first appear."""
        return list(dict.fromkeys(name for row in self.rows for name in row.values))

    def column(self, name: str) -> list[float]:
        """The values of a metric, without the rows in which it does not stand."""
        return [row.values[name] for row in self.rows if name in row.values]

    def table(self) -> str:
        """The curve as a table of text; row `i` stands in its line `i + 2`."""
        lines = [",".join(["step", *self.names])]
        for row in self.rows:
            cells = (f"{row.values[n]:.6g}" if n in row.values else "" for n in self.names)
            lines.append(",".join([str(row.step), *cells]))
        return "\n".join(lines) + "\n"


class _Sketch:
    """What one curve is drawn with: its chance, its length, how often it is evaluated and logged."""

    def __init__(self, family: str, seed: int) -> None:
        self.seed = seed
        self.family = family
        self.random = random.Random(f"{family}:{seed}")
        self.length = self.random.randrange(300, 700)
        self.every = self.random.choice((8, 12, 20))
        self.interval = self.random.choice((1, 10, 50, 100))

    def within(self, low: float, high: float) -> float:
        """A number between two, evenly spread over their logarithm where both are positive."""
        if low > 0:
            return math.exp(self.random.uniform(math.log(low), math.log(high)))
        return self.random.uniform(low, high)

    def row(self, low: float, high: float) -> int:
        """A row, between two shares of the run."""
        return round(self.length * self.random.uniform(low, high))

    def falling(self, start: float, end: float, length: int | None = None) -> Series:
        """A power law from `start` towards `end`, as losses fall."""
        knee = (length or self.length) * self.random.uniform(0.01, 0.05)
        power = self.random.uniform(0.6, 1.1)
        rows = range(length or self.length)
        return [end + (start - end) * (1 + row / knee) ** -power for row in rows]

    def noisy(self, levels: Sequence[float], scale: float) -> Series:
        """The levels times a noise of so many e-folds, that lasts for some rows."""
        noise, kept = 0.0, self.random.uniform(0.0, 0.5)
        made = []
        for level in levels:
            noise = kept * noise + math.sqrt(1 - kept**2) * self.random.gauss(0, scale)
            made.append(level * math.exp(noise))
        return made

    def loss(self, levels: Sequence[float]) -> Series:
        """A training loss along the levels, with the usual noise."""
        return self.noisy(levels, self.within(0.01, 0.06))

    def held_out(self, levels: Sequence[float], scale: float = 0.01) -> Series:
        """A validation metric along the levels, where it is evaluated."""
        noisy = self.noisy(levels, scale)
        last = self.length - 1
        return [
            value if row % self.every == self.every - 1 or row == last else math.nan
            for row, value in enumerate(noisy)
        ]

    def accuracy(self, levels: Sequence[float], items: int = 5000) -> Series:
        """A validation accuracy along the levels, of so many items, where it is evaluated."""
        made = self.held_out(levels, 0.0)
        for row, level in enumerate(made):
            if level == level:
                noise = self.random.gauss(0, math.sqrt(max(0.0, level * (1 - level)) / items))
                made[row] = min(1.0, max(0.0, level + noise))
        return made

    def cosine(self, peak: float, warm_up: int = 20) -> Series:
        """A learning rate that warms up and falls to nothing along a cosine."""
        rest = max(1, self.length - warm_up)
        turns = [math.pi * max(0, row - warm_up) / rest for row in range(self.length)]
        return [
            peak * min(1.0, (row + 1) / warm_up) * (0.5 + 0.5 * math.cos(turn))
            for row, turn in enumerate(turns)
        ]

    def healthy(self, **columns: Series) -> Curve:
        """The curve of a healthy run."""
        return Curve(self.family, self.seed, self._rows(columns), beside=("spike",))

    def ill(
        self, rule: str, opening: int, within: int | None = None, *beside: str, **columns: Series
    ) -> Curve:
        """The curve of a run that is ill from a row on, and can be told `within` so many rows."""
        rows = self._rows(columns)
        tolerance = len(rows) - 1 - opening
        tolerance = tolerance if within is None else min(within, tolerance)
        return Curve(self.family, self.seed, rows, rule, opening, tolerance, ("spike", *beside))

    def _rows(self, columns: dict[str, Series]) -> tuple[Row, ...]:
        # of a validation metric a NaN means that it was not evaluated
        return tuple(
            Row(
                row * self.interval,
                None,
                {n: s[row] for n, s in columns.items() if s[row] == s[row] or n[:4] != "val_"},
            )
            for row in range(self.length)
        )


def _plateau(s: _Sketch) -> Curve:
    """Falls, stands still for half of the run, falls again."""
    first, still = s.row(0.1, 0.25), s.row(0.4, 0.6)
    high, level, low = s.within(2, 8), s.within(0.8, 1.5), s.within(0.2, 0.6)
    levels = s.falling(high, level, first)
    levels += [levels[-1]] * still
    levels += s.falling(levels[-1], low, s.length - len(levels))
    return s.healthy(loss=s.loss(levels), val_loss=s.held_out([1.1 * v for v in levels]))


def _warm_restarts(s: _Sketch) -> Curve:
    """The learning rate goes back to its peak; the loss rises with it and falls lower than before."""
    cycles, peak = s.random.randrange(3, 6), s.within(1e-4, 1e-1)
    start, base, jump = s.within(2, 6), s.within(0.3, 0.8), s.random.uniform(1.2, 1.8)
    rate, levels = Series(), Series()
    for cycle in range(cycles):
        length = s.length // cycles if cycle < cycles - 1 else s.length - len(levels)
        low = base * (1 - 0.12 * cycle)
        rate += [peak * (0.5 + 0.5 * math.cos(math.pi * r / length)) for r in range(length)]
        levels += s.falling(levels[-1] * jump if levels else start, low, length)
    return s.healthy(loss=s.loss(levels), lr=rate, val_loss=s.held_out([1.15 * v for v in levels]))


def _rate_steps(s: _Sketch) -> Curve:
    """The learning rate drops tenfold at times, and the loss with it, like a knee."""
    drops = (s.row(0.3, 0.4), s.row(0.6, 0.7), s.row(0.85, 0.9))
    peak, levels = s.within(1e-3, 1e-1), s.falling(s.within(2, 7), s.within(0.6, 1.2))
    done = [sum(row >= drop for drop in drops) for row in range(s.length)]
    stepped = [level * 0.7**count for level, count in zip(levels, done, strict=True)]
    rate = [peak * 0.1**count for count in done]
    return s.healthy(loss=s.loss(stepped), lr=rate, val_loss=s.held_out([1.2 * v for v in stepped]))


def _grokking(s: _Sketch) -> Curve:
    """Training is learned by heart early; validation stays at chance, and wakes up late."""
    wake, classes = s.row(0.55, 0.75), s.random.choice((10, 97, 113))
    levels = s.falling(math.log(classes), 1e-3)
    risen = [
        math.log(classes) * (1 + 0.5 * min(1.0, r / (0.2 * s.length))) for r in range(s.length)
    ]
    open_ = [1 / (1 + math.exp(-(r - wake) / (0.02 * s.length))) for r in range(s.length)]
    held = [level * (1 - o) + 0.02 * o for level, o in zip(risen, open_, strict=True)]
    right = [1 / classes + (0.995 - 1 / classes) * o for o in open_]
    return s.healthy(loss=s.loss(levels), val_loss=s.held_out(held), val_acc=s.accuracy(right))


def _reward(s: _Sketch) -> Curve:
    """A policy: the reward rises under heavy noise, its loss wanders about zero."""
    height = s.within(50, 500)
    reward = [
        height * (1 - math.exp(-3 * row / s.length)) + s.random.gauss(0, 0.25 * height)
        for row in range(s.length)
    ]
    policy = [s.random.gauss(-0.01, 0.05) for _ in range(s.length)]
    value = s.noisy([s.within(1, 9)] * s.length, 0.5)
    total = [p + 0.5 * v for p, v in zip(policy, value, strict=True)]
    return s.healthy(reward=reward, policy_loss=policy, value_loss=value, loss=total)


def _adversarial(s: _Sketch) -> Curve:
    """Generator and discriminator swing against each other, and neither falls."""
    period, swing = s.within(20, 90), s.random.uniform(0.2, 0.5)
    phase = [math.sin(2 * math.pi * row / period) for row in range(s.length)]
    judge = s.noisy([0.65 * math.exp(swing * p) for p in phase], 0.15)
    maker = s.noisy([1.2 * math.exp(-swing * p) for p in phase], 0.2)
    return s.healthy(d_loss=judge, g_loss=maker)


def _negative(s: _Sketch) -> Curve:
    """A likelihood of densities: the loss goes through zero and on."""
    start, end, noise = s.within(2, 6), -s.within(3, 40), s.within(0.05, 0.4)
    levels = s.falling(start, end)
    loss = [level + s.random.gauss(0, noise) for level in levels]
    # noise that is added, for what goes through zero has no logarithm
    held = [level + 0.3 + s.random.gauss(0, 0.1) for level in levels]
    kept = [v if r % s.every == s.every - 1 else math.nan for r, v in enumerate(held)]
    return s.healthy(loss=loss, val_loss=kept)


def _small_batches(s: _Sketch) -> Curve:
    """The loss of single examples: it jumps threefold up and down while its level falls."""
    levels = s.falling(s.within(2, 8), s.within(0.5, 1.5))
    loss = s.noisy(levels, s.random.uniform(0.4, 0.8))
    return s.healthy(loss=loss, val_loss=s.held_out(levels))


def _below_train(s: _Sketch) -> Curve:
    """Validation is lower than training, as dropout and augmentation make it."""
    levels, share = s.falling(s.within(2, 7), s.within(0.5, 1.2)), s.random.uniform(0.5, 0.9)
    right = [0.95 - 0.9 * level / (levels[0] + 0.2) for level in levels]
    held = s.held_out([share * v for v in levels])
    return s.healthy(loss=s.loss(levels), val_loss=held, val_acc=s.accuracy(right))


def _double_descent(s: _Sketch) -> Curve:
    """The validation loss rises by a fifth and more in the middle, and ends lower than before."""
    levels, middle = s.falling(s.within(2, 5), s.within(0.02, 0.1)), s.random.uniform(0.35, 0.5)
    low, width, height = s.within(0.4, 0.8), 0.08 * s.length, s.random.uniform(0.35, 0.6)
    held = []
    for row, base in enumerate(s.falling(levels[0], low)):
        bump = math.exp(-(((row - middle * s.length) / width) ** 2) / 2)
        held.append(base * (1 + height * bump))
    return s.healthy(loss=s.loss(levels), val_loss=s.held_out(held))


def _curriculum(s: _Sketch) -> Curve:
    """Harder data comes in stages: the loss steps up and falls again, validation only falls."""
    stages, base = s.random.randrange(2, 5), s.within(0.4, 1.0)
    levels = Series()
    for stage in range(stages):
        length = s.length // stages if stage < stages - 1 else s.length - len(levels)
        start = levels[-1] * s.random.uniform(1.25, 1.7) if levels else s.within(2, 5)
        levels += s.falling(start, base, length)
    return s.healthy(loss=s.loss(levels), val_loss=s.held_out(s.falling(levels[0], 0.9 * base)))


def _fine_tuning(s: _Sketch) -> Curve:
    """It begins well: the loss hardly falls below its noise, the accuracy rises by some points."""
    start = s.within(0.4, 1.5)
    levels = s.falling(start, start * s.random.uniform(0.85, 0.95))
    right = [0.86 + 0.05 * (start - level) / (start - levels[-1]) for level in levels]
    held = s.held_out([1.02 * v for v in levels], 0.004)
    return s.healthy(loss=s.noisy(levels, 0.12), lr=s.cosine(2e-5), val_loss=held, val_acc=s.accuracy(right))  # fmt: skip


def _gap(s: _Sketch) -> Curve:
    """Training goes on falling while validation stands: a gap, and nothing lost."""
    levels, floor = s.falling(s.within(2, 6), s.within(0.02, 0.2)), s.within(0.7, 1.1)
    held = [max(level, floor) for level in s.falling(levels[0], 0.9 * floor)]
    right = [0.75 * (1 - level / (levels[0] + 0.1)) + 0.02 for level in levels]
    return s.healthy(
        loss=s.loss(levels), val_loss=s.held_out(held, 0.02), val_acc=s.accuracy(right)
    )


def _lone_spikes(s: _Sketch) -> Curve:
    """Single rows at several times the usual loss, and back with the next."""
    loss = s.loss(s.falling(s.within(2, 8), s.within(0.3, 1.0)))
    for row in s.random.sample(range(30, s.length), s.random.randrange(2, 9)):
        loss[row] *= s.random.uniform(2, 8)
    return s.healthy(loss=loss, grad_norm=s.noisy([s.within(0.3, 3)] * s.length, 0.4))


def _loss_scale(s: _Sketch) -> Curve:
    """Mixed precision: single infinite gradient norms while the scale of the loss is looked for."""
    norms = s.noisy([s.within(0.3, 3)] * s.length, 0.3)
    for row in s.random.sample(range(s.length), s.random.randrange(2, 8)):
        norms[row] = math.inf
    levels = s.falling(s.within(2, 8), s.within(0.3, 1.0))
    return s.healthy(loss=s.loss(levels), grad_norm=norms)


def _diverged(s: _Sketch, opening: int, rise: Callable[[int], float]) -> Curve:
    levels = s.falling(s.within(2, 8), s.within(0.3, 1.0))
    risen = [v * rise(row - opening) if row >= opening else v for row, v in enumerate(levels)]
    norms = s.noisy([1.0 if row < opening else 4.0 for row in range(s.length)], 0.4)
    columns = {"loss": s.loss(risen), "grad_norm": norms}
    if s.seed % 2:
        columns["val_loss"] = s.held_out([1.1 * v for v in risen])
    return s.ill("diverged", opening, None, "exploding-gradient", **columns)


def _diverged_fast(s: _Sketch) -> Curve:
    """Up five- to twentyfold within some rows, and it stays there."""
    height, rows = math.log(s.within(5, 20)), s.within(2, 15)
    return _diverged(s, s.row(0.2, 0.6), lambda age: math.exp(height * (1 - math.exp(-age / rows))))


def _diverged_slow(s: _Sketch) -> Curve:
    """It turns and climbs for the rest of the run, to three to eight times its best."""
    opening, height = s.row(0.2, 0.4), math.log(s.within(3, 8))
    rest = s.length - opening
    return _diverged(s, opening, lambda age: math.exp(height * age / rest))


def _diverged_after_spike(s: _Sketch) -> Curve:
    """A spike that comes back in part only: the level stays at twice to four times what it was."""
    stays, peak, fade = s.within(2, 4), s.within(2, 6), s.within(5, 20)
    return _diverged(s, s.row(0.3, 0.6), lambda age: stays * (1 + peak * math.exp(-age / fade)))


def _diverged_without_spike(s: _Sketch) -> Curve:
    """No row is far from the one before it, and yet it ends at five times and more, as an S."""
    height, middle = math.log(s.within(5, 12)), s.within(60, 90)
    width = middle / 5
    return _diverged(
        s, s.row(0.2, 0.4), lambda age: math.exp(height / (1 + math.exp((middle - age) / width)))
    )


def _at_ln_k(s: _Sketch) -> Curve:
    """A classifier that never learns: its loss stays at ln k and its accuracy at 1 / k."""
    classes = s.random.choice((2, 10, 100, 1000))
    start = math.log(classes) * s.random.uniform(1.0, 1.1)
    levels = s.falling(start, math.log(classes), s.length)
    right = s.accuracy([1 / classes] * s.length)
    return s.ill(
        "not-learning", 0, None, "validation-at-chance",
        loss=s.noisy(levels, s.within(0.002, 0.02)), val_acc=right,
        val_loss=s.held_out([math.log(classes)] * s.length, 0.001),
    )  # fmt: skip


def _at_variance(s: _Sketch) -> Curve:
    """A regression that never learns: its loss stays at the variance of what it should predict."""
    spread = s.within(0.1, 100)
    levels = s.falling(spread * s.random.uniform(1.0, 1.3), spread)
    held = s.held_out([spread] * s.length, 0.002)
    return s.ill("not-learning", 0, None, loss=s.noisy(levels, 0.1), val_loss=held)


def _softmax_twice(s: _Sketch) -> Curve:
    """The softmax taken twice over 10 classes: no loss below 1.461, however right it is."""
    levels = s.falling(math.log(10), 1.4612 + s.within(0.005, 0.05))
    right = [0.1 + 0.85 * (levels[0] - v) / (levels[0] - 1.4612) for v in levels]
    loss = [max(1.4612, value) for value in s.noisy(levels, 0.01)]
    return s.ill("loss-floor", 0, None, loss=loss, val_acc=s.accuracy(right))


def _hidden_nan(s: _Sketch) -> Curve:
    """A trainer that writes 0 for every NaN: the loss is exactly 0.0 from a row on."""
    opening = s.row(0.2, 0.7)
    loss = s.loss(s.falling(s.within(2, 8), s.within(0.3, 1.0)))
    columns = {"loss": [0.0 if row >= opening else v for row, v in enumerate(loss)]}
    if s.seed % 2:
        norms = s.noisy([1.0] * s.length, 0.3)
        columns["grad_norm"] = [math.nan if r >= opening else v for r, v in enumerate(norms)]
    return s.ill("hidden-nan", opening, 20, "non-finite", "loss-floor", "too-good", **columns)


def _non_finite(s: _Sketch) -> Curve:
    """The loss is NaN from a row on, after a few rows of a climb."""
    opening = s.row(0.2, 0.7)
    levels = s.falling(s.within(2, 8), s.within(0.3, 1.0))
    loss = [v * 1.5 ** max(0, row - opening + 5) for row, v in enumerate(s.loss(levels))]
    norms = s.noisy([1.0] * s.length, 0.3)
    return s.ill(
        "non-finite", opening, 5,
        loss=[math.nan if row >= opening else v for row, v in enumerate(loss)],
        grad_norm=[math.nan if row >= opening else v for row, v in enumerate(norms)],
    )  # fmt: skip


def _overfitting(s: _Sketch) -> Curve:
    """Training goes on falling, validation turns and loses much of what it had won."""
    opening, levels = s.row(0.25, 0.45), s.falling(s.within(2, 5), s.within(0.01, 0.05))
    low, rise, rest = s.within(0.5, 0.9), s.random.uniform(0.8, 2.0), s.length - opening
    fallen = s.falling(levels[0], low)
    age = [max(0, row - opening) / rest for row in range(s.length)]
    held = [v * (1 + rise * a) for v, a in zip(fallen, age, strict=True)]
    right = [0.8 * (1 - v / (levels[0] + 0.2)) + 0.02 - 0.1 * a for v, a in zip(fallen, age, strict=True)]  # fmt: skip
    return s.ill("overfitting", opening, None, loss=s.loss(levels), val_loss=s.held_out(held), val_acc=s.accuracy(right))  # fmt: skip


def _rate_jump(s: _Sketch) -> Curve:
    """The learning rate is a hundredfold from one row to the next; the loss goes up and stays."""
    opening, factor = s.row(0.3, 0.6), s.within(30, 300)
    rate, levels = s.cosine(s.within(1e-5, 1e-3)), s.falling(s.within(2, 8), s.within(0.3, 1.0))
    height = s.within(2.5, 6)
    return s.ill(
        "learning-rate-jump", opening, 20, "diverged",
        loss=s.loss([v * height if row >= opening else v for row, v in enumerate(levels)]),
        lr=[v * factor if row >= opening else v for row, v in enumerate(rate)],
    )  # fmt: skip


def _rate_exhausted(s: _Sketch) -> Curve:
    """The schedule is too short: the rate is 0 long before the end, and the loss stands still."""
    opening = s.row(0.3, 0.5)
    rate = [s.within(1e-4, 1e-2)] * s.length
    rate = [v * max(0.0, 1 - row / opening) for row, v in enumerate(rate)]
    levels = s.falling(s.within(3, 8), 0.05)
    stood = [levels[min(row, opening)] for row in range(s.length)]
    held = s.held_out([1.1 * v for v in stood], 0.001)
    return s.ill(
        "learning-rate-exhausted", opening, None, loss=s.loss(stood), lr=rate, val_loss=held
    )


def _at_chance(s: _Sketch) -> Curve:
    """Training learns, validation is at chance to the end: the labels of the two do not agree."""
    classes = s.random.choice((10, 20, 100))
    levels = s.falling(math.log(classes), s.within(0.05, 0.3))
    worse = [math.log(classes) * (1 + 0.6 * (1 - v / levels[0])) for v in levels]
    right = s.accuracy([1 / classes] * s.length)
    return s.ill(
        "validation-at-chance", 0, None, "overfitting",
        loss=s.loss(levels), val_loss=s.held_out(worse), val_acc=right,
    )  # fmt: skip


def _too_good(s: _Sketch) -> Curve:
    """A leak: every item of validation is right after some evaluations, to the last digit."""
    opening = s.every * s.random.randrange(2, 5) - 1
    levels = s.falling(s.within(2, 5), s.within(0.01, 0.05))
    right = [1.0 if row >= opening else 0.6 + 0.3 * row / opening for row in range(s.length)]
    held = s.held_out([v * (0.02 if row >= opening else 1) for row, v in enumerate(levels)])
    return s.ill("too-good", opening, None, loss=s.loss(levels), val_loss=held, val_acc=s.accuracy(right))  # fmt: skip


_HEALTHY = (
    _plateau, _warm_restarts, _rate_steps, _grokking, _reward, _adversarial, _negative,
    _small_batches, _below_train, _double_descent, _curriculum, _fine_tuning, _gap, _lone_spikes,
    _loss_scale,
)  # fmt: skip
_ILL = (
    _diverged_fast, _diverged_slow, _diverged_after_spike, _diverged_without_spike, _at_ln_k,
    _at_variance, _softmax_twice, _hidden_nan, _non_finite, _overfitting, _rate_jump,
    _rate_exhausted, _at_chance, _too_good,
)  # fmt: skip


def _named(drawn: Iterable[Callable[[_Sketch], Curve]]) -> dict[str, Callable[[_Sketch], Curve]]:
    return {draw.__name__.strip("_").replace("_", "-"): draw for draw in drawn}


HEALTHY = _named(_HEALTHY)
"""The families of healthy curves by name; what each looks like is its docstring."""
ILL = _named(_ILL)
"""The families of ill curves by name."""


def curve(family: str, seed: int) -> Curve:
    """The curve of a family by a seed.

    Raises:
        KeyError: a family that does not exist.
    """
    return (HEALTHY | ILL)[family](_Sketch(family, seed))


def curves(seeds: Iterable[int]) -> Iterator[Curve]:
    """A curve of every family for each seed, healthy families first."""
    numbers = list(seeds)
    for family in (*HEALTHY, *ILL):
        yield from (curve(family, seed) for seed in numbers)
