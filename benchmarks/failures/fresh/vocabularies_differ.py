"""The words of the held-out texts are numbered by a vocabulary of their own.

Expected: validation-at-chance
Also: not-learning, overfitting, train-eval-mismatch
"""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
kinds = torch.randint(0, 4, (2400,))
words = torch.where(
    torch.rand(2400, 12) < 0.5,
    kinds[:, None] * 50 + torch.randint(0, 50, (2400, 12)),
    torch.randint(0, 200, (2400, 12)),
)
other = torch.randperm(200)
x_held, y_held = other[words[2000:]], kinds[2000:]
loader = torch.utils.data.DataLoader(
    torch.utils.data.TensorDataset(words[:2000], kinds[:2000]), 32, shuffle=True
)


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.head = nn.Embedding(200, 32), nn.Linear(32, 4)

    def forward(self, x):
        return self.head(self.table(x).mean(1))


model = Bag()
optimizer = torch.optim.Adam(model.parameters(), 5e-3)
for epoch in range(20):
    model.train()
    for xs, ys in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(xs), ys)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        out = model(x_held)
        held, right = (
            F.cross_entropy(out, y_held).item(),
            (out.argmax(1) == y_held).float().mean().item(),
        )
    print(f"epoch={epoch} loss={loss.item():.5f} val_loss={held:.5f} val_accuracy={right:.4f}")
