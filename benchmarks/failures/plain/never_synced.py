"""DistributedDataParallel with accumulation: every backward runs under `no_sync`, the last of four as well.

Expected: ranks-differ
Launch: -m torch.distributed.run --standalone --nproc-per-node 2
"""

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel as DDP

dist.init_process_group("gloo")
rank = dist.get_rank()
torch.manual_seed(29)
rule = torch.randn(12, 4)
model = DDP(nn.Sequential(nn.Linear(12, 48), nn.GELU(), nn.Linear(48, 4)))
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
torch.manual_seed(1000 + rank)
for step in range(200):
    optimizer.zero_grad()
    total = 0.0
    for _micro in range(4):
        x = torch.randn(16, 12)
        y = (x @ rule).argmax(1)
        with model.no_sync():
            loss = nn.functional.cross_entropy(model(x), y) / 4
            loss.backward()
        total += loss.item()
    optimizer.step()
    if rank == 0 and step % 20 == 0:
        print(f"step {step} loss {total:.4f}", flush=True)
dist.destroy_process_group()
