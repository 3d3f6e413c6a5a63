"""Healthy trainings, each in one style of logs."""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from . import writers as w
from .cases import healthy
from .trainings import (
    Chars,
    by_epoch,
    corridor,
    cosine,
    digits,
    fit,
    gan,
    mlp,
    norm,
    prices,
    windows,
)


def pick(rows, **names):
    """The columns of rows by new names, left out where a row lacks them."""
    return [{new: row[old] for new, old in names.items() if old in row} for row in rows]


@healthy()
def sgd_noisy(to: Path) -> Path:
    rows = fit(mlp(64, 64, 10), digits(), 600, 0.1, make=torch.optim.SGD)
    return w.csv(to / "log.csv", pick(rows, step="step", loss="loss"))


@healthy()
def batches_of_two(to: Path) -> Path:
    rows = fit(mlp(64, 64, 10), digits(), 1500, 1e-3, batch=2)
    return w.jsonl(to / "train.jsonl", pick(rows, step="step", train_loss="loss", lr="lr"))


@healthy("learning-rate-jump")
def warm_restarts(to: Path) -> Path:
    rows = fit(mlp(64, 64, 10), digits(), 800, lambda s: 5e-3 * (1 + np.cos(np.pi * (s % 200) / 200)) / 2, evals=40)  # fmt: skip
    names = {"loss/train": "loss", "loss/val": "val_loss", "acc/val": "val_acc", "lr": "lr"}
    return w.tfevents(to / "tb", pick(rows, step="step", time="time", **names))


@healthy()
def reinforce(to: Path) -> Path:
    return w.said(to / "out.log", corridor(120, 0.01), "update {step:4d} | return {reward:7.2f} | policy loss {loss:8.3f} | entropy {entropy:.3f}")  # fmt: skip


@healthy()
def gan_line(to: Path) -> Path:
    return w.said(to / "out.log", gan(3000), "[Epoch 0/1] [Batch {step}/3000] [D loss: {loss_d:f}] [G loss: {loss_g:f}]")  # fmt: skip


@healthy("validation-at-chance overfitting not-learning")
def grokking(to: Path) -> Path:
    """Addition modulo 23: learned by heart at once, understood later."""
    p, g = 23, torch.Generator().manual_seed(0)
    pairs = torch.cartesian_prod(torch.arange(p), torch.arange(p))[torch.randperm(p * p, generator=g)]  # fmt: skip
    x = torch.cat([F.one_hot(pairs[:, 0], p), F.one_hot(pairs[:, 1], p)], 1).float()
    y = pairs.sum(1) % p
    rows = fit(mlp(2 * p, 128, p), (x[:300], y[:300], x[300:], y[300:]), 3000, 3e-3, batch=300, every=10, evals=20, make=lambda q, lr: torch.optim.AdamW(q, lr, weight_decay=1.0))  # fmt: skip
    return w.jsonl(to / "log.jsonl", pick(rows, step="step", loss="loss", val_loss="val_loss", val_acc="val_acc"))  # fmt: skip


@healthy()
def density(to: Path) -> Path:
    """A density by likelihood: the loss goes through zero."""
    x, _, x_held, _ = prices()
    x, x_held = x * 0.05, x_held * 0.05

    def nll(out, target):
        mean, log = out.chunk(2, 1)
        return (log + ((target - mean) / log.exp()).square() / 2).mean()

    rows = fit(mlp(8, 32, 16), (x, x, x_held, x_held), 900, 3e-3, loss_of=nll, every=5, evals=100, mean=True)  # fmt: skip
    return w.trainer_state(to / "trainer_state.json", rows, 900)


@healthy()
def dropout_heavy(to: Path) -> Path:
    rows = fit(mlp(64, 256, 256, 10, dropout=0.6), digits(), 1320, 1e-3, evals=44, mean=True)
    names = {"train_loss": "loss", "val_loss": "val_loss", "val_acc": "val_acc"}
    return w.lightning_csv(to, pick(rows, step="step", epoch="epoch", **names))


