"""Ten layers of sigmoids in a module with hooks as Lightning has them; the first ones get hardly any gradient.

Expected: vanishing-gradient
Also: not-learning, loss-floor, validation-at-chance, weights-unchanged, frozen-parameters, dead-units
"""

import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

torch.manual_seed(0)


class LitTabular(nn.Module):
    def __init__(self, width=32, depth=10):
        super().__init__()
        blocks = [
            nn.Sequential(nn.Linear(30 if i == 0 else width, width), nn.Sigmoid())
            for i in range(depth)
        ]
        self.body = nn.Sequential(*blocks)
        self.out = nn.Linear(width, 2)

    def forward(self, x):
        return self.out(self.body(x))

    def training_step(self, batch, idx):
        x, y = batch
        return nn.functional.cross_entropy(self(x), y)

    def validation_step(self, batch, idx):
        x, y = batch
        return {"val_acc": (self(x).argmax(1) == y).float().mean()}

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


X, y = load_breast_cancer(return_X_y=True)
X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)
y = torch.tensor(y)
perm = torch.randperm(len(X))
train = [(X[perm[i : i + 32]], y[perm[i : i + 32]]) for i in range(0, 448, 32)]
valid = [(X[perm[448:]], y[perm[448:]])]
lit = LitTabular()
optimizer = lit.configure_optimizers()
for epoch in range(40):
    lit.train()
    for idx, batch in enumerate(train):
        loss = lit.training_step(batch, idx)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    lit.eval()
    with torch.no_grad():
        logs = lit.validation_step(valid[0], 0)
    print(f"epoch={epoch}, train_loss={loss:.4f}, val_acc={logs['val_acc']:.4f}")
