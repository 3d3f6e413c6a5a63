"""What a cross-entropy is beside that of guessing by how often each label comes."""

from __future__ import annotations

from math import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

CLASSES = (3, 100)
"""Of two answers many a task is learned late; of many the frequencies are not known from a few batches."""
EACH = 20
"""Labels for each class that must have been seen before."""
LEAST = 0.05
"""A guess that costs less is nearly always right."""


class Frequencies:
    """How often each label came in the batches that were looked at."""

    def __init__(self) -> None:
        self.counts: Dict[int, int] = {}
        self.total = 0

    def share(self, node: Any, loss: Any, labels: List[int], classes: int) -> Optional[float]:
        """The loss as a share of what guessing would cost for these very labels; None where nobody can say.

        Only of a loss that is the plain mean of cross-entropies: `node` is its own, without weights.
        """
        known, before = self.total, dict(self.counts)
        for label in labels:
            if label >= 0:  # what is ignored is below
                self.counts[label] = self.counts.get(label, 0) + 1
                self.total += 1
        plain = node is loss.grad_fn and node.name().startswith("NllLoss")
        if not plain or getattr(node, "_saved_weight", None) is not None:
            return None
        if not CLASSES[0] <= classes <= CLASSES[1] or known < EACH * classes:
            return None
        whole = known + 0.5 * classes
        costs = [log(whole / (before.get(label, 0) + 0.5)) for label in labels if label >= 0]
        cost = sum(costs) / len(costs) if costs else 0.0
        return loss.item() / cost if cost > LEAST else None
