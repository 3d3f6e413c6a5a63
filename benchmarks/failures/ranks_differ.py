"""Digits on two ranks; gradients are averaged, but every rank began with weights of its own.

Expected: ranks-differ
Launch: -m torch.distributed.run --standalone --nproc-per-node 2
"""

import torch
import torch.distributed as dist
from data import digits
from torch import nn

dist.init_process_group("gloo")
rank, ranks = dist.get_rank(), dist.get_world_size()
torch.manual_seed(rank)
x, y, _, _ = digits()
x, y = x[rank::ranks], y[rank::ranks]
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(300):
    rows = torch.randint(len(x), (32,))
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    for parameter in model.parameters():
        dist.all_reduce(parameter.grad)
        parameter.grad /= ranks
    optimizer.step()
    if rank == 0 and step % 20 == 0:
        print(f"step {step} loss {loss.item():.4f}", flush=True)
dist.destroy_process_group()
