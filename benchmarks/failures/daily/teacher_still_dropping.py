"""Distillation: the teacher was trained in the same script and is left in training mode, with a dropout of 0.6.

Expected: train-eval-mismatch
"""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
centres = 1.2 * torch.randn(8, 40)
y = torch.randint(0, 8, (1800,))
x = centres[y] + torch.randn(1800, 40)


def net(width, drop):
    return nn.Sequential(nn.Linear(40, width), nn.ReLU(), nn.Dropout(drop), nn.Linear(width, 8))


teacher, student = net(256, 0.6), net(16, 0.0)
optimizer = torch.optim.Adam(teacher.parameters(), lr=2e-3)
for _ in range(6):
    for rows in torch.randperm(1500).split(50):
        loss = F.cross_entropy(teacher(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
optimizer = torch.optim.Adam(student.parameters(), lr=2e-3)
T = 3.0
for epoch in range(10):
    total = 0.0
    for rows in torch.randperm(1500).split(50):
        with torch.no_grad():
            soft = F.softmax(teacher(x[rows]) / T, dim=1)
        loss = F.kl_div(F.log_softmax(student(x[rows]) / T, dim=1), soft, reduction="batchmean")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / 30
    student.eval()
    with torch.no_grad():
        right = (student(x[1500:]).argmax(1) == y[1500:]).float().mean()
    student.train()
    print(f"distil epoch {epoch} kd_loss {total:.4f} val_acc {right:.3f}")
