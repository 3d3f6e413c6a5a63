"""After each step the whole history is sorted, turned into JSON and written anew: steps take longer and longer.

Expected: slowdown
Also: input-bound, memory-growth, not-learning
"""

import json
from pathlib import Path

import torch
from torch import nn

torch.manual_seed(26)
model = nn.Sequential(nn.Linear(20, 64), nn.Tanh(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
w = torch.randn(20, 1)
history = []
for step in range(1200):
    x = torch.randn(64, 20)
    y = torch.sin(x @ w)
    pred = model(x)
    loss = nn.functional.mse_loss(pred, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    history.append(
        {"step": step, "loss": loss.item(), "pred": pred.detach().view(-1)[:24].tolist()}
    )
    Path("history.json").write_text(json.dumps(sorted(history, key=lambda h: h["loss"])))
    if step % 20 == 0:
        print(f"step {step} loss {loss.item():.4f}")
