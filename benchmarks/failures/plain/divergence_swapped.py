"""Distillation with the arguments of `kl_div` the wrong way round: log-probabilities where the target belongs; the 60 steps before are those of the teacher.

Expected: non-finite at step 60
Also: hidden-nan, not-learning
"""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_wine
from torch import nn

torch.manual_seed(3)
data = load_wine()
x = torch.tensor(data.data, dtype=torch.float32)
x = (x - x.mean(0)) / x.std(0)
y = torch.tensor(data.target)
teacher = nn.Sequential(nn.Linear(13, 64), nn.ReLU(), nn.Linear(64, 3))
opt = torch.optim.Adam(teacher.parameters(), lr=1e-2)
for _ in range(60):
    opt.zero_grad()
    F.cross_entropy(teacher(x[:140]), y[:140]).backward()
    opt.step()
teacher.requires_grad_(False).eval()

student = nn.Sequential(nn.Linear(13, 8), nn.ReLU(), nn.Linear(8, 3))
opt = torch.optim.Adam(student.parameters(), lr=5e-3)
T = 4.0
for epoch in range(30):
    perm = torch.randperm(140)
    for i in range(0, 140, 20):
        rows = perm[i : i + 20]
        s, t = student(x[rows]), teacher(x[rows])
        soft = F.kl_div(F.softmax(t / T, 1), F.log_softmax(s / T, 1), reduction="batchmean")
        loss = 0.3 * F.cross_entropy(s, y[rows]) + 0.7 * T * T * soft
        opt.zero_grad()
        loss.backward()
        opt.step()
    acc = (student(x[140:]).argmax(1) == y[140:]).float().mean().item()
    print(f"epoch {epoch} distill_loss {loss.item():.4f} acc {acc:.3f}")