@healthy()
def curriculum(to: Path) -> Path:
    """More noise from step 400 and from step 800 on: the loss jumps, as it should."""

    def alter(step, x, y):
        return x + (step // 400) * 0.15 * torch.randn_like(x), y

    rows = fit(mlp(64, 128, 10), digits(), 1200, 2e-3, evals=100, every=5, alter=alter)
    return w.nanogpt(to / "out.log", rows)


@healthy()
def restarted_back(to: Path) -> Path:
    """Killed at 700, taken up from the checkpoint of step 600."""
    rows = fit(mlp(64, 64, 10), digits(), 1000, 0.05, make=torch.optim.SGD, evals=50)
    gone = [dict(r) for r in rows[600:700]]
    return w.jsonl(to / "log.jsonl", pick(rows[:700] + gone + rows[700:], step="step", loss="loss", val_loss="val_loss"))  # fmt: skip


@healthy()
def fine_tuned(to: Path) -> Path:
    """A body that knows the digits goes on at a small rate: the loss begins low and hardly moves."""
    model = mlp(64, 64, 10)
    fit(model, digits(), 1500, 2e-3)
    rows = fit(model, digits(), 600, cosine(2e-5, 60, 600), every=10, evals=100, mean=True, seed=1)
    return w.hf_printed(to / "out.log", rows)


@healthy()
def six_rows(to: Path) -> Path:
    rows = by_epoch(fit(mlp(64, 64, 10), digits(), 264, 2e-3, evals=44))
    return w.csv(to / "log.csv", pick(rows, epoch="epoch", train_loss="loss", val_acc="val_acc"))


@healthy()
def one_epoch_lm(to: Path) -> Path:
    data = windows()
    steps = len(data[0]) // 8
    return w.tqdm(to / "out.log", fit(Chars(), data, steps, cosine(3e-3, 20, steps), batch=8), steps)  # fmt: skip


@healthy()
def cosine_to_nothing(to: Path) -> Path:
    rows = fit(mlp(64, 64, 10), digits(), 700, cosine(5e-3, 70, 700), evals=70)
    return w.wandb(to, pick(rows, step="step", **{"train/loss": "loss", "train/lr": "lr", "train/grad_norm": "grad_norm", "val/loss": "val_loss", "val/acc": "val_acc"}))  # fmt: skip


@healthy("not-learning vanishing-gradient")
def plateau_then_falls(to: Path) -> Path:
    """Parity of six bits: nothing for a while, then all at once."""
    g = torch.Generator().manual_seed(1)
    x = torch.randint(0, 2, (1800, 6), generator=g).float()
    y = (x.sum(1) % 2).long()
    rows = fit(mlp(6, 32, 2), (x[:1400] * 2 - 1, y[:1400], x[1400:] * 2 - 1, y[1400:]), 44 * 30, 1.5e-3, evals=44, seed=4)  # fmt: skip
    return w.keras_printed(to / "out.log", by_epoch(rows))


@healthy()
def vae_annealed(to: Path) -> Path:
    """The weight of the divergence rises: so does the loss, for a third of the run."""
    torch.manual_seed(0)
    x, _, x_held, _ = digits()
    inner, outer = mlp(64, 64, 16), mlp(8, 64, 64)
    optimizer = torch.optim.Adam([*inner.parameters(), *outer.parameters()], 2e-3)
    rows = []

    def parts(batch):
        mean, log = inner(batch).chunk(2, 1)
        z = mean + log.exp() * torch.randn_like(log)
        kl = (mean.square() / 2 + log.mul(2).exp() / 2 - log - 0.5).sum(1).mean()
        return F.mse_loss(outer(z), batch, reduction="sum") / len(batch), kl

    for step in range(900):
        weight = min(1.0, step / 300)
        rec, kl = parts(x[torch.randint(0, 1400, (32,))])
        loss = rec + weight * kl
        optimizer.zero_grad(), loss.backward(), optimizer.step()
        row = {"step": step, "loss": loss.item(), "rec": rec.item(), "kl": kl.item(), "beta": weight}  # fmt: skip
        if step % 60 == 59:
            with torch.no_grad():
                row["val_elbo"] = -float(sum(parts(x_held)))
        rows.append(row)
    return w.mlflow(to, rows)


@healthy()
def contrastive(to: Path) -> Path:
    """InfoNCE in batches of 64: begins near ln 64."""
    x, y, _, _ = digits()

    def loss_of(out, _):
        a, b = F.normalize(out, dim=1).chunk(2)
        return F.cross_entropy(a @ b.T / 0.2, torch.arange(len(a)))

    def alter(step, xs, ys):
        return torch.cat([xs + 0.2 * torch.randn_like(xs) for _ in range(2)]), ys

    rows = fit(mlp(64, 64, 16), (x, y, x, y), 500, 1e-3, batch=64, loss_of=loss_of, alter=alter, every=5)  # fmt: skip
    return w.trackio(to, pick(rows, step="step", contrastive_loss="loss", lr="lr"))


@healthy()
def smoothed_labels(to: Path) -> Path:
    """Label smoothing: a floor well above zero."""
    smooth = nn.CrossEntropyLoss(label_smoothing=0.1)
    return w.fairseq(to / "out.log", fit(mlp(64, 128, 10), digits(), 1500, cosine(3e-3, 150, 1500), loss_of=smooth, every=10, evals=150, mean=True))  # fmt: skip


@healthy()
def detector_parts(to: Path) -> Path:
    """Two losses and a score, high gradients while it warms up."""
    rows = fit(mlp(64, 64, 10), digits(), 880, cosine(0.2, 100, 880), make=torch.optim.SGD, every=20, evals=88 * 2, mean=True)  # fmt: skip
    return w.mmdet(to / "out.log", [{**r, "loss_cls": r["loss"] * 0.7, "loss_bbox": r["loss"] * 0.3} for r in rows])  # fmt: skip


@healthy()
def detectron_lines(to: Path) -> Path:
    rows = fit(mlp(64, 64, 10), digits(), 1400, cosine(0.1, 100, 1400), make=torch.optim.SGD, every=20, mean=True, clip=1.0)  # fmt: skip
    return w.detectron2(to / "out.log", rows)


@healthy()
def yolo_csv(to: Path) -> Path:
    rows = by_epoch(fit(mlp(64, 64, 10), digits(), 44 * 60, lambda s: 2e-3 * (1 - s / 2700), evals=44))  # fmt: skip
    return w.ultralytics_csv(to / "results.csv", rows)


@healthy()
def yolo_printed(to: Path) -> Path:
    rows = by_epoch(fit(mlp(64, 64, 10), digits(), 44 * 25, lambda s: 2e-3 * (1 - s / 1200), evals=44, seed=2))  # fmt: skip
    return w.ultralytics_printed(to / "out.log", rows)


@healthy()
def timm_lines(to: Path) -> Path:
    rows = by_epoch(fit(mlp(64, 128, 10, dropout=0.3), digits(), 44 * 30, cosine(4e-3, 150, 44 * 30, 1e-5), evals=44))  # fmt: skip
    return w.timm(to / "out.log", rows)


@healthy()
def rich_healthy(to: Path) -> Path:
    rows = by_epoch(fit(mlp(64, 64, 10), digits(), 44 * 20, 1e-3, evals=44))
    return w.rich_table(to / "out.log", pick(rows, epoch="epoch", loss="loss", **{"val loss": "val_loss", "val acc": "val_acc"}))  # fmt: skip


@healthy()
def physics_residual(to: Path) -> Path:
    """u' = cos: the residual falls over decades with jumps, full batch."""
    torch.manual_seed(0)
    net, t = mlp(1, 32, 32, 1, act=nn.Tanh), torch.linspace(0, 6, 100)[:, None].requires_grad_()
    optimizer, rows = torch.optim.Adam(net.parameters(), 1e-2), []
    for step in range(1500):
        u = net(t)
        (du,) = torch.autograd.grad(u.sum(), t, create_graph=True)
        res, edge = (du - t.cos()).square().mean(), net(torch.zeros(1, 1)).square().sum()
        loss = res + edge
        optimizer.zero_grad(), loss.backward(), optimizer.step()
        if step % 10 == 0:
            rows.append({"step": step, "loss": loss.item(), "res": res.item(), "edge": edge.item()})
    return w.logged(to / "run.log", rows, "it {step} total {loss:.3e} residual {res:.3e} boundary {edge:.3e}")  # fmt: skip


@healthy()
def five_folds(to: Path) -> Path:
    lines = []
    for fold in range(5):
        lines.append(f"===== fold {fold} =====")
        rows = by_epoch(fit(mlp(64, 64, 10), digits(), 44 * 12, 2e-3, evals=44, seed=fold))
        lines += [f"fold {fold} epoch {r['epoch']:2d} loss {r['loss']:.4f} val_loss {r['val_loss']:.4f} acc {r['val_acc']:.3f}" for r in rows]  # fmt: skip
    return w._lines(to / "out.log", lines)


@healthy()
def epochs_and_steps(to: Path) -> Path:
    """Rows of steps and rows of epochs in one file."""
    out = []
    for row in fit(mlp(64, 64, 10), digits(), 440, 2e-3, evals=44, every=4):
        out.append({"global_step": row["step"], "batch_loss": row["loss"]})
        if "val_loss" in row:
            out.append({"epoch": round(row["epoch"]), "valid_loss": row["val_loss"], "valid_accuracy": 100 * row["val_acc"]})  # fmt: skip
    return w.jsonl(to / "log.jsonl", out)


@healthy("not-learning validation-at-chance")
def rare_class(to: Path) -> Path:
    """Ones among the rest: the accuracy begins at .9 and hardly moves, the area under the curve does."""
    from sklearn.metrics import roc_auc_score

    x, y, x_held, y_held = digits()
    y, y_held = (y == 8).long(), (y_held == 8).long()
    model, rows = mlp(64, 16, 2), []
    for epoch in range(20):
        part = fit(model, (x, y, x_held, y_held), 44, 3e-4, evals=44, seed=epoch)
        with torch.no_grad():
            score = roc_auc_score(y_held, model(x_held).softmax(1)[:, 1])
        rows.append({"epoch": epoch, "train_loss": float(np.mean([r["loss"] for r in part])), "val_loss": part[-1]["val_loss"], "val_accuracy": part[-1]["val_acc"], "val_auc": score})  # fmt: skip
    return w.csv(to / "history.csv", rows, lambda v: f"{v:.5f}")


@healthy()
def tiny_validation(to: Path) -> Path:
    """Twelve rows to validate on."""
    x, y, x_held, y_held = digits()
    rows = fit(mlp(64, 64, 10), (x, y, x_held[:12], y_held[:12]), 880, 1e-3, evals=22, mean=True)
    return w.csv(to / "log.csv", pick(rows, step="step", loss="loss", val_loss="val_loss", val_acc="val_acc"))  # fmt: skip


@healthy("hidden-nan")
def triplets(to: Path) -> Path:
    """A margin: the loss is exactly zero ever more often."""
    x, y, _, _ = digits()

    def loss_of(out, ys):
        d = torch.cdist(out, out)
        same = ys[:, None] == ys
        return F.relu((d * same).max(1).values - (d + 1e3 * same).min(1).values + 0.2).mean()

    rows = fit(mlp(64, 64, 16), (x, y, x, y), 1200, 1e-3, loss_of=loss_of, batch=16, every=2)
    return w.said(to / "out.log", rows, "[{step}] triplet loss: {loss:.4f}  |g|={grad_norm:.3f}")


@healthy("initial-loss")
def summed(to: Path) -> Path:
    """A loss that is a sum over a thousand rows."""
    data = prices()
    rows = fit(mlp(8, 64, 1), data, 500, 1e-3, batch=1000, loss_of=nn.MSELoss(reduction="sum"), every=5, evals=50)  # fmt: skip
    return w.said(to / "out.log", rows, "step={step};objective={loss:.1f};step_size={lr:g}", "held_out_objective={val_loss:.1f}")  # fmt: skip


@healthy()
def clipped_lm(to: Path) -> Path:
    """High norms while it warms up, clipped."""
    rows = fit(Chars(), windows(), 500, cosine(1e-2, 100, 500), batch=16, clip=0.25, every=2, evals=100)  # fmt: skip
    return w.tfevents(to / "tb", pick(rows, step="step", time="time", **{"train/loss": "loss", "train/grad_norm": "grad_norm", "train/learning_rate": "lr", "eval/loss": "val_loss"}))  # fmt: skip


@healthy()
def adversarial_domains(to: Path) -> Path:
    """Features that are to hide where rows come from: that loss is to rise to ln 2."""
    torch.manual_seed(0)
    x, y, x_held, y_held = digits()
    where = (torch.arange(1400) % 2).long()
    x = x + 0.5 * where[:, None] * torch.ones(64)
    body, head, spy = mlp(64, 64, 32), mlp(32, 10), mlp(32, 32, 2)
    optimizer = torch.optim.Adam([*body.parameters(), *head.parameters()], 1e-3)
    other, rows = torch.optim.Adam(spy.parameters(), 1e-3), []
    for step in range(900):
        at = torch.randint(0, 1400, (64,))
        f = body(x[at]).relu()
        loss_y, loss_d = F.cross_entropy(head(f), y[at]), F.cross_entropy(spy(f), where[at])
        other.zero_grad(), optimizer.zero_grad()
        (loss_y - 0.3 * min(1, step / 300) * loss_d).backward()
        optimizer.step()
        other.zero_grad(), F.cross_entropy(spy(f.detach()), where[at]).backward(), other.step()
        row = {"step": step, "label_loss": loss_y.item(), "domain_loss": loss_d.item()}
        if step % 60 == 0:
            with torch.no_grad():
                row["target_acc"] = float((head(body(x_held).relu()).argmax(1) == y_held).float().mean())  # fmt: skip
        rows.append(row)
    return w.jsonl(to / "log.jsonl", rows)


@healthy()
def slow_checkpoints(to: Path) -> Path:
    """Every hundredth row comes four minutes later: an evaluation and a checkpoint."""
    rows = fit(mlp(64, 64, 10), digits(), 900, 1e-3, pace=0.6)
    late = 0.0
    for row in rows:
        late += 240 if row["step"] % 100 == 1 and row["step"] > 1 else 0
        row["time"] += late
    return w.csv(to / "log.csv", pick(rows, timestamp="time", step="step", loss="loss"), lambda v: f"{v:.3f}")  # fmt: skip


@healthy()
def clock_set(to: Path) -> Path:
    """The laptop sleeps for 24 hours: the wall clock jumps, and no step took longer."""
    rows = fit(mlp(64, 64, 10), digits(), 900, 1e-3)
    for row in rows[500:]:
        row["time"] += 86_400
    return w.jsonl(to / "log.jsonl", pick(rows, ts="time", step="step", loss="loss", step_time="seconds"))  # fmt: skip


@healthy()
def caches_fill(to: Path) -> Path:
    """Memory grows for an epoch while a cache fills, and no further."""
    rows = fit(mlp(64, 64, 10), digits(), 600, 1e-3, every=2)
    for row in rows:
        row["mb"] = 1200 + 900 * (1 - np.exp(-row["step"] / 60)) + np.sin(row["step"]) * 8
    return w.csv(to / "log.csv", pick(rows, step="step", loss="loss", rss_mb="mb"), lambda v: f"{v:.4f}")  # fmt: skip


@healthy("learning-rate-exhausted")
def falls_on_plateaus(to: Path) -> Path:
    rows = fit(mlp(8, 64, 1), prices(), 1800, lambda s: 0.02 * 0.3 ** (s // 400), loss_of=F.mse_loss, every=4, evals=60)  # fmt: skip
    return w.parquet(to / "log.parquet", pick(rows, step="step", train_mse="loss", valid_mse="val_loss", lr="lr"))  # fmt: skip


@healthy()
def preferences(to: Path) -> Path:
    """DPO on a policy of 20 answers: the loss leaves ln 2, both rewards fall, their margin grows."""
    torch.manual_seed(0)
    base = torch.randn(50, 20)
    policy = base.clone().requires_grad_()
    optimizer, rows = torch.optim.Adam([policy], 5e-3), []
    worth = torch.randn(20)
    for step in range(300):
        p = torch.randint(0, 50, (64,))
        a, b = torch.randint(0, 20, (2, 64))
        good, bad = torch.where(worth[a] > worth[b], a, b), torch.where(worth[a] > worth[b], b, a)
        now, then = policy.log_softmax(1), base.log_softmax(1)
        chosen, rejected = (0.1 * (now[p, k] - then[p, k]) for k in (good, bad))
        loss = -F.logsigmoid(chosen - rejected).mean()
        optimizer.zero_grad(), loss.backward(), optimizer.step()
        rows.append({"loss": loss.item(), "grad_norm": norm([policy]), "learning_rate": 5e-3, "rewards/chosen": float(chosen.mean()), "rewards/rejected": float(rejected.mean()), "rewards/accuracies": float((chosen > rejected).float().mean()), "rewards/margins": float((chosen - rejected).mean()), "epoch": step / 100})  # fmt: skip
    return w._lines(to / "out.log", [str(r) for r in rows])


@healthy()
def two_ranks(to: Path) -> Path:
    rows = fit(mlp(64, 64, 10), digits(), 500, 1e-3)
    g = np.random.default_rng(0)
    out = [{"step": r["step"], "rank": k, "loss": r["loss"] * float(np.exp(g.normal(0, 0.1)))} for r in rows for k in (0, 1)]  # fmt: skip
    return w.jsonl(to / "log.jsonl", out)


@healthy("overfitting")
def stopped_early(to: Path) -> Path:
    """The validation gets no better for five epochs and the trainer stops: all as meant."""
    x, y, x_held, y_held = prices()
    rows = by_epoch(fit(mlp(8, 128, 1), (x[:600], y[:600], x_held, y_held), 18 * 40, 3e-3, loss_of=F.mse_loss, evals=18))  # fmt: skip
    best = min(range(len(rows)), key=lambda i: rows[i]["val_loss"])
    return w.csv(to / "history.csv", pick(rows[: best + 6], epoch="epoch", loss="loss", val_loss="val_loss"))  # fmt: skip
