"""Whether the ranks of a training hold the same weights."""

from __future__ import annotations

import sys

from .look_layers import sample
from .torch_looks import Look

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TENSORS_MAX = 24
SHARDING = ("deepspeed", "megatron")
"""Modules whose ranks hold different weights on purpose."""


class Ranks(Look):
    """Series `rank/weights`, the sum of the sampled weights' sizes, and `rank/size`, their number.

    At the first steps of the opening, the same in every rank, so that labhand can compare them: no rank asks another.
    """

    name = "ranks"
    weight = 0.0

    def stepped(self, optimizer: Any) -> None:
        """Sums up the weights."""
        if not self.several():
            return
        tensors = [p for g in optimizer.param_groups for p in g["params"]][:TENSORS_MAX]
        if not tensors or any(sharded(p) for p in tensors):
            return
        parts = [sample(p).double().abs().sum() for p in tensors]
        total = self.torch.stack(parts).sum()
        size = sum(p.numel() for p in tensors)
        vector = self.torch.stack([total, self.torch.full_like(total, size)])
        self.points(["rank/weights", "rank/size"], vector)

    def several(self) -> bool:
        """Whether there are other ranks that should hold the same."""
        if any(name in sys.modules for name in SHARDING):
            return False
        distributed = sys.modules.get("torch.distributed")
        if distributed is None or not distributed.is_available():
            return False
        return bool(distributed.is_initialized() and distributed.get_world_size() > 1)


def sharded(parameter: Any) -> bool:
    """Whether this rank holds a part of it."""
    whole = getattr(parameter, "_local_tensor", None) is None
    return not whole or type(parameter).__name__ == "FlatParameter"
