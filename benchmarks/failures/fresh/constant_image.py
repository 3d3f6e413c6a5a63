"""Each image is divided by its own deviation in the dataset; image 333 is blank.

Expected: non-finite, says input
"""

import torch
from torch import nn
from torch.nn import functional as F


class Images(torch.utils.data.Dataset):
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return (self.x[i] - self.x[i].mean()) / self.x[i].std(), self.y[i]


torch.manual_seed(0)
y = torch.randint(0, 10, (1400,))
x = torch.randn(10, 64)[y] + torch.randn(1400, 64)
x[333] = 0.5
loader = torch.utils.data.DataLoader(Images(x, y), 20, shuffle=True)
model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for epoch in range(2):
    for i, (xs, ys) in enumerate(loader):
        loss = F.cross_entropy(model(xs), ys)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"Epoch {epoch} [{i}/{len(loader)}] Loss: {loss.item():.4f}")
