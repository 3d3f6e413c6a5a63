"""MultiStepLR with milestones 30, 60 and 80, meant as epochs, by a trainer that steps it per batch.

Expected: learning-rate-exhausted
Also: not-learning, weights-unchanged
"""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits

torch.manual_seed(6)


class Trainer:
    def __init__(self, model, optimizer, scheduler, loss_fn):
        self.model, self.optimizer, self.scheduler, self.loss_fn = (
            model,
            optimizer,
            scheduler,
            loss_fn,
        )

    def fit(self, train, val, epochs):
        x, y = train
        for epoch in range(epochs):
            self.model.train()
            running = []
            for idx in torch.randperm(len(x)).split(32):
                running.append(self.training_step(x[idx], y[idx]))
            val_loss, val_acc = self.evaluate(*val)
            print({
                "epoch": epoch, "loss": round(sum(running) / len(running), 4),
                "val_loss": round(val_loss, 4), "val_acc": round(val_acc, 4),
            })  # fmt: skip

    def training_step(self, x, y):
        self.optimizer.zero_grad()
        loss = self.loss_fn(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        self.scheduler.step()
        return loss.item()

    @torch.no_grad()
    def evaluate(self, x, y):
        self.model.eval()
        out = self.model(x)
        return self.loss_fn(out, y).item(), (out.argmax(1) == y).float().mean().item()


digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[30, 60, 80], gamma=0.1)
Trainer(model, optimizer, scheduler, nn.CrossEntropyLoss()).fit(
    (x[:1500], y[:1500]), (x[1500:], y[1500:]), epochs=25
)
