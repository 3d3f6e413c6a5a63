"""A physics-informed fit by L-BFGS, whose closure is called many times in a step.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 1))
x = torch.linspace(0, 3, 80)[:, None].requires_grad_()
optimizer = torch.optim.LBFGS(net.parameters(), lr=0.5, max_iter=8)
last = {}


def closure():
    optimizer.zero_grad()
    u = net(x)
    slope = torch.autograd.grad(u.sum(), x, create_graph=True)[0]
    loss = (slope + u).pow(2).mean() + (u[0] - 1).pow(2).sum()
    loss.backward()
    last["loss"] = loss.item()
    return loss


for step in range(60):
    optimizer.step(closure)
    print(f"step {step} loss {last['loss']:.3e}")
