"""A moving average of the weights is validated beside the weights, and a target network follows slowly.

Expected: nothing
"""

import copy

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(2400, 20)
y = (x @ torch.randn(20, 5)).argmax(1)
model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 5))
average = copy.deepcopy(model).requires_grad_(False).eval()
optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, nesterov=True)
for epoch in range(12):
    model.train()
    for rows in torch.randperm(2000).split(40):
        noisy = x[rows] + 0.1 * torch.randn(len(rows), 20)
        with torch.no_grad():
            aim = average(x[rows]).softmax(1)
        scores = model(noisy)
        loss = nn.functional.cross_entropy(scores, y[rows]) + 0.1 * nn.functional.mse_loss(scores.softmax(1), aim)  # fmt: skip
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for kept, new in zip(
                average.state_dict().values(), model.state_dict().values(), strict=True
            ):
                kept.copy_(kept.lerp(new, 0.05) if kept.is_floating_point() else new)
    model.eval()
    with torch.no_grad():
        told = [(m(x[2000:]).argmax(1) == y[2000:]).float().mean().item() for m in (model, average)]
    print(
        f"epoch {epoch} loss {loss.item():.4f} val_acc {told[0]:.3f} val_acc_average {told[1]:.3f}"
    )
