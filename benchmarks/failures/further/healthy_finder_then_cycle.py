"""A range test on a copy of the net, from 1e-6 to 1, stopped when the loss blows up; then one cycle on the net itself.

Expected: nothing
"""

import copy

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
X, Y = torch.tensor(d.data, dtype=torch.float32) / 16, torch.tensor(d.target)


def batches(size=64):
    yield from torch.randperm(1500).split(size)


def find_lr(model, low=1e-6, high=1.0, steps=80):
    model = copy.deepcopy(model)
    opt = torch.optim.Adam(model.parameters(), lr=low)
    best, smooth, history = float("inf"), None, []
    queue = iter([])
    for k in range(steps):
        idx = next(queue, None)
        if idx is None:
            queue = batches()
            idx = next(queue)
        lr = low * (high / low) ** (k / (steps - 1))
        opt.param_groups[0]["lr"] = lr
        loss = nn.functional.cross_entropy(model(X[idx]), Y[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        smooth = loss.item() if smooth is None else 0.8 * smooth + 0.2 * loss.item()
        history.append((smooth, lr))
        best = min(best, smooth)
        if smooth > 4 * best:
            break
    return min(history)[1] / 10


net = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 10))
max_lr = find_lr(net)
print(f"suggested lr: {max_lr:.2e}")
EPOCHS = 12
opt = torch.optim.Adam(net.parameters(), lr=max_lr)
cycle = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=max_lr, total_steps=EPOCHS * 24)
for epoch in range(EPOCHS):
    net.train()
    losses = []
    for idx in batches():
        loss = nn.functional.cross_entropy(net(X[idx]), Y[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        cycle.step()
        losses.append(loss.item())
    net.eval()
    with torch.no_grad():
        out = net(X[1500:])
    print(
        f"epoch {epoch} train_loss {sum(losses) / len(losses):.4f} valid_loss {nn.functional.cross_entropy(out, Y[1500:]).item():.4f} valid_acc {(out.argmax(1) == Y[1500:]).float().mean():.4f}"
    )
