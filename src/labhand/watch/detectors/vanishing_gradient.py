"""Gradients that fade on their way from the last layer to the first.

## What it does
Compares the gradients of the first layers with those of the last, by their mean size, and tells
when they stay ten thousand times smaller in many measured steps, and none of the first layers has
more than a hundredth. Gradients of exactly zero are not meant: those are `dead-units` or
`frozen-parameters`. Needs the probe, or a log of the gradients of four layers or more, the first ones
first.

## Why it is bad
The first layers stay as they were made: the network learns with its last layers alone, if at all.

## Known problems
Adaptive optimizers (Adam and its kin) divide by the size of the gradient and can learn in spite of it.

## Example
`layer/0/grad_norm 2e-9`, `layer/24/grad_norm 1e-2`

## Use instead
Residual connections, normalisation, ReLU-like activations in place of sigmoids, an initialisation
that keeps the variance.

## References
S. Hochreiter, *The Vanishing Gradient Problem*, 1998; X. Glorot and Y. Bengio, AISTATS 2010.
"""

from collections import deque
from collections.abc import Iterable

from labhand.watch.detectors import Wants
from labhand.watch.incidents import Cause, Claim
from labhand.watch.measures import layer_in
from labhand.watch.signals import Points, Signal
from labhand.watch.tracks import median
from labhand.watch.view import View

LOOKS = 4
RATIO, CALM = 1e-4, 1e-3
AROUND = 1e-2
"""What fades on its way is small in all of the first layers, and in most of them very small; queries and
keys of an attention that is still even have next to no gradient between layers that have theirs."""
TOGETHER = 4
"""First layers that are looked at together where there are enough: the four of an attention."""
LEAST_LAYERS = 4


class Detector:
    """Watches the gradients of the first layers against the last."""

    wants: Wants = ("layer-gradient",)
    explained_by = ("non-finite", "dead-units")

    def __init__(self, view: View) -> None:
        self._roles = view.roles
        self._ratios: deque[float] = deque(maxlen=LOOKS)
        self._since = 0
        self._open = False
        self._measured = False

    def see(self, signal: Signal) -> Iterable[Claim]:
        """The fading that this row proves, or that has ended."""
        if not isinstance(signal, Points):
            return ()
        of = self._roles.of
        sizes = [(n, v) for n, v in signal.values.items() if of(n) == "layer-gradient"]
        if len(sizes) < LEAST_LAYERS:
            return ()
        self._measured = True
        few = max(1, len(sizes) // 4)
        begin = sizes[: max(few + 1, min(TOGETHER, len(sizes) // 2))]
        in_order = sorted(begin, key=lambda pair: pair[1])
        last = max(v for _, v in sizes[-few:])
        name, first = in_order[-1] if in_order[-1][1] > AROUND * last else in_order[len(begin) // 2]
        if not (first > 0 and last > 0 and first - first == 0 and last - last == 0):
            self._ratios.clear()
            return ()
        if not self._ratios:
            self._since = signal.step
        self._ratios.append(first / last)
        if len(self._ratios) < LOOKS:
            return ()
        ratio = median(list(self._ratios))
        if max(self._ratios) < RATIO:
            self._open = True
            return (self._claim(name, ratio, first, last, signal),)
        if self._open and ratio > CALM:
            self._open = False
            return (self._claim(name, ratio, first, last, signal, passed=True),)
        if not self._open:
            self._since = signal.step
        return ()

    def blind(self) -> str | None:
        """Why it could not look."""
        if self._measured:
            return None
        return "it needs the probe's look at four or more layers (PyTorch), or a log of their gradients"

    def _claim(
        self, name: str, ratio: float, first: float, last: float, row: Points, *, passed: bool = False
    ) -> Claim:  # fmt: skip
        layer = layer_in(name)
        message = (
            f"The gradient of `{layer}` is {ratio:.1g} of that of the last layers"
            if passed
            else f"The gradient fades: in `{layer}` it is {ratio:.1g} of that in the last layers"
        )
        return Claim(
            key="layers",
            state="recovered" if passed else "confirmed",
            severity="note" if passed else "warning",
            confidence=0.8,
            message=message,
            advice="Add residual connections or normalisation, use ReLU-like activations, or an "
            "initialisation that keeps the variance from layer to layer.",
            step=row.step,
            opened=self._since,
            time=row.time,
            layer=layer,
            metric=name,
            evidence={"ratio": ratio, "first": first, "last": last},
            causes=[]
            if passed
            else [
                Cause(
                    "activations or weights that shrink the gradient in every layer",
                    0.7,
                    f"its mean size falls from {last:.2g} to {first:.2g} over the layers",
                )
            ],
        )
