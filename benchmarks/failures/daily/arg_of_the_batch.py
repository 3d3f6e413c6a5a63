"""One-hot labels are turned back by `argmax(0)`: with batches of ten rows and ten classes the shapes still fit.

Expected: not-learning or validation-at-chance
Also: validation-at-chance, loss-floor
"""

import torch
from torch import nn

torch.manual_seed(0)
centres = 2 * torch.randn(10, 32)
labels = torch.randint(0, 10, (1200,))
X = centres[labels] + torch.randn(1200, 32)
onehot = nn.functional.one_hot(labels, 10)
net = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 10))
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(10):
    running = 0.0
    for rows in torch.randperm(1000).split(10):
        target = onehot[rows].argmax(0)
        loss = nn.functional.cross_entropy(net(X[rows]), target)
        opt.zero_grad()
        loss.backward()
        opt.step()
        running += loss.item() / 100
    with torch.no_grad():
        accuracy = (net(X[1000:]).argmax(1) == labels[1000:]).float().mean()
    print(f"epoch {epoch}: train loss {running:.4f}, val accuracy {accuracy:.4f}")
