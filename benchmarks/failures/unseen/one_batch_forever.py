"""Each step makes a new iterator of a loader that does not shuffle: a segmentation of tiny images.

Expected: repeated-batches
Also: unshuffled-data, overfitting
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
images = torch.rand(600, 1, 10, 10)
masks = (nn.functional.avg_pool2d(images, 3, 1, 1) > 0.5).float()
loader = DataLoader(TensorDataset(images, masks), batch_size=20)
net = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 1, 3, padding=1))
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
for step in range(500):
    batch, target = next(iter(loader))
    loss = nn.functional.binary_cross_entropy_with_logits(net(batch), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 25 == 0:
        print(f"step {step}: bce {loss.item():.4f}")
