"""A graph net of thirty rounds of averaging: all nodes of a connected graph have the same features in the end.

Expected: not-learning or vanishing-gradient or validation-at-chance
Also: vanishing-gradient, loss-floor, validation-at-chance
"""

import torch
from torch import nn

torch.manual_seed(0)
n = 200
group = torch.randint(0, 4, (n,))
near = torch.where(group[:, None] == group[None], 0.10, 0.04)
adj = (torch.rand(n, n) < near).float()
adj = ((adj + adj.T + torch.eye(n)) > 0).float()
adj = adj / adj.sum(1, keepdim=True)
x = torch.randn(n, 12) + nn.functional.one_hot(group, 12)
train = torch.arange(n) < 120


class Deep(nn.Module):
    def __init__(self, rounds=30, width=24):
        super().__init__()
        self.inp = nn.Linear(12, width)
        self.rounds = nn.ModuleList([nn.Linear(width, width) for _ in range(rounds)])
        self.out = nn.Linear(width, 4)

    def forward(self, x):
        h = torch.relu(self.inp(x))
        for layer in self.rounds:
            h = torch.relu(layer(adj @ h))
        return self.out(h)


model = Deep()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(150):
    model.train()
    out = model(x)
    loss = nn.functional.cross_entropy(out[train], group[train])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 10 == 0:
        model.eval()
        with torch.no_grad():
            acc = (model(x)[~train].argmax(1) == group[~train]).float().mean().item()
        print(f"epoch {epoch} train_loss {loss.item():.4f} val_acc {acc:.3f}")
