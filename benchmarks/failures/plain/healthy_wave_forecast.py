"""An LSTM forecasts the next value of a noisy wave; windows in order of time for validation, shuffled for training.

Expected: nothing
"""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(2)
t = np.arange(2000)
series = np.sin(t / 9) + 0.5 * np.sin(t / 31) + 0.1 * np.random.default_rng(0).normal(size=2000)
W = 24
X = torch.tensor(
    np.lib.stride_tricks.sliding_window_view(series, W)[:-1].copy(), dtype=torch.float32
)
Y = torch.tensor(series[W:], dtype=torch.float32)
cut = 1600
train = DataLoader(TensorDataset(X[:cut], Y[:cut]), batch_size=64, shuffle=True, drop_last=True)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(1, 32, batch_first=True)
        self.fc = nn.Linear(32, 1)

    def forward(self, x):
        out, _ = self.rnn(x.unsqueeze(-1))
        return self.fc(out[:, -1]).squeeze(-1)


net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(15):
    net.train()
    total = 0.0
    for xb, yb in train:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(xb), yb)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
    net.eval()
    with torch.no_grad():
        val = nn.functional.mse_loss(net(X[cut:]), Y[cut:]).item()
    print(f"Epoch {epoch:2d} train_loss={total / len(train):.5f} val_loss={val:.5f}")
