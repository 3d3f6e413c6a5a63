"""OneCycleLR was told of `epochs * len(dataset) // batch` steps; the loader keeps the last, smaller batch of each epoch.

Expected: crashed
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = torch.randn(1010, 10)
data = TensorDataset(x, (x @ torch.randn(10, 3)).argmax(1))
loader = DataLoader(data, batch_size=50, shuffle=True)
net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
epochs = 10
schedule = torch.optim.lr_scheduler.OneCycleLR(
    optimizer, 1e-2, total_steps=epochs * len(data) // 50
)
for epoch in range(epochs):
    for inputs, labels in loader:
        loss = nn.functional.cross_entropy(net(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    print(f"epoch {epoch} loss {loss.item():.4f}")
