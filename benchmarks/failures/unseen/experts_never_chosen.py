"""A mixture of experts whose router takes the argmax over the batch: one expert gets everything.

Expected: frozen-parameters or dead-units or weights-unchanged, layer experts
"""

import torch
from torch import nn

torch.manual_seed(0)


class Mixture(nn.Module):
    def __init__(self):
        super().__init__()
        self.router = nn.Linear(24, 4)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(24, 48), nn.GELU(), nn.Linear(48, 6)) for _ in range(4)
        )

    def forward(self, x):
        weight = self.router(x).softmax(-1)
        chosen = int(weight.argmax(0)[0] * 0)
        return self.experts[chosen](x) * weight[:, chosen : chosen + 1]


x = torch.randn(2000, 24)
y = (x @ torch.randn(24, 6)).argmax(1)
model = Mixture()
optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
for step in range(400):
    rows = torch.randint(2000, (50,))
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step} loss {loss.item():.4f}")
