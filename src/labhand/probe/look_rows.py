"""Whether rows that a model is evaluated on are rows that it was trained on."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Set, Tuple

ROWS_MAX = 64
"""Rows of a batch that are remembered or asked for, evenly spread."""
VALUES_MAX, DISTINCT = 48, 8
"""Values of a row, evenly spread, and how many must be distinct: fewer are alike by chance."""
SEEN_MAX = 20000
LATELY = 8
"""Batches of the training by which it is told how likely a row of it is remembered."""
CALLS, ROWS = 4, 100
"""Calls of an evaluation, and rows in them, before anything is said."""
LEAST, EXPECTED = 0.2, 4.0
"""The share of rows from both parts that is told; the matches that each call must lead one to expect."""
NONE_OF = 8
"""After so many calls without a single match nobody looks any more."""


class Rows:
    """Remembers rows of the training, and finds them among those that are evaluated.

    Of the rows of the training only those of batches that were looked at are known: how many that is, is seen
    from how often a row of it comes again.
    """

    def __init__(self) -> None:
        self.seen: Set[int] = set()
        self.last: List[int] = []
        self.again: List[Tuple[int, int]] = []
        self.calls: List[Tuple[int, int, float]] = []
        self.over = False

    def trained(self, tensor: Any) -> None:
        """A batch of the training."""
        if self.over:
            return
        found = prints(tensor)
        if not found:
            self.over = tensor.dim() < 2 or not tensor.is_floating_point()
            return
        self.last = found
        self.again.append((sum(p in self.seen for p in found), len(found)))
        del self.again[:-LATELY]
        if len(self.seen) < SEEN_MAX:
            self.seen.update(found)

    def evaluated(self, tensor: Any) -> Optional[Dict[str, Any]]:
        """A batch of an evaluation; the fact `leak`, once that is proven."""
        known = sum(hits for hits, _ in self.again) / max(1, sum(of for _, of in self.again))
        found = prints(tensor) if known and not self.over else []
        if not found or found == self.last:  # the very batch that is trained on, parted by a mask
            return None
        self.calls.append((sum(p in self.seen for p in found), len(found), known))
        if len(self.calls) == NONE_OF and not any(hits for hits, _, _ in self.calls):
            self.over = True
        return self.proven()

    def proven(self) -> Optional[Dict[str, Any]]:
        """What is told: every call has rows of the training in it, as a mixture of both parts would.

        Where some calls have none, others evaluate the training on purpose.
        """
        rows = sum(of for _, of, _ in self.calls)
        if len(self.calls) < CALLS or rows < ROWS:
            return None
        hits = sum(hit for hit, _, _ in self.calls)
        share = min(1.0, hits / sum(of * known for _, of, known in self.calls))
        expected = min(share * of * known for _, of, known in self.calls)
        if share < LEAST or expected < EXPECTED or not all(hit for hit, _, _ in self.calls):
            return None
        self.over = True
        return {"rows": hits, "of": rows, "share": round(share, 3)}


def prints(tensor: Any) -> List[int]:
    """Of some rows of floats what tells them from others; none of rows that hold too little for that."""
    if tensor.dim() < 2 or not tensor.is_floating_point() or not len(tensor):
        return []
    rows = tensor[:: max(1, -(-len(tensor) // ROWS_MAX))].flatten(1)
    rows = rows[:, :: max(1, rows.shape[1] // VALUES_MAX)][:, :VALUES_MAX]
    return [hash(tuple(row)) for row in rows.tolist() if len(set(row)) >= DISTINCT]
