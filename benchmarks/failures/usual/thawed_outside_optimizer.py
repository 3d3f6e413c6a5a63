"""The backbone is thawed after 200 steps, as planned; the optimizer was given what could be trained before.

Expected: frozen-parameters or weights-unchanged, layer backbone
Also: overfitting
"""

import torch
from torch import nn

torch.manual_seed(0)


class Transfer(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.classifier = nn.Linear(64, 4)

    def forward(self, x):
        return self.classifier(self.backbone(x))


centres = torch.randn(4, 20)
model = Transfer()
for p in model.backbone.parameters():
    p.requires_grad = False
optimizer = torch.optim.Adam(filter(lambda p: p.requires_grad, model.parameters()), lr=1e-3)
for step in range(600):
    if step == 200:
        print("unfreezing backbone")
        for p in model.backbone.parameters():
            p.requires_grad = True
    y = torch.randint(0, 4, (32,))
    x = centres[y] + 1.2 * torch.randn(32, 20)
    logits = model(x)
    loss = nn.functional.cross_entropy(logits, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        print(
            f"step {step:4d} | train_loss {loss.item():.4f} | train_acc {(logits.argmax(1) == y).float().mean().item():.3f}"
        )
