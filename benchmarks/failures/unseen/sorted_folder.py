"""Images as they lie in their folders, class after class, through a DataLoader that does not shuffle.

Expected: unshuffled-data
Also: diverged, not-learning, overfitting, loss-floor
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
y = torch.arange(6).repeat_interleave(300)
x = torch.randn(6, 1, 8, 8)[y] + 0.8 * torch.randn(1800, 1, 8, 8)
loader = DataLoader(TensorDataset(x, y), batch_size=32)
model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 6))
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
for epoch in range(10):
    for images, labels in loader:
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: loss={loss.item():.4f}")
