"""`clip_grad_value_` with 1e-7, meant as a bound for the norm in another unit; plain SGD then hardly moves.

Expected: not-learning or weights-unchanged, says clip
Also: not-learning, weights-unchanged, validation-at-chance, loss-floor
"""

import torch
from torch import nn

torch.manual_seed(0)


class Seq2One(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(3, 24, batch_first=True)
        self.out = nn.Linear(24, 3)

    def forward(self, x):
        return self.out(self.gru(x)[1][-1])


def get_batch(n=32, length=10):
    x = torch.randn(n, length, 3)
    return x, x.sum(1).argmax(1)


model = Seq2One()
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
criterion = nn.CrossEntropyLoss()
for iteration in range(600):
    x, y = get_batch()
    loss = criterion(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_value_(model.parameters(), 1e-7)
    optimizer.step()
    if iteration % 25 == 0:
        with torch.no_grad():
            xv, yv = get_batch(256)
            acc = (model(xv).argmax(1) == yv).float().mean()
        print(f"iter {iteration}/600 loss={loss.item():.4f} val_acc={acc.item():.3f}")
