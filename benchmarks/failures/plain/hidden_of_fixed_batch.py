"""An LSTM gets a hidden state made for 32 rows; the last batch of the epoch has 24, and the run ends there.

Expected: crashed at step 31
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(30)
BATCH = 32
x = torch.randn(1016, 15, 6)
y = x[:, -3:].sum((1, 2), keepdim=False).unsqueeze(1)
loader = DataLoader(TensorDataset(x, y), batch_size=BATCH, shuffle=True)


class Forecaster(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.lstm = nn.LSTM(6, hidden, num_layers=2, batch_first=True)
        self.linear = nn.Linear(hidden, 1)
        self.hidden = (torch.zeros(2, BATCH, hidden), torch.zeros(2, BATCH, hidden))

    def forward(self, x):
        out, _ = self.lstm(x, self.hidden)
        return self.linear(out[:, -1])


model = Forecaster()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(5):
    for i, (xb, yb) in enumerate(loader):
        loss = nn.functional.mse_loss(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if i % 5 == 0:
            print(f"epoch {epoch} batch {i} loss {loss.item():.4f}")
