"""A triplet loss with a margin: more and more batches have a loss of exactly zero, as they should.

Expected: nothing
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
X, y = torch.tensor(d.data, dtype=torch.float32) / 16, torch.tensor(d.target)
by_class = [torch.nonzero(y[:1400] == c).squeeze(1) for c in range(10)]
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
criterion = nn.TripletMarginLoss(margin=0.5)


def pick(classes):
    return torch.stack(
        [by_class[c][torch.randint(len(by_class[c]), (1,))].squeeze(0) for c in classes.tolist()]
    )


for step in range(500):
    same = torch.randint(0, 10, (16,))
    other = (same + torch.randint(1, 10, (16,))) % 10
    loss = criterion(net(X[pick(same)]), net(X[pick(same)]), net(X[pick(other)]))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step} triplet_loss {loss.item():.4f}")
