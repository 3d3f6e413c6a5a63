"""A physics-informed net for the heat equation: three losses, derivatives by autograd, points drawn anew.

Expected: nothing
"""

import math

import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
for it in range(500):
    xt = torch.rand(128, 2, requires_grad=True)
    u = net(xt)
    du = torch.autograd.grad(u.sum(), xt, create_graph=True)[0]
    uxx = torch.autograd.grad(du[:, 0].sum(), xt, create_graph=True)[0][:, 0]
    pde = (du[:, 1] - 0.1 * uxx).pow(2).mean()
    x0 = torch.rand(64, 1)
    ic = (net(torch.cat([x0, torch.zeros_like(x0)], 1)) - torch.sin(math.pi * x0)).pow(2).mean()
    t = torch.rand(64, 1)
    edges = torch.cat(
        [torch.cat([torch.zeros_like(t), t], 1), torch.cat([torch.ones_like(t), t], 1)]
    )
    bc = net(edges).pow(2).mean()
    loss = pde + 10 * ic + 10 * bc
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 10 == 0:
        print(
            f"it {it} loss {loss.item():.5f} pde {pde.item():.5f} ic {ic.item():.5f} bc {bc.item():.5f}"
        )
