"""The backbone is thawed in two stages, and each time added to the optimizer as a group with a lower rate.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
centres = torch.randn(6, 24)


def draw(n):
    y = torch.randint(0, 6, (n,))
    return centres[y] + 1.2 * torch.randn(n, 24), y


low = nn.Sequential(nn.Linear(24, 64), nn.ReLU())
high = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
head = nn.Linear(64, 6)
net = nn.Sequential(low, high, head)
for part in (low, high):
    part.requires_grad_(False)
optimizer = torch.optim.Adam(head.parameters(), lr=3e-3)
x_val, y_val = draw(400)
for epoch in range(12):
    if epoch == 4:
        high.requires_grad_(True)
        optimizer.add_param_group({"params": high.parameters(), "lr": 1e-3})
    if epoch == 8:
        low.requires_grad_(True)
        optimizer.add_param_group({"params": low.parameters(), "lr": 3e-4})
    net.train()
    total = 0.0
    for _ in range(40):
        x, y = draw(32)
        loss = nn.functional.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / 40
    net.eval()
    with torch.no_grad():
        out = net(x_val)
    print(
        f"epoch {epoch} loss {total:.4f} val_loss {nn.functional.cross_entropy(out, y_val).item():.4f} val_acc {(out.argmax(1) == y_val).float().mean():.4f}"
    )
