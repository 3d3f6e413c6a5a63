"""House prices in dollars, unscaled, by Adam with 1e-3: the net would need a million steps to get to them.

Expected: not-learning or initial-loss, says scale or target
"""

import torch
from torch import nn

torch.manual_seed(0)
rooms = torch.randint(2, 9, (1200, 1)).float()
rest = torch.randn(1200, 7)
price = 60_000 * rooms + 25_000 * rest[:, :1] + 15_000 * torch.randn(1200, 1)
x = torch.cat([(rooms - 5) / 2, rest], 1)


class Trainer:
    def __init__(self, model, lr):
        self.model, self.optimizer = model, torch.optim.Adam(model.parameters(), lr=lr)

    def fit(self, epochs):
        for epoch in range(epochs):
            losses = [self.step(rows) for rows in torch.randperm(1000).split(50)]
            print(f"epoch {epoch + 1}: mse {sum(losses) / len(losses):.1f} val {self.valid():.1f}")

    def step(self, rows):
        self.optimizer.zero_grad()
        loss = nn.functional.mse_loss(self.model(x[rows]), price[rows])
        loss.backward()
        self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def valid(self):
        return nn.functional.mse_loss(self.model(x[1000:]), price[1000:]).item()


Trainer(nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 1)), 1e-3).fit(20)
