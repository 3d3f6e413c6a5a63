"""A transformer encoder counts brackets; Adam has a rate of 0.05, where such models take a few ten-thousandths.

Expected: not-learning or diverged or exploding-gradient, says rate
Also: loss-floor, validation-at-chance, dead-units, vanishing-gradient, spike, initial-loss
"""

import torch
import torch.nn as nn

torch.manual_seed(1)


def make(n):
    x = torch.randint(0, 4, (n, 24))
    y = ((x == 1).sum(1) > (x == 2).sum(1)).long() + (x[:, 0] == 3).long()
    return x, y


class Counter(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.token = nn.Embedding(4, d)
        self.place = nn.Parameter(torch.randn(24, d) * 0.02)
        layer = nn.TransformerEncoderLayer(d, 4, 64, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(d, 3)

    def forward(self, x):
        return self.head(self.encoder(self.token(x) + self.place).mean(1))


train_x, train_y = make(1600)
val_x, val_y = make(400)
model = Counter()
opt = torch.optim.Adam(model.parameters(), lr=5e-2)
loss_fn = nn.CrossEntropyLoss()
for epoch in range(8):
    model.train()
    perm = torch.randperm(len(train_x))
    for i in range(0, len(perm), 32):
        idx = perm[i : i + 32]
        opt.zero_grad()
        loss = loss_fn(model(train_x[idx]), train_y[idx])
        loss.backward()
        opt.step()
    model.eval()
    with torch.no_grad():
        out = model(val_x)
        val_loss = loss_fn(out, val_y)
        acc = (out.argmax(-1) == val_y).float().mean()
    print(
        f"Epoch {epoch + 1}/8, Loss: {loss.item():.4f}, Val Loss: {val_loss:.4f}, Val Acc: {acc:.3f}"
    )
