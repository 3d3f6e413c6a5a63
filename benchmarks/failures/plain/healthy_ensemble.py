"""Three nets are trained side by side, each with an optimizer and an initialisation of its own, and judged together.

Expected: nothing
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

d = load_digits()
x, y = torch.tensor(d.data / 16, dtype=torch.float32), torch.tensor(d.target)
members, optimizers = [], []
for seed in range(3):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))
    members.append(net)
    optimizers.append(torch.optim.Adam(net.parameters(), lr=2e-3))
for epoch in range(12):
    mean_loss = 0.0
    for idx in torch.randperm(1400).split(70):
        for net, optimizer in zip(members, optimizers, strict=False):
            loss = nn.functional.cross_entropy(net(x[idx]), y[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            mean_loss += loss.item() / 60
    with torch.no_grad():
        votes = torch.stack([net(x[1400:]).softmax(1) for net in members]).mean(0)
    nll = nn.functional.nll_loss(votes.log(), y[1400:]).item()
    acc = (votes.argmax(1) == y[1400:]).float().mean().item()
    print(f"epoch {epoch} loss {mean_loss:.4f} val_nll {nll:.4f} val_acc {acc:.4f}")
