"""Windows are cut from shuffled series, targets from the series in the order of the file: they do not belong together.

Expected: not-learning or loss-floor or validation-at-chance
Also: overfitting
"""

import torch
from torch import nn

torch.manual_seed(0)
phase, speed = 6.28 * torch.rand(600, 1), 0.2 + torch.rand(600, 1)
series = torch.sin(phase + speed * torch.arange(21))
order = torch.randperm(600)
windows, targets = series[order, :20], series[:, 20:]


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 24, batch_first=True)
        self.out = nn.Linear(24, 1)

    def forward(self, w):
        return self.out(self.lstm(w.unsqueeze(-1))[0][:, -1])


model = Forecaster()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(15):
    for rows in torch.randperm(500).split(25):
        loss = nn.functional.mse_loss(model(windows[rows]), targets[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        train = nn.functional.mse_loss(model(windows[:500]), targets[:500]).item()
        val = nn.functional.mse_loss(model(windows[500:]), targets[500:]).item()
    print(f"epoch {epoch} train_loss {train:.4f} val_loss {val:.4f}")
