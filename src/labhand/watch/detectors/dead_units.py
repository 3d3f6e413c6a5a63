"""Units of a layer that get no gradient, whatever the batch.

## What it does
Tells of a layer in which half of the units or more had no gradient at all in many measured steps,
weights and bias alike, so that they cannot learn. Of several such layers the last one is named: what
comes before it is cut off by it. A layer without any living unit is an alarm. Needs the probe, or a log
of the share of dead units (or of zero activations, of which a ReLU has many: from 95 % on).

## Why it is bad
A ReLU that is never above zero passes nothing on and gets nothing back: the layer is as narrow as what
still lives, and with nothing alive the layers before it do not learn at all.

## Known problems
Of large layers 64 units, evenly spread, are looked at. An expert that is never chosen looks dead, and is.

## Example
`layer/body.2/dead 0.94`

## Use instead
A lower learning rate, a smaller negative bias at the start, normalised inputs, GELU, SiLU or a leaky
ReLU.

## References
L. Lu et al., *Dying ReLU and Initialization*, 2019.
"""

from collections.abc import Iterable

from labhand.watch.detectors import Wants
from labhand.watch.incidents import Cause, Claim
from labhand.watch.measures import is_share, layer_in
from labhand.watch.never import constant_inputs
from labhand.watch.signals import Points, Signal
from labhand.watch.view import View

LOOKS, SPAN = 4, 20
"""Measured steps in a row that prove it, and the steps of training that they span."""
HALF, FEW = 0.5, 0.3
"""The share from which on it is told, and below which it has passed by."""
ZERO = 0.95
"""The share of zero activations from which on a layer counts as dead."""
PROBED = "layer/"


class Detector:
    """Watches the share of dead units of each layer."""

    wants: Wants = ("dead-share", "zero-share")
    explained_by = ("non-finite",)

    def __init__(self, view: View) -> None:
        self._view = view
        self._looks: dict[str, int] = {}
        self._since: dict[str, int] = {}
        self._open: str | None = None
        self._measured = False

    def see(self, signal: Signal) -> Iterable[Claim]:
        """The layer that this row proves dead, or that has recovered."""
        if not isinstance(signal, Points):
            return ()
        shares = {n: s for n, v in signal.values.items() if (s := self._share(n, v)) is not None}
        if not shares:
            return ()
        self._measured = True
        name, share = list(shares.items())[-1]
        if share >= HALF and name.startswith(PROBED):
            return ()  # not even the output has a gradient: this batch says nothing about units
        for name, share in shares.items():
            if share >= HALF:
                self._since.setdefault(name, signal.step)
                self._looks[name] = self._looks.get(name, 0) + 1
            elif share < FEW or name != self._open:
                self._looks.pop(name, None)
                self._since.pop(name, None)
        return self._judged(shares, signal)

    def blind(self) -> str | None:
        """Why it could not look."""
        if self._measured:
            return None
        return "it needs the probe's look at the layers (PyTorch), or a log of shares of dead units"

    def _share(self, name: str, value: float) -> float | None:
        """The share of dead units that a metric tells, from 0 to 1; None where it tells none."""
        role = self._view.roles.of(name)
        if role not in ("dead-share", "zero-share") or not 0 <= value <= 100:
            return None
        if self._view.tracks[name].highest > 1:
            if not is_share(name):
                return None  # a number of units, of nobody knows how many
            value /= 100
        return value if role == "dead-share" or value >= ZERO else min(value, FEW)

    def _judged(self, shares: dict[str, float], row: Points) -> Iterable[Claim]:
        proved = [
            name
            for name in shares
            if self._looks.get(name, 0) >= LOOKS and row.step - self._since[name] >= SPAN
        ]
        if self._open is not None and self._open in shares and self._open not in self._looks:
            claim = self._claim(self._open, shares, row, [], passed=True)
            self._open = None
            return (claim,)
        if not proved:
            return ()
        name = proved[-1] if self._open is None else self._open
        if name not in proved:
            return ()
        self._open = name
        return (self._claim(name, shares, row, proved),)

    def _claim(
        self, name: str, shares: dict[str, float], row: Points, proved: list[str], *, passed: bool = False
    ) -> Claim:  # fmt: skip
        layer, share = layer_in(name), shares[name]
        whole = share >= 1.0 and not passed
        what = "no unit gets a gradient" if whole else f"{share:.0%} of the units get no gradient"
        message = f"In layer `{layer}`, {what} since step {self._since.get(name, row.step)}"
        if passed:
            message = (
                f"In layer `{layer}`, most units get a gradient again, from step {row.step} on"
            )
        cut = [layer_in(other) for other in proved if other != name]
        return Claim(
            key="units",
            state="recovered" if passed else "confirmed",
            severity="note" if passed else "error" if whole else "warning",
            confidence=0.95 if whole else 0.8,
            message=message,
            advice="Look at the bias and the scale of the inputs of that layer: start it with a smaller "
            "learning rate or another initialisation, or use GELU or a leaky ReLU.",
            step=row.step,
            opened=self._since.get(name, row.step),
            time=row.time,
            alarm=whole,
            layer=layer,
            evidence={"dead_share": round(share, 3), "cut_off": cut},
            causes=[] if passed else self._causes(name, layer, row.step),
        )

    def _causes(self, name: str, layer: str, step: int) -> list[Cause]:
        """What may have silenced the units, the likeliest first."""
        looks, first = self._looks[name], self._view.tracks[name].first
        inputs = constant_inputs(self._view, step)
        told = (
            f"weights and bias of these units had gradients of exactly zero in {looks} measured steps"
            if name.startswith(PROBED)
            else f"`{name}` has said so in {looks} rows"
        )
        found = [inputs] if isinstance(inputs, Cause) else []
        if name.startswith(PROBED) and first < FEW:
            begun = f"{first:.0%} of them had none at first"
            reason = "updates that were too large, which pushed the units out of reach: look at the learning rate"
            found.append(Cause(reason, 0.8, f"{begun}; {told}"))
        else:
            reason = f"an activation after `{layer}` that never lets anything through"
            found.append(Cause(reason, 0.8, told))
        return found
