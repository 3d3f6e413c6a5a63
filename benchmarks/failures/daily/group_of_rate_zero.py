"""Layer-wise rates `base * decay ** depth` with a decay of 0.0, a default nobody set: only the last block is trained.

Expected: frozen-parameters or weights-unchanged or learning-rate-exhausted
Also: learning-rate-exhausted
"""

import torch
from torch import nn

torch.manual_seed(1)
config = {"lr": 1e-3, "layer_decay": 0.0, "width": 64, "epochs": 8, "batch": 32}


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.blocks = nn.ModuleList(
            [nn.Linear(20, width), nn.Linear(width, width), nn.Linear(width, 5)]
        )

    def forward(self, x):
        for block in self.blocks[:-1]:
            x = torch.relu(block(x))
        return self.blocks[-1](x)


w = torch.randn(20, 12) / 4
x = torch.randn(1600, 20)
y = (torch.tanh(x @ w) @ torch.randn(12, 5)).argmax(1)
model = Net(config["width"])
groups = [
    {"params": block.parameters(), "lr": config["lr"] * config["layer_decay"] ** depth}
    for depth, block in enumerate(reversed(model.blocks))
]
optimizer = torch.optim.AdamW(groups)
for epoch in range(config["epochs"]):
    losses = []
    for rows in torch.randperm(1400).split(config["batch"]):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        acc = (model(x[1400:]).argmax(1) == y[1400:]).float().mean().item()
    print({"epoch": epoch, "loss": round(sum(losses) / len(losses), 4), "eval_acc": round(acc, 4)})
