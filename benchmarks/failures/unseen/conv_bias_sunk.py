"""A convolutional network for shapes; the second convolution starts with a bias of -20.

Expected: dead-units, layer 2 or layer 3
Also: not-learning, vanishing-gradient, loss-floor, validation-at-chance, frozen-parameters, weights-unchanged
"""

import torch
from torch import nn

torch.manual_seed(0)
images = torch.rand(1200, 1, 12, 12) * 0.2
labels = torch.randint(4, (1200,))
for row, label in enumerate(labels.tolist()):
    images[row, 0, 3 * label : 3 * label + 3, 2:10] += 0.8
net = nn.Sequential(
    nn.Conv2d(1, 16, 3),
    nn.ReLU(),
    nn.Conv2d(16, 24, 3),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(1536, 4),
)
nn.init.constant_(net[2].bias, -20.0)
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
for epoch in range(16):
    total = 0.0
    for rows in torch.randperm(1200).split(50):
        loss = nn.functional.cross_entropy(net(images[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"Epoch {epoch + 1}/16 - loss: {total / 24:.4f}")
