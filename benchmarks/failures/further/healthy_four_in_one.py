"""Gradients of four small batches make one step, clipped to 1, with a cosine over the steps.

Expected: nothing
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
d = load_digits()
X, Y = torch.tensor(d.data, dtype=torch.float32) / 16, torch.tensor(d.target)
loader = DataLoader(TensorDataset(X[:1536], Y[:1536]), batch_size=16, shuffle=True, drop_last=True)
model = nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.LayerNorm(128), nn.Linear(128, 10))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
ACCUM, EPOCHS = 4, 10
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * len(loader) // ACCUM)
global_step = 0
for epoch in range(EPOCHS):
    model.train()
    for i, (x, y) in enumerate(loader):
        loss = nn.functional.cross_entropy(model(x), y) / ACCUM
        loss.backward()
        if (i + 1) % ACCUM == 0:
            norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            global_step += 1
            if global_step % 8 == 0:
                print(
                    f"step {global_step} loss {loss.item() * ACCUM:.4f} grad_norm {norm.item():.3f} lr {scheduler.get_last_lr()[0]:.2e}"
                )
    model.eval()
    with torch.no_grad():
        out = model(X[1536:])
        print(
            f"epoch {epoch} val_loss {nn.functional.cross_entropy(out, Y[1536:]).item():.4f} val_acc {(out.argmax(1) == Y[1536:]).float().mean():.4f}"
        )
