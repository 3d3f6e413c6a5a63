"""Batches that come again within an epoch.

## What it does
Takes fingerprints of some batches and tells when the same batch comes again within a few steps, though
the loader has many to give: always the first one, the first few, or the same from every worker; or though the
random generators are seeded anew before each. Needs the probe, or a log of a fingerprint of each batch.

## Why it is bad
The model sees a part of the data only, and that several times; the loss falls faster than it should.

## Known problems
Without a DataLoader nobody knows how many batches there are: training on the whole data at once, or
several passes over a batch (PPO), look the same and are a note.

## Example
`images, labels = next(iter(loader))` in the loop: each step makes a new iterator

## Use instead
`for images, labels in loader:`; a random generator of its own for each worker (`worker_init_fn`, or
the seed that `torch.utils.data.get_worker_info()` gives).

## References
PyTorch, `torch.utils.data`, on randomness in multi-process data loading.
"""

from collections import deque
from collections.abc import Iterable

import msgspec

from labhand.watch.detectors import Wants
from labhand.watch.incidents import Cause, Claim
from labhand.watch.signals import Fact, Points, Signal
from labhand.watch.view import View

FEW_LOOKS, SHARE = 12, 16
"""Looks since a batch was last a new one, and the part of the loader's batches below which those are few."""
LOOKS, REPEATS = 24, 3
"""Of so many looks as many must have found a batch again."""
FEW_LEAST = 4
NEAR = 8
"""Steps within which it came again."""
REPEATED = "batch/repeated"


class Detector:
    """Watches how many steps ago a batch was seen before."""

    wants: Wants = ("batch/", "batch-identity", Fact)

    def __init__(self, view: View) -> None:
        self._view = view
        self._prints: deque[float] = deque(maxlen=NEAR)
        self._metric = REPEATED
        self._looks: deque[int] = deque(maxlen=LOOKS)
        self._first: int | None = None
        self._distinct = self._since_new = 0
        self._batches = 0
        self._workers = 0
        self._told = False
        self._seen = False

    def see(self, signal: Signal) -> Iterable[Claim]:
        """The repetition that this batch proves."""
        if isinstance(signal, Fact):
            if signal.kind == "reseeded":
                self._told = self._seen = True
                return (self._seeded(signal),)
            if signal.kind == "loader":
                self._batches = int(signal.data.get("batches") or 0)
                self._workers = int(signal.data.get("workers") or 0)
            return ()
        ago = self._ago(signal) if isinstance(signal, Points) else None
        if ago is None or ago - ago != 0 or not isinstance(signal, Points):
            return ()
        self._seen = True
        self._distinct += ago == 0
        self._since_new = 0 if ago == 0 else self._since_new + 1
        again = 0 < ago <= min(NEAR, max(1, self._batches // 2) if self._batches else NEAR)
        self._looks.append(again)
        if again and self._first is None:
            self._first = signal.step
        few = self._few
        if self._told or self._batches == 1 or (sum(self._looks) < REPEATS and not few):
            return ()
        self._told = True
        return (self._claim(signal, few=few),)

    def blind(self) -> str | None:
        """Why it could not look."""
        if self._seen:
            return None
        return "it needs the probe's look at the batches (PyTorch, CPU), or a log of their fingerprints"

    def _ago(self, row: Points) -> float | None:
        """How many looks ago the same batch was seen, 0 where it was not; None where nothing tells."""
        if REPEATED in row.values:
            return row.values[REPEATED]
        name = next((n for n in self._view.named("batch-identity") if n in row.values), None)
        if name is None:
            return None
        self._metric = name
        seen, this = list(reversed(self._prints)), row.values[name]
        self._prints.append(this)
        return float(seen.index(this) + 1) if this in seen else 0.0

    @property
    def _few(self) -> bool:
        """Whether no look in a long time met a batch that was not met before, and the loader has many more."""
        return (
            self._since_new >= FEW_LOOKS
            and self._batches >= 2 * FEW_LEAST
            and self._distinct <= max(FEW_LEAST, self._batches / SHARE)
        )

    def _seeded(self, fact: Fact) -> Claim:
        """What is told of generators that are seeded anew before each batch."""
        step = int(fact.data.get("step") or 0)
        claim = self._claim(Points(fact.time, "probe", step, {}), few=False)
        cause = Cause(
            "a seed that is set in the loop, or in what draws a batch: the same rows are drawn each time",
            0.95,
            f"`torch.manual_seed` was called before each of the batches that were looked at, up to step {step}",
        )
        return msgspec.structs.replace(
            claim,
            message="Every batch is the same one, and the random generators are seeded anew before each",
            severity="warning",
            confidence=cause.confidence,
            advice="Set the seed once, before the loop.",
            causes=[cause],
            unchecked=[],
        )

    def _claim(self, row: Points, *, few: bool) -> Claim:
        always = all(list(self._looks)[1:])
        known = self._batches > 1 or self._metric != REPEATED
        message = (
            "Every batch is the same one"
            if always
            else "The same batches come again within few steps"
        ) + (f", though the loader has {self._batches} of them" if self._batches > 1 else "")
        if always:
            cause = Cause(
                "an iterator that is made anew in each step, or a batch that is taken once",
                0.85,
                f"all {len(self._looks)} batches that were looked at are equal",
            )
        elif few:
            message = f"Only {self._distinct} different batches are ever met, of the {self._batches} that the loader has"
            cause = Cause(
                "a limit on the batches of an epoch, or an iterator that is made anew, over a loader that does not shuffle",
                0.85,
                f"none of the last {self._since_new} batches that were looked at was a new one",
            )
        elif self._workers > 1:
            cause = Cause(
                "workers whose random generators are copies of one another",
                0.85,
                f"{self._workers} workers; batches come in equal pairs",
            )
        else:
            cause = Cause(
                "a sampler or a generator that repeats itself",
                0.6,
                f"{sum(self._looks)} of {len(self._looks)} batches were seen within {NEAR} steps",
            )
        return Claim(
            key="batches",
            state="confirmed",
            severity="warning" if known else "note",
            confidence=0.9 if known else 0.4,
            message=message,
            advice="Iterate over the loader once an epoch (`for batch in loader`), and give each "
            "worker a seed of its own.",
            step=row.step,
            opened=self._first,
            time=row.time,
            metric=self._metric,
            evidence={"repeats": sum(self._looks), "looks": len(self._looks)},
            causes=[cause],
            unchecked=[] if known else ["how many batches there are: no DataLoader was seen"],
        )
