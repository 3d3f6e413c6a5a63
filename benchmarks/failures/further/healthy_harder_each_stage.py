"""A curriculum of noise: four stages, each harder, with the rows of the easy ones first.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
centres = torch.randn(5, 16)
model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
y_val = torch.randint(0, 5, (500,))
x_val = centres[y_val] + 1.5 * torch.randn(500, 16)
step = 0
for stage, noise in enumerate((0.4, 0.8, 1.2, 1.5)):
    y = torch.randint(0, 5, (1200,))
    x = centres[y] + noise * torch.randn(1200, 16)
    order = (x - centres[y]).norm(dim=1).argsort() if stage == 0 else torch.randperm(1200)
    for epoch in range(4):
        for idx in order.split(40):
            loss = nn.functional.cross_entropy(model(x[idx]), y[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            if step % 15 == 0:
                print(f"stage {stage} step {step} train_loss {loss.item():.4f}")
        order = torch.randperm(1200)
        with torch.no_grad():
            out = model(x_val)
        print(
            f"stage {stage} epoch {epoch} val_loss {nn.functional.cross_entropy(out, y_val).item():.4f} val_acc {(out.argmax(1) == y_val).float().mean():.4f}"
        )
