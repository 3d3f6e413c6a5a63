"""Small real trainings, seconds each, that give back rows of what a trainer would log."""

import math
import random
from collections.abc import Callable
from functools import cache
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

torch.set_num_threads(1)
Rows = list[dict]


@cache
def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """1,400 images of 64 pixels and their labels, and 397 held out."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(3).permutation(len(x))
    x = torch.from_numpy(x[order] / 16).float()
    y = torch.from_numpy(y[order]).long()
    return x[:1400], y[:1400], x[1400:], y[1400:]


@cache
def prices() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A regression of 8 columns with noise, 2,000 rows and 400 held out, in units of its deviation."""
    g = torch.Generator().manual_seed(5)
    x = torch.randn(2400, 8, generator=g)
    y = (x[:, 0] * x[:, 1] + x[:, 2].sin() + 0.3 * x[:, 3:].sum(1))[:, None]
    y = y + 0.3 * torch.randn(2400, 1, generator=g)
    y = (y - y.mean()) / y.std()
    return x[:2000], y[:2000], x[2000:], y[2000:]


@cache
def text() -> Tensor:
    """Characters of a made-up language, as numbers below 28."""
    g = random.Random(1)
    stems = ["".join(g.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(g.randint(2, 6))) for _ in range(120)]  # fmt: skip
    words = [g.choice(stems) + g.choice(["", "s", "ing", "ed"]) for _ in range(9000)]
    return torch.tensor([".abcdefghijklmnopqrstuvwxyz ".index(c) for c in " ".join(words)])


def mlp(*sizes: int, dropout: float = 0.0, act: type = nn.ReLU) -> nn.Sequential:
    """Linear layers with an activation, and perhaps dropout, between them."""
    parts: list[nn.Module] = []
    for a, b in pairwise(sizes[:-1]):
        parts += [nn.Linear(a, b), act()] + ([nn.Dropout(dropout)] if dropout else [])
    return nn.Sequential(*parts, nn.Linear(*sizes[-2:]))


class Chars(nn.Module):
    """A GRU over characters."""

    def __init__(self, size: int = 64):
        super().__init__()
        self.table, self.gru = nn.Embedding(28, size), nn.GRU(size, size, batch_first=True)
        self.head = nn.Linear(size, 28)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.gru(self.table(x))[0]).transpose(1, 2)


