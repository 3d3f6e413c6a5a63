"""A transformer with a rate that begins at exactly 0, warm-up of 60 steps and a cosine to zero.

Expected: nothing
"""

import math

import torch
import torch.nn as nn

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.emb = nn.Embedding(16, d)
        self.pos = nn.Parameter(0.02 * torch.randn(20, d))
        self.enc = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(d, 4, 64, 0.1, batch_first=True), 2
        )
        self.fc = nn.Linear(d, 2)

    def forward(self, x):
        return self.fc(self.enc(self.emb(x) + self.pos).mean(1))


def data(n):
    x = torch.randint(0, 16, (n, 20))
    return x, (x > 7).float().mean(1).gt(0.5).long()


model = Net()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
total, warmup = 400, 60
scheduler = torch.optim.lr_scheduler.LambdaLR(
    optimizer,
    lambda s: (
        s / warmup
        if s < warmup
        else 0.5 * (1 + math.cos(math.pi * (s - warmup) / (total - warmup)))
    ),
)
val_x, val_y = data(300)
for step in range(total):
    model.train()
    x, y = data(48)
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    if step % 20 == 0:
        model.eval()
        with torch.no_grad():
            out = model(val_x)
            v = nn.functional.cross_entropy(out, val_y).item()
        print(
            f"step {step} lr {scheduler.get_last_lr()[0]:.2e} train_loss {loss.item():.4f} val_loss {v:.4f}"
        )
