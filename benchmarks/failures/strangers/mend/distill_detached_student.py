"""Distillation in which the student's logits, not the teacher's, are detached: no gradient reaches the student.

Expected: weights-unchanged or not-learning
Also: weights-unchanged, not-learning, validation-at-chance, frozen-parameters, loss-floor
"""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X).float() / 16, torch.tensor(y)
mk = lambda h: nn.Sequential(nn.Linear(64, h), nn.ReLU(), nn.Linear(h, 10))
teacher, student = mk(256), mk(32)
ot = torch.optim.Adam(teacher.parameters(), 2e-3)
for _ in range(300):
    b = torch.randint(0, 1400, (64,))
    l = F.cross_entropy(teacher(X[b]), y[b])
    ot.zero_grad()
    l.backward()
    ot.step()
opt = torch.optim.SGD(student.parameters(), 0.05, momentum=0.9)
T = 2.0
for ep in range(25):
    tot = 0
    for b in torch.randperm(1400).split(50):
        loss = (
            F.kl_div(
                F.log_softmax(student(X[b]).detach() / T, 1),
                F.softmax(teacher(X[b]) / T, 1),
                reduction="batchmean",
            )
            * T
            * T
        )
        opt.zero_grad()
        loss.backward()
        opt.step()
        tot += loss.item() / 28
    with torch.no_grad():
        print(
            f"distill epoch {ep} kd_loss {tot:.4f} val_acc {(student(X[1400:]).argmax(1) == y[1400:]).float().mean():.4f}"
        )
