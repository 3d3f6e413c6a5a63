"""A small vision transformer whose head is initialised with a deviation of 5.

Expected: initial-loss at step 0
Also: exploding-gradient
"""

import torch
from torch import nn

torch.manual_seed(0)
y = torch.randint(10, (1500,))
x = torch.randn(10, 16, 12)[y] + torch.randn(1500, 16, 12)
patch, head = nn.Linear(12, 32), nn.Linear(32, 10)
block = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
nn.init.normal_(head.weight, std=5)
model = nn.ModuleList([patch, block, head])
optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
for step in range(300):
    rows = torch.randint(1500, (50,))
    loss = nn.functional.cross_entropy(head(block(patch(x[rows])).mean(1)), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 5 == 0:
        print(f"step={step} train_loss={loss.item():.4f}")
