"""Contrastive learning whose two views come from loaders that shuffle on their own: the pairs are no pairs.

Expected: not-learning or loss-floor
Also: loss-floor, not-learning, overfitting
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader

torch.manual_seed(0)
images = torch.tensor(load_digits().data, dtype=torch.float32) / 16
first = DataLoader(
    images + 0.05 * torch.randn_like(images), batch_size=64, shuffle=True, drop_last=True
)
second = DataLoader(
    images + 0.05 * torch.randn_like(images), batch_size=64, shuffle=True, drop_last=True
)
encoder = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 32))
optimizer = torch.optim.Adam(encoder.parameters(), lr=1e-3)


def nt_xent(a, b, temperature=0.2):
    a, b = nn.functional.normalize(a, dim=1), nn.functional.normalize(b, dim=1)
    logits = a @ b.t() / temperature
    labels = torch.arange(len(a))
    return (
        nn.functional.cross_entropy(logits, labels)
        + nn.functional.cross_entropy(logits.t(), labels)
    ) / 2


for epoch in range(30):
    total = 0.0
    for view1, view2 in zip(first, second, strict=True):
        loss = nt_xent(encoder(view1), encoder(view2))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch + 1:02d} contrastive loss {total / len(first):.4f}")
