"""Digits with the log of the brightness of each row; one blank image gives log(0) in `log`.

Expected: non-finite at step 22, layer log, rows 24
Also: diverged
Fast
"""

import torch
from data import digits
from torch import nn


class Log(nn.Module):
    def forward(self, x):
        return x.log()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.pixels = nn.Sequential(nn.Linear(64, 128), nn.ReLU())
        self.log = Log()
        self.brightness = nn.Linear(8, 128)
        self.head = nn.Linear(128, 10)

    def forward(self, x):
        brightness = x.view(-1, 8, 8).sum(2) + x.sum(1, keepdim=True)
        return self.head(self.pixels(x) + self.brightness(self.log(brightness)))


torch.manual_seed(0)
x, y, _, _ = digits()
x[911] = 0.0
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
step = 0
for _ in range(5):
    for rows in torch.randperm(len(x)).split(32):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 0:
            print(f"step {step}: loss {loss.item():.4f}")
        step += 1
