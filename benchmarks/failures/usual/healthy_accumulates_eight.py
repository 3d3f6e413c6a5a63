"""Eight small batches make a step, the remainder of the epoch too; the loss of each is logged.

Expected: nothing
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
W = torch.randn(25, 4)
X = torch.randn(1000, 25)
Y = (X @ W + 0.5 * torch.randn(1000, 4)).argmax(1)
loader = DataLoader(TensorDataset(X[:800], Y[:800]), batch_size=4, shuffle=True)
model = nn.Sequential(nn.Linear(25, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 4))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
accumulation_steps = 8
global_step = 0
for epoch in range(8):
    model.train()
    for i, (x, y) in enumerate(loader):
        loss = nn.functional.cross_entropy(model(x), y) / accumulation_steps
        loss.backward()
        if (i + 1) % accumulation_steps == 0 or i + 1 == len(loader):
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            global_step += 1
            print(f"global_step {global_step} loss {loss.item() * accumulation_steps:.4f}")
    model.eval()
    with torch.no_grad():
        print(
            f"epoch {epoch} val_loss {nn.functional.cross_entropy(model(X[800:]), Y[800:]).item():.4f}"
        )
