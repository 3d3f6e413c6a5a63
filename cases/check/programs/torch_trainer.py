"""A trainer class with a config: regression, plateau schedule, accumulation, early stopping."""

import random
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class Config:
    lr: float = 0.01
    epochs: int = 4
    batch_size: int = 16
    accumulate: int = 2
    patience: int = 2
    clip: float = 1.0
    seed: int = 0


class Regressor(nn.Module):
    def __init__(self, features, width=24, depth=2):
        super().__init__()
        self.first = nn.Linear(features, width)
        self.layers = nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        x = torch.relu(self.first(x))
        for layer in self.layers:
            x = self.drop(torch.relu(layer(x)))
        return self.head(x)


class Trainer:
    def __init__(self, config, model, train_loader, val_loader):
        self.config = config
        self.model = model
        self.train_loader = train_loader
        self.val_loader = val_loader
        self.criterion = nn.MSELoss()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=config.lr)
        self.scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(self.optimizer, patience=1)
        self.best = float("inf")

    def train_epoch(self):
        self.model.train()
        running = 0.0
        for i, (x, y) in enumerate(self.train_loader):
            prediction = self.model(x).squeeze(1)
            loss = self.criterion(prediction, y)
            (loss / self.config.accumulate).backward()
            running += loss.item() * len(y)
            if (i + 1) % self.config.accumulate == 0 or i + 1 == len(self.train_loader):
                torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
                self.optimizer.step()
                self.optimizer.zero_grad()
        return running / len(self.train_loader.dataset)

    @torch.no_grad()
    def validate(self):
        self.model.eval()
        total = 0.0
        for x, y in self.val_loader:
            prediction = self.model(x).squeeze(1)
            total += self.criterion(prediction, y).item() * len(y)
        return total / len(self.val_loader.dataset)

    def fit(self):
        waited = 0
        for epoch in range(self.config.epochs):
            train_loss = self.train_epoch()
            val_loss = self.validate()
            self.scheduler.step(val_loss)
            print(f"epoch {epoch} train {train_loss:.6f} val {val_loss:.6f}")
            if val_loss < self.best:
                self.best, waited = val_loss, 0
            else:
                waited += 1
                if waited > self.config.patience:
                    break
        return self.best


def make_loaders(config):
    x = torch.randn(500, 6)
    y = x[:, 0] * 2 - x[:, 1] + 0.5 * x[:, 2] ** 2 + 0.1 * torch.randn(500)
    order = torch.randperm(500)
    train_rows, val_rows = order[:400], order[400:]
    train_set = TensorDataset(x[train_rows], y[train_rows])
    val_set = TensorDataset(x[val_rows], y[val_rows])
    train_loader = DataLoader(train_set, batch_size=config.batch_size, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=config.batch_size, shuffle=False)
    return train_loader, val_loader


if __name__ == "__main__":
    config = Config()
    random.seed(config.seed)
    torch.manual_seed(config.seed)
    loaders = make_loaders(config)
    trainer = Trainer(config, Regressor(6), *loaders)
    print("best", trainer.fit())
