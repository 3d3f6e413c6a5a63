"""Monte Carlo dropout: in evaluation the dropout layers are switched on by intent, and 20 passes averaged.

Expected: nothing
"""

import torch
from sklearn.datasets import load_diabetes
from torch import nn

torch.manual_seed(0)
X, y = load_diabetes(return_X_y=True)
X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)
y = torch.tensor((y - y.mean()) / y.std(), dtype=torch.float32)[:, None]
model = nn.Sequential(
    nn.Linear(10, 64),
    nn.ReLU(),
    nn.Dropout(0.2),
    nn.Linear(64, 64),
    nn.ReLU(),
    nn.Dropout(0.2),
    nn.Linear(64, 1),
)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)


def mc_predict(model, x, passes=20):
    model.eval()
    for m in model.modules():
        if isinstance(m, nn.Dropout):
            m.train()
    with torch.no_grad():
        samples = torch.stack([model(x) for _ in range(passes)])
    return samples.mean(0), samples.std(0)


for epoch in range(30):
    model.train()
    losses = []
    for idx in torch.randperm(360).split(30):
        loss = nn.functional.mse_loss(model(X[idx]), y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    mean, std = mc_predict(model, X[360:])
    print(
        f"epoch {epoch} train_mse {sum(losses) / len(losses):.4f} val_mse {nn.functional.mse_loss(mean, y[360:]).item():.4f} uncertainty {std.mean().item():.4f}"
    )
