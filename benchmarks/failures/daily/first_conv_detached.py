"""A graph net by hand caches the first layer's output with `.detach()`, left from a test of speed.

Expected: frozen-parameters or weights-unchanged, layer first
"""

import torch
from torch import nn

torch.manual_seed(2)
n = 300
group = torch.randint(0, 3, (n,))
same = group[:, None] == group[None, :]
adj = (torch.rand(n, n) < torch.where(same, 0.08, 0.02)).float()
adj = ((adj + adj.T) > 0).float() + torch.eye(n)
adj = adj / adj.sum(1, keepdim=True)
feats = torch.randn(n, 16) + 0.5 * nn.functional.one_hot(group, 16)


class GCN(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(16, 32)
        self.second = nn.Linear(32, 3)

    def forward(self, a, x):
        h = torch.relu(a @ self.first(x)).detach()
        return a @ self.second(h)


model = GCN()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
train = torch.rand(n) < 0.6
for epoch in range(200):
    optimizer.zero_grad()
    out = model(adj, feats)
    loss = nn.functional.cross_entropy(out[train], group[train])
    loss.backward()
    optimizer.step()
    if epoch % 10 == 0:
        acc = (out[~train].argmax(1) == group[~train]).float().mean().item()
        print(f"Epoch {epoch:03d} loss {loss.item():.4f} test {acc:.3f}")
