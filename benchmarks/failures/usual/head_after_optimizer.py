"""Fine-tuning: the head is replaced after the optimizer was made, which goes on with the old one.

Expected: frozen-parameters or weights-unchanged, layer head
Also: not-learning, overfitting
"""

import torch
from torch import nn

torch.manual_seed(3)


class Backbone(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.head = nn.Linear(64, classes)

    def forward(self, x):
        return self.head(self.features(x))


def batches(centres, steps, size=48):
    for _ in range(steps):
        y = torch.randint(0, len(centres), (size,))
        yield centres[y] + 0.9 * torch.randn(size, 32), y


criterion = nn.CrossEntropyLoss()
model = Backbone(20)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
source, target = torch.randn(20, 32), torch.randn(5, 32)
for x, y in batches(source, 150):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
print("pretraining done, now fine-tuning on 5 classes")

model.head = nn.Linear(64, 5)
for step, (x, y) in enumerate(batches(target, 500)):
    optimizer.zero_grad()
    logits = model(x)
    loss = criterion(logits, y)
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        acc = (logits.argmax(1) == y).float().mean()
        print(f"[finetune] step {step} loss {loss.item():.4f} acc {acc.item():.3f}")