def windows(size: int = 33, held: int = 4000) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Windows of the text: inputs and next characters, to train on and held out."""
    rows = text()[: len(text()) // size * size].view(-1, size)
    few = held // size
    return rows[:-few, :-1], rows[:-few, 1:], rows[-few:, :-1], rows[-few:, 1:]


def norm(parameters) -> float:
    """The norm of all gradients."""
    return math.sqrt(sum(float(p.grad.square().sum()) for p in parameters if p.grad is not None))


def cosine(top: float, warm: int, end: int, least: float = 0.0) -> Callable[[int], float]:
    """A warm-up and a cosine down to `least`."""
    return lambda s: (
        top * (s + 1) / warm
        if s < warm
        else least + (top - least) * (1 + math.cos(math.pi * min(1, (s - warm) / (end - warm)))) / 2
    )


def fit(
    model: nn.Module,
    data: tuple,
    steps: int,
    lr: float | Callable[[int], float] = 1e-3,
    *,
    make=torch.optim.Adam,
    batch: int = 32,
    loss_of=F.cross_entropy,
    every: int = 1,
    evals: int = 0,
    before=None,
    alter=None,
    clip: float = 0.0,
    seed: int = 0,
    mean: bool = False,
    start: int = 0,
    pace: float = 0.1,
) -> Rows:
    """Rows of a training: step, epoch, loss, lr, grad_norm, seconds of the step, time, and at evaluations val_loss, val_acc.

    `before(step, model, optimizer)` is called in front of each step; `alter(step, x, y)` gives other
    batches. With `mean` the loss of a row is the mean since the last. The clock is drawn: `pace` seconds a
    step, within 4 %, for no step of a busy machine takes as long as the next.
    """
    torch.manual_seed(seed)
    g, order = np.random.default_rng(seed), []
    x, y, x_held, y_held = data
    rate = lr if callable(lr) else lambda _: lr
    optimizer = make(model.parameters(), lr=rate(start))
    rows, since, clock, per_epoch = [], [], 1.7e9, max(1, len(x) // batch)
    for step in range(start, start + steps):
        if not order:
            order = list(torch.randperm(len(x)).split(batch))[:per_epoch]
        if before:
            before(step, model, optimizer)
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        xs, ys = x[rows_ := order.pop()], y[rows_]
        if alter:
            xs, ys = alter(step, xs, ys)
        model.train()
        loss = loss_of(model(xs), ys)
        optimizer.zero_grad()
        loss.backward()
        size = norm(model.parameters())
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        seconds = pace * float(np.exp(g.normal(0, 0.04)))
        clock += seconds
        since.append(loss.item())
        if (step + 1) % every == 0:
            row = {"step": step + 1, "epoch": (step + 1) / per_epoch, "loss": float(np.mean(since)) if mean else since[-1], "lr": rate(step), "grad_norm": size, "seconds": seconds, "time": clock}  # fmt: skip
            since = []
            if evals and (step + 1) % evals == 0:
                row |= judge(model, x_held, y_held, loss_of)
                clock += 3 * pace
            rows.append(row)
    return rows


@torch.no_grad()
def judge(model: nn.Module, x: Tensor, y: Tensor, loss_of=F.cross_entropy) -> dict:
    """Loss on held-out rows, and accuracy where there are classes."""
    model.eval()
    out = model(x)
    row = {"val_loss": float(loss_of(out, y))}
    if y.dtype == torch.long:
        row["val_acc"] = float((out.argmax(1) == y).float().mean())
    return row


def by_epoch(rows: Rows) -> Rows:
    """One row an evaluation, with the mean of the losses since the last."""
    out, since = [], []
    for row in rows:
        since.append(row["loss"])
        if "val_loss" in row:
            out.append({**row, "loss": float(np.mean(since)), "epoch": len(out) + 1})
            since = []
    return out


def corridor(updates: int, lr=0.05, seed: int = 0, spoil: int | None = None) -> Rows:
    """REINFORCE in a corridor of ten: mean reward, length and entropy of each update."""
    torch.manual_seed(seed)
    g = np.random.default_rng(seed)
    policy = mlp(10, 32, 2)
    optimizer = torch.optim.Adam(policy.parameters(), lr)
    rows: Rows = []
    for update in range(updates):
        if update == spoil:
            for group in optimizer.param_groups:
                group["lr"] = 3.0
        logs, rewards = [], []
        for _ in range(8):
            place, total, kept = 2, 0.0, []
            for _ in range(30):
                p = torch.distributions.Categorical(logits=policy(F.one_hot(torch.tensor(place), 10).float()))  # fmt: skip
                move = p.sample()
                kept.append(p.log_prob(move))
                place = min(9, max(0, place + (1 if move else -1)))
                total += g.normal(0, 0.3) - 0.1
                if place in (0, 9):
                    total += 10.0 if place == 9 else -1.0
                    break
            logs.append(torch.stack(kept).sum())
            rewards.append(total)
        gain = torch.tensor(rewards) - np.mean(rewards)
        loss = -(torch.stack(logs) * gain).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rows.append({"step": update + 1, "loss": loss.item(), "reward": float(np.mean(rewards)), "entropy": float(p.entropy())})  # fmt: skip
    return rows


def gan(steps: int, every: int = 10) -> Rows:
    """A GAN on a mixture in one dimension."""
    torch.manual_seed(2)
    g, d = mlp(4, 32, 1), mlp(1, 32, 1)
    slow = torch.optim.Adam(g.parameters(), 1e-3, betas=(0.5, 0.9))
    fast = torch.optim.Adam(d.parameters(), 1e-3, betas=(0.5, 0.9))
    say, rows = F.binary_cross_entropy_with_logits, []
    one, zero = torch.ones(64, 1), torch.zeros(64, 1)
    for step in range(steps):
        real = torch.randn(64, 1) * 0.3 + torch.randint(0, 2, (64, 1)) * 4 - 2
        fake = g(torch.randn(64, 4))
        loss_d = say(d(real), one) + say(d(fake.detach()), zero)
        fast.zero_grad(), loss_d.backward(), fast.step()
        loss_g = say(d(fake), one)
        slow.zero_grad(), loss_g.backward(), slow.step()
        if step % every == 0:
            rows.append({"step": step, "loss_d": loss_d.item(), "loss_g": loss_g.item()})
    return rows
