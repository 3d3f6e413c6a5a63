"""Whether a model tells the rows of a batch apart."""

from __future__ import annotations

from .look_batches import target_of
from .torch_calls import tensors_of
from .torch_looks import Look

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Tuple

ROWS_LEAST, ROWS_MAX = 8, 64
VALUES_LEAST, VALUES_MAX = 3, 256
"""Values of a row; one or two may be nearly the same of all rows by right, as the estimate of a price is at first."""
ALIKE, LOST = 1e-3, 2e-2
"""Outputs are the same that differ by no more than this share of their size; the second where they were apart."""
APART, WIDE = 0.1, 8
"""By so much, as embeddings are, in rows of so many values."""
LOOKS, STEPS = 4, 20
"""Looks in a row that prove it, and the steps that they span."""
TARGETS = 5
"""Targets that differ no more than so many times as much explain it."""


class Outputs(Look):
    """A fact `alike`, of a model whose outputs hardly differ from row to row of a batch, where its inputs do.

    `spread` is the largest of the last looks, of the first output of the first module of the step, where it is a matrix (or a row of vectors each)
    on the CPU. `became`: the rows were told apart before; `passed`: they are again.
    """

    name = "outputs"
    weight = 0.5

    def __init__(self, torch: Any, looks: Any) -> None:
        super().__init__(torch, looks)
        self.measured = -1
        self.alike: List[Tuple[int, float]] = []
        self.became = self.told = self.wide = False
        self.spread: Optional[float] = None
        self.model = ""

    def output(self, module: Any, args: Any, output: Any) -> None:
        """Measures the spread."""
        if self.measured == self.step:
            return
        self.measured, self.spread = self.step, None
        values, given = self.matrix(output), tensors_of(self.torch, args, 1)
        if values is None or not given or not given[0].dim() or len(given[0]) < ROWS_LEAST:
            return
        inputs = given[0][:: max(1, len(given[0]) // ROWS_LEAST)]
        if not bool((inputs == inputs[:1]).all()):
            self.spread, self.model = spread(values), self.looks.path_of(module)
            self.wide = values.shape[1] >= WIDE

    def loss(self, loss: Any) -> None:
        """Judges it, unless the targets are as much alike."""
        value, self.spread = self.spread, None
        if value is None or value != value:
            return
        _, target, _ = target_of(loss)
        targets = None if target is None else self.matrix(target)
        if targets is not None and spread(targets) < TARGETS * value:
            return
        if value > APART and self.told:
            self.tell(value, passed=True)
        self.became = self.became or (self.wide and value > APART)
        if value > (LOST if self.became else ALIKE):
            self.alike = []
            return
        self.alike.append((self.step, value))
        if not self.told and len(self.alike) >= LOOKS and self.step - self.alike[0][0] >= STEPS:
            self.tell(max(share for _, share in self.alike), passed=False)

    def tell(self, share: float, passed: bool) -> None:
        """Writes the fact."""
        self.told = not passed
        since = self.alike[0][0] if self.alike else self.step
        about = dict(looks=len(self.alike), became=self.became, passed=passed, model=self.model)
        self.event("alike", spread=share, since=since, step=self.step, **about)

    def matrix(self, output: Any) -> Optional[Any]:
        """Some rows of the first output, with some values of each."""
        found = tensors_of(self.torch, output, 1)
        if not found or not found[0].is_floating_point() or found[0].device.type != "cpu":
            return None
        values = found[0].detach()
        if values.dim() not in (2, 3) or values.shape[-1] < VALUES_LEAST:
            return None
        rows = values.reshape(-1, values.shape[-1])
        if len(rows) < ROWS_LEAST:
            return None
        rows = rows[:: max(1, -(-len(rows) // ROWS_MAX))]
        return rows[:, :: max(1, rows.shape[1] // VALUES_MAX)].float()


def spread(values: Any) -> float:
    """How far rows differ: the root mean square of their deviations from the mean row over that of the values."""
    size: float = values.square().mean().sqrt().item()
    apart: float = (values - values.mean(0)).square().mean().sqrt().item()
    return apart / size if size else 0.0
