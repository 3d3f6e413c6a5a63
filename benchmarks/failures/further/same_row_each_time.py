"""`__getitem__` opens the file with `self.current`, which nothing counts up: each row of each batch is the same.

Expected: repeated-batches
Also: overfitting, too-good, validation-at-chance
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Spectra(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.peaks = torch.rand(n, generator=g)
        self.noise = 0.1 * torch.randn(n, 50, generator=g)
        self.current = 0

    def __len__(self):
        return len(self.peaks)

    def __getitem__(self, index):
        peak = self.peaks[self.current]
        grid = torch.linspace(0, 1, 50)
        return torch.exp(-((grid - peak) ** 2) / 0.01) + self.noise[self.current], peak[None]


train_dl = DataLoader(Spectra(800, 0), batch_size=20, shuffle=True)
valid = Spectra(200, 1)
net = nn.Sequential(nn.Linear(50, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
mse = nn.MSELoss()
for epoch in range(10):
    net.train()
    for _i, (x, y) in enumerate(train_dl):
        loss = mse(net(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
    net.eval()
    grid = torch.linspace(0, 1, 50)
    xv = torch.exp(-((grid - valid.peaks[:, None]) ** 2) / 0.01) + valid.noise
    with torch.no_grad():
        v = mse(net(xv), valid.peaks[:, None]).item()
    print(f"epoch: {epoch}, loss: {loss.item():.6f}, val_loss: {v:.6f}")
