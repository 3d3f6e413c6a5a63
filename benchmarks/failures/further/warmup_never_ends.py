"""A warm-up of 20,000 steps, from the config of a large model, in a training of 500: the rate stays near nothing.

Expected: not-learning or learning-rate-exhausted or weights-unchanged, says rate
Also: not-learning, validation-at-chance, weights-unchanged, loss-floor, learning-rate-exhausted
"""

import torch
import torch.nn as nn

cfg = dict(lr=1e-3, warmup_steps=20_000, epochs=10, batch_size=64, seed=3)
torch.manual_seed(cfg["seed"])
rule = torch.randn(16, 5)
x = torch.randn(4000, 16)
y = (x @ rule + 0.3 * torch.randn(4000, 5)).argmax(1)
xtr, ytr, xva, yva = x[:3200], y[:3200], x[3200:], y[3200:]
model = nn.Sequential(nn.LayerNorm(16), nn.Linear(16, 64), nn.GELU(), nn.Linear(64, 5))
opt = torch.optim.AdamW(model.parameters(), lr=cfg["lr"])
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1.0, (s + 1) / cfg["warmup_steps"]))
lossf = nn.CrossEntropyLoss()
step = 0
for _epoch in range(cfg["epochs"]):
    for idx in torch.randperm(len(xtr)).split(cfg["batch_size"]):
        opt.zero_grad()
        loss = lossf(model(xtr[idx]), ytr[idx])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        sched.step()
        step += 1
        if step % 20 == 0:
            print(f"step {step:5d} loss {loss.item():.4f} lr {sched.get_last_lr()[0]:.3g}")
    with torch.no_grad():
        out = model(xva)
        print(
            f"eval step {step} val_loss {lossf(out, yva).item():.4f} val_acc {(out.argmax(1) == yva).float().mean():.4f}"
        )
