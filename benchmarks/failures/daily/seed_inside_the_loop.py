"""`torch.manual_seed(seed)` was put inside the loop, for reproducibility: each step draws the same rows.

Expected: repeated-batches
Also: overfitting, validation-at-chance
"""

import torch
from torch import nn

args = {"seed": 7, "batch": 32, "steps": 300, "lr": 2e-3}
torch.manual_seed(args["seed"])
x = torch.randn(2000, 25)
y = (x[:, :5] @ torch.randn(5, 6)).argmax(1)
model = nn.Sequential(nn.Linear(25, 64), nn.GELU(), nn.Linear(64, 6))
optimizer = torch.optim.AdamW(model.parameters(), lr=args["lr"])
for step in range(args["steps"]):
    torch.manual_seed(args["seed"])
    rows = torch.randint(0, 1800, (args["batch"],))
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 25 == 0:
        with torch.no_grad():
            val = nn.functional.cross_entropy(model(x[1800:]), y[1800:]).item()
        print(f"step {step} train/loss {loss.item():.4f} val/loss {val:.4f}")
