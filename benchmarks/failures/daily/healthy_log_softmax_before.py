"""The net returns `log_softmax`, and CrossEntropyLoss takes it once more, which changes nothing.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
centres = torch.randn(7, 20)
y = torch.randint(0, 7, (1500,))
x = centres[y] + 0.9 * torch.randn(1500, 20)
net = nn.Sequential(nn.Linear(20, 48), nn.ReLU(), nn.Linear(48, 7), nn.LogSoftmax(dim=1))
criterion, optimizer = nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(10):
    total = 0.0
    for rows in torch.randperm(1300).split(50):
        loss = criterion(net(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / 26
    with torch.no_grad():
        val = criterion(net(x[1300:]), y[1300:]).item()
    print(f"epoch {epoch} loss {total:.4f} val_loss {val:.4f}")
