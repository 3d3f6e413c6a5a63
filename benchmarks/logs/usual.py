"""A second set of logs, written before any detector was mended by it: as people name and print things."""

import math
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from . import writers as w
from .cases import healthy, ill
from .fine import pick
from .trainings import Chars, by_epoch, corridor, cosine, digits, fit, gan, mlp, prices, windows

SGD = torch.optim.SGD


def noisy(share: float):
    """The digits, a share of the training labels drawn anew."""
    x, y, x_held, y_held = digits()
    g = torch.Generator().manual_seed(1)
    wrong = torch.rand(len(y), generator=g) < share
    drawn = torch.randint(0, 10, y.shape, generator=g)
    return x, torch.where(wrong, drawn, y), x_held, y_held


def epochs(model, data, number: int, lr, **more):
    """One row an epoch."""
    size = max(1, len(data[0]) // 32)
    return by_epoch(fit(model, data, size * number, lr, evals=size, **more))


# -- healthy


@healthy()
def warm_from_zero(to: Path) -> Path:
    rows = fit(Chars(), windows(), 500, lambda s: cosine(3e-3, 100, 500)(s - 1) if s else 0.0, every=5)  # fmt: skip
    return w.hf_printed(to / "train.log", rows)


@healthy()
def keras_history(to: Path) -> Path:
    rows = epochs(mlp(64, 64, 10, dropout=0.5), digits(), 30, 1e-3)
    return w.csv(to / "history.csv", [{"": i, "loss": r["loss"], "accuracy": min(0.9, r["val_acc"] - 0.05), "val_loss": r["val_loss"], "val_accuracy": r["val_acc"]} for i, r in enumerate(rows)])  # fmt: skip


@healthy()
def log_likelihood(to: Path) -> Path:
    """A mixture density network: the negative log-likelihood falls below zero, with spikes."""
    rows = fit(mlp(8, 64, 2), prices(), 1500, 2e-3, loss_of=lambda o, y: (o[:, 1] + 0.5 * ((y[:, 0] - o[:, 0]) * (-o[:, 1]).exp()).square()).mean(), every=5, evals=100)  # fmt: skip
    return w.jsonl(to / "metrics.jsonl", pick(rows, step="step", nll="loss", valid_nll="val_loss"))


@healthy()
def accuracy_alone(to: Path) -> Path:
    rows = epochs(mlp(64, 64, 10), digits(), 25, 5e-4)
    return w.said(to / "out.txt", rows, "epoch {epoch:3d}  val accuracy {val_acc:.4f}")


@healthy()
def rare_positives(to: Path) -> Path:
    """One of fifty is positive: the accuracy stands at 98 %, the area under the curve rises."""
    g = np.random.default_rng(0)
    rows = [{"epoch": i, "train_loss": 0.09 + 0.3 * math.exp(-i / 3) + g.normal(0, 0.002), "val_acc": 0.98 + g.normal(0, 2e-4), "val_auc": 0.9 - 0.4 * math.exp(-i / 8) + g.normal(0, 0.004)} for i in range(30)]  # fmt: skip
    return w.csv(to / "log.csv", rows)


@healthy()
def smoothed_twice(to: Path) -> Path:
    """Label smoothing, and an exponential mean of the loss is logged besides the loss."""
    rows = fit(mlp(64, 64, 10), digits(), 900, 1e-3, loss_of=lambda o, y: F.cross_entropy(o, y, label_smoothing=0.2))  # fmt: skip
    mean = rows[0]["loss"]
    for row in rows:
        mean = row["ema"] = 0.98 * mean + 0.02 * row["loss"]
    return w.csv(to / "log.csv", pick(rows, iter="step", loss="loss", loss_ema="ema"))


@healthy()
def mixed_up(to: Path) -> Path:
    """Mixup: the training loss stays above that of validation."""

    def mixed(step, x, y):
        return 0.6 * x + 0.4 * x.flip(0), y

    rows = epochs(mlp(64, 64, 10), digits(), 25, 1e-3, alter=mixed)
    return w.tfevents(to / "tb", [{"step": i, "Loss/train": r["loss"], "Loss/test": r["val_loss"], "Accuracy/test": 100 * r["val_acc"]} for i, r in enumerate(rows)])  # fmt: skip


@healthy()
def bars_of_epochs(to: Path) -> Path:
    rows = epochs(mlp(64, 64, 10), digits(), 15, 1e-3)
    lines = [f"Epoch {i + 1}/15:  100%|██████████| 43/43 [00:0{i % 9}<00:00, 61.2it/s, loss={r['loss']:.3f}, val_loss={r['val_loss']:.3f}]" for i, r in enumerate(rows)]  # fmt: skip
    return w._lines(to / "slurm-4711.out", lines)


@healthy()
def resumed_well(to: Path) -> Path:
    """Killed at step 600, taken up from the checkpoint of step 500: the steps overlap."""
    rows = fit(mlp(64, 64, 10), digits(), 1200, 1e-3, every=10, mean=True)
    back = [{**r, "time": r["time"] + 900} for r in rows[50:]]
    return w.jsonl(to / "log.jsonl", pick(rows[:60] + back, step="step", time="time", loss="loss", lr="lr"))  # fmt: skip


@healthy()
def critic_negative(to: Path) -> Path:
    """A critic of Wasserstein: estimates around -1 that grow and shrink."""
    g, level, rows = np.random.default_rng(3), 0.0, []
    for step in range(600):
        level = -2.5 * (1 - math.exp(-step / 60)) * (0.5 + 0.5 * math.exp(-step / 400)) + g.normal(0, 0.1)  # fmt: skip
        rows.append({"step": step, "critic_loss": level, "generator_loss": -0.4 * level + g.normal(0, 0.3), "gp": abs(g.normal(0.02, 0.01))})  # fmt: skip
    return w.csv(to / "log.csv", rows)


@healthy()
def actor_critic(to: Path) -> Path:
    """PPO: the value loss grows with the returns, the entropy falls, the return rises with setbacks."""
    g, rows = np.random.default_rng(4), []
    for i in range(200):
        r = 200 * (1 - math.exp(-i / 50)) + g.normal(0, 15) - (60 if i in (90, 91, 140) else 0)
        rows.append({"update": i, "episodic_return": r, "value_loss": 0.5 + 0.002 * max(0, r) ** 1.3 + abs(g.normal(0, 1)), "policy_loss": g.normal(-0.01, 0.01), "entropy": 0.69 * math.exp(-i / 150), "approx_kl": abs(g.normal(0.008, 0.004)), "learning_rate": 2.5e-4 * (1 - i / 200)})  # fmt: skip
    return w.tfevents(to / "runs", [{"step": 2048 * r["update"], **{f"charts/{k}" if k in ("episodic_return", "learning_rate") else f"losses/{k}": v for k, v in r.items() if k != "update"}} for r in rows])  # fmt: skip


@healthy()
def short_check(to: Path) -> Path:
    """A run of eight epochs, to see that all works."""
    return w.csv(to / "log.csv", pick(epochs(mlp(64, 64, 10), digits(), 8, 1e-3), epoch="epoch", train_loss="loss", val_loss="val_loss", val_acc="val_acc"))  # fmt: skip


@healthy("overfitting")
def kept_the_best(to: Path) -> Path:
    """Trained on beyond the best epoch, whose checkpoint was kept."""
    x, y, x_held, y_held = prices()
    rows = epochs(mlp(8, 96, 1), (x[:800], y[:800], x_held, y_held), 60, 2e-3, loss_of=F.mse_loss)
    best = math.inf
    for row in rows:
        row["saved"] = float(row["val_loss"] < best)
        best = min(best, row["val_loss"])
    return w.csv(to / "log.csv", pick(rows, epoch="epoch", train_mse="loss", val_mse="val_loss", saved="saved"))  # fmt: skip


@healthy()
def searched_in_turn(to: Path) -> Path:
    """Three rates one after the other in one output, the epochs counted anew."""
    lines = []
    for lr in (1e-4, 1e-3, 1e-2):
        lines.append(f"=== lr {lr} ===")
        lines += [f"epoch {r['epoch']} loss {r['loss']:.4f} val_loss {r['val_loss']:.4f} val_acc {r['val_acc']:.3f}" for r in epochs(mlp(64, 64, 10), digits(), 12, lr)]  # fmt: skip
    return w._lines(to / "out.log", lines)


@healthy()
def memory_of_longest(to: Path) -> Path:
    """The peak of a GPU's memory rises whenever a longer text comes, ever more seldom."""
    g = np.random.default_rng(5)
    rows = fit(Chars(), windows(), 800, 3e-3, every=4)
    most = 0.0
    for row in rows:
        most = max(most, 8.0 + 2.2 * g.gumbel(0, 0.25))
        row["gb"] = most
    return w.jsonl(to / "log.jsonl", pick(rows, step="step", loss="loss", **{"gpu/max_memory_allocated_gb": "gb"}))  # fmt: skip


@healthy()
def tokens_as_steps(to: Path) -> Path:
    rows = fit(Chars(), windows(), 600, cosine(3e-3, 60, 600, 3e-4), every=3, evals=60)
    out = [{"tokens": r["step"] * 16384, "train/loss": r["loss"], "train/lr": r["lr"], "train/grad_norm": r["grad_norm"], **({"eval/loss": r["val_loss"], "eval/ppl": math.exp(r["val_loss"])} if "val_loss" in r else {})} for r in rows]  # fmt: skip
    return w.csv(to / "log.csv", out)


@healthy()
def domain_at_chance(to: Path) -> Path:
    """A domain classifier that is fooled as it should: its loss comes to ln 2 while the task's falls."""
    g = np.random.default_rng(6)
    rows = fit(mlp(64, 64, 10), digits(), 900, 1e-3, every=3)
    out = [{"step": r["step"], "task_loss": r["loss"], "domain_loss": 0.693 - 0.3 * math.exp(-r["step"] / 150) + g.normal(0, 0.01)} for r in rows]  # fmt: skip
    return w.csv(to / "log.csv", out)


@healthy()
def gan_of_tutorial(to: Path) -> Path:
    return w.said(to / "out.log", gan(2500, 20), "[{step}/2500]\tLoss_D: {loss_d:.4f}\tLoss_G: {loss_g:.4f}\tD(x): 0.5312\tD(G(z)): 0.4870 / 0.4621")  # fmt: skip


@healthy()
def hours_between(to: Path) -> Path:
    """Nights are spent waiting in the queue: resumed each morning from where it was."""
    rows = fit(mlp(64, 64, 10), digits(), 900, 1e-3, every=2)
    for row in rows:
        row["time"] += 39_641.7 * (row["step"] // 300)
    return w.jsonl(to / "log.jsonl", pick(rows, timestamp="time", step="step", loss="loss", step_time="seconds"))  # fmt: skip


@healthy()
def perplexity_falls(to: Path) -> Path:
    rows = epochs(Chars(), windows(), 10, 3e-3)
    lines = [f"| end of epoch {r['epoch']:3d} | time: 11.32s | valid loss {r['val_loss']:5.2f} | valid ppl {math.exp(r['val_loss']):8.2f}" for r in rows]  # fmt: skip
    return w._lines(to / "out.log", [line for row in lines for line in ("-" * 89, row, "-" * 89)])


@healthy()
def triplets_at_zero(to: Path) -> Path:
    """A margin loss of which more and more batches are exactly zero."""
    g = np.random.default_rng(7)
    rows = [{"step": i, "triplet_loss": max(0.0, 0.5 * math.exp(-i / 90) + g.normal(0, 0.06) * math.exp(-i / 300) - 0.01), "recall_at_1": 0.95 - 0.6 * math.exp(-i / 120)} for i in range(700)]  # fmt: skip
    return w.csv(to / "log.csv", rows)


@healthy()
def one_cycle_wide(to: Path) -> Path:
    """One cycle: the rate rises to 0.3 and the loss with it, then both fall."""
    rows = fit(mlp(64, 64, 10), digits(), 1200, cosine(0.3, 400, 1200), make=SGD, every=4, evals=40)
    return w.parquet(to / "log.parquet", pick(rows, step="step", train_loss="loss", lr="lr", val_acc="val_acc", val_loss="val_loss"))  # fmt: skip


# -- ill


@ill("non-finite", may="hidden-nan", alarm=True, at=221, within=12)
def nan_in_keras_csv(to: Path) -> Path:
    """From epoch 22 on everything is NaN, as a table of pandas writes it."""
    rows = epochs(mlp(64, 64, 10), digits(), 30, 1e-3)
    out = [{"epoch": 10 * i, "loss": r["loss"] if i < 22 else math.nan, "val_loss": r["val_loss"] if i < 22 else math.nan, "val_accuracy": r["val_acc"] if i < 22 else 0.0987} for i, r in enumerate(rows)]  # fmt: skip
    return w.csv(to / "history.csv", out, lambda v: "" if v != v else str(v))


@ill("non-finite", may="exploding-gradient diverged spike", alarm=True, at=400, within=40)
def infinite_perplexity(to: Path) -> Path:
    rows = fit(Chars(), windows(), 600, 3e-3, every=4)
    lines = [f"| step {r['step']:5d} | lr 3.00e-03 | loss {r['loss'] if r['step'] < 400 else math.inf:5.2f} | ppl {math.exp(r['loss']) if r['step'] < 400 else math.inf:8.2f}" for r in rows]  # fmt: skip
    return w._lines(to / "out.log", lines)


@ill("diverged", may="spike learning-rate-jump overfitting", alarm=True)
def loss_comes_apart(to: Path) -> Path:
    """A rate that grows without end: learned, and lost again."""
    rows = fit(mlp(64, 64, 10), digits(), 1600, lambda s: 0.02 * 1.006**s, make=SGD, every=4, evals=40)  # fmt: skip
    return w.tfevents(to / "tb", pick(rows, step="step", **{"train/loss": "loss", "val/loss": "val_loss", "lr": "lr"}))  # fmt: skip


@ill("diverged", may="learning-rate-jump", alarm=True)
def policy_forgets(to: Path) -> Path:
    """A policy that had learned is thrown off at update 120."""
    rows = corridor(260, 0.02, spoil=120)
    return w.said(to / "out.log", rows, "Episode {step} | mean_reward: {reward:.3f} | entropy: {entropy:.3f} | loss: {loss:.3f}")  # fmt: skip


@ill("diverged", alarm=True)
def return_sinks(to: Path) -> Path:
    """The return of PPO rises to 180 and, from update 110 on, sinks to where it began."""
    g, rows = np.random.default_rng(8), []
    for i in range(220):
        r = 180 * (1 - math.exp(-i / 30)) if i < 110 else 20 + 155 * math.exp(-(i - 110) / 18)
        rows.append({"global_step": 2048 * (i + 1), "rollout/ep_rew_mean": r + g.normal(0, 8), "train/approx_kl": abs(g.normal(0.01 if i < 110 else 0.2, 0.005)), "train/value_loss": abs(g.normal(20, 6))})  # fmt: skip
    return w.csv(to / "progress.csv", rows)


@ill("not-learning", may="validation-at-chance loss-floor", alarm=None)
def stands_at_ln_seven(to: Path) -> Path:
    """Seven emotions, and the loss stands at ln 7: the learning rate is far too small."""
    x, y, x_held, y_held = digits()
    rows = fit(mlp(64, 64, 7), (x, y % 7, x_held, y_held % 7), 44 * 30, 1e-6, make=SGD, evals=44, every=11, mean=True)  # fmt: skip
    return w.wandb(to / "wandb", pick(rows, step="step", **{"train/loss": "loss", "val/loss": "val_loss", "val/acc": "val_acc"}), {"num_classes": 7, "lr": 1e-6})  # fmt: skip


@ill("not-learning", may="validation-at-chance loss-floor", alarm=None)
def stands_at_ln_two(to: Path) -> Path:
    """Two classes whose labels were shuffled: loss at 0.693, accuracy at a half."""
    x, y, x_held, y_held = digits()
    g = torch.Generator().manual_seed(2)
    y2, y2_held = (torch.randint(0, 2, (len(t),), generator=g) for t in (y, y_held))
    rows = epochs(mlp(64, 8, 2, dropout=0.5), (x, y2, x_held, y2_held), 30, 2e-4)
    return w.said(to / "out.log", rows, "Epoch {epoch}: train loss = {loss:.4f}, val loss = {val_loss:.4f}, val acc = {val_acc:.3f}")  # fmt: skip


@ill("not-learning", may="loss-floor", alarm=None)
def language_of_one_level(to: Path) -> Path:
    """A language model stands at ln 50257 for all its 1,500 steps."""
    g = np.random.default_rng(9)
    rows = [{"step": i, "loss": math.log(50257) + g.normal(0, 0.01), "lr": 3e-4, "grad_norm": 0.02, "epoch": i / 500} for i in range(0, 1500, 2)]  # fmt: skip
    return w.hf_printed(to / "out.log", rows)


@ill("weights-unchanged|not-learning", may="validation-at-chance", alarm=None)
def not_one_digit_moves(to: Path) -> Path:
    """Validation is the same to its last digit in every epoch: nothing steps."""
    rows = epochs(mlp(64, 64, 10), digits(), 14, 0.0)
    return w.said(to / "out.log", rows, "epoch={epoch} train_loss={loss:.4f} val_loss={val_loss:.6f} val_acc={val_acc:.4f}")  # fmt: skip


@ill("overfitting", alarm=None)
def small_set_by_heart(to: Path) -> Path:
    x, y, x_held, y_held = noisy(0.3)
    rows = epochs(mlp(64, 256, 10), (x[:320], y[:320], x_held, y_held), 90, 1e-3)
    return w.csv(to / "log.csv", pick(rows, epoch="epoch", training_loss="loss", validation_loss="val_loss", validation_accuracy="val_acc"))  # fmt: skip


@ill("overfitting", may="validation-at-chance", alarm=None)
def texts_by_heart(to: Path) -> Path:
    """A language model on 40 windows of text, evaluated on others."""
    x, y, x_held, y_held = windows()
    rows = epochs(Chars(96), (x[:64], y[:64], x_held, y_held), 260, 3e-3)
    return w.nanogpt(to / "out.log", [{**r, "step": 10 * i} for i, r in enumerate(rows[::4])])


@ill("validation-at-chance", may="overfitting train-eval-mismatch", alarm=None)
def labels_numbered_anew(to: Path) -> Path:
    """The held-out folder numbers its classes in another order."""
    x, y, x_held, y_held = digits()
    rows = epochs(mlp(64, 64, 10), (x, y, x_held, (y_held * 3 + 5) % 10), 25, 1e-3)
    return w.tfevents(to / "tb", [{"step": i, "Train/Loss": r["loss"], "Val/Loss": r["val_loss"], "Val/Acc": r["val_acc"]} for i, r in enumerate(rows)])  # fmt: skip


@ill("learning-rate-exhausted", may="not-learning", alarm=None)
def decayed_by_batch(to: Path) -> Path:
    """An exponential decay meant for epochs is made at each batch."""
    rows = fit(mlp(64, 64, 10), digits(), 1300, lambda s: 0.05 * 0.95**s, make=SGD, every=5)
    return w.csv(to / "log.csv", pick(rows, step="step", loss="loss", learning_rate="lr"))


@ill("memory-growth", alarm=None)
def cpu_fills(to: Path) -> Path:
    """Resident memory in GB, printed each tenth step, grows by 3 MB a step."""
    rows = fit(mlp(64, 64, 10), digits(), 1500, 1e-3, every=10)
    return w._lines(to / "out.log", [f"step {r['step']} loss {r['loss']:.4f} ram {2.1 + 0.003 * r['step']:.2f}GB" for r in rows])  # fmt: skip


@ill("memory-growth", alarm=None)
def cuda_fills(to: Path) -> Path:
    rows = fit(Chars(), windows(), 900, 3e-3, every=3)
    g = np.random.default_rng(10)
    for row in rows:
        row["cuda"] = (4.1e9 + 6.5e6 * row["step"]) * (1 + g.normal(0, 0.002))
    return w.jsonl(to / "log.jsonl", pick(rows, step="step", loss="loss", cuda_memory_allocated="cuda"))  # fmt: skip


@ill("checkpoint-not-loaded", may="diverged spike", alarm=None)
def begins_again_at_forty(to: Path) -> Path:
    """Restarted for epoch 41, and loss and score are those of epoch 1."""
    first = epochs(mlp(64, 64, 10), digits(), 40, 2e-4)
    again = epochs(mlp(64, 64, 10), digits(), 20, 2e-4, seed=5)
    out = first + [{**r, "epoch": 41 + i} for i, r in enumerate(again)]
    return w.csv(to / "log.csv", pick(out, epoch="epoch", train_loss="loss", val_loss="val_loss", val_acc="val_acc"))  # fmt: skip


@ill("stalled", may="slowdown", alarm=None, at=700, within=12)
def stood_a_night(to: Path) -> Path:
    """Between two rows lie five hours and a quarter; before and after a row takes a second."""
    rows = fit(mlp(64, 64, 10), digits(), 1200, 1e-3, every=5, pace=0.2)
    for row in rows:
        row["time"] += 18_907.3 if row["step"] > 700 else 0
    return w.jsonl(to / "log.jsonl", pick(rows, time="time", step="step", loss="loss"))


@ill("stalled", may="slowdown", alarm=None, at=450, within=12)
def stood_two_hours(to: Path) -> Path:
    rows = fit(mlp(64, 64, 10), digits(), 800, 1e-3, every=2, pace=0.5)
    for row in rows:
        row["time"] += 7_202.0 if row["step"] > 450 else 0
    return w.csv(to / "log.csv", pick(rows, wall_time="time", step="step", loss="loss"), lambda v: f"{v:.3f}")  # fmt: skip


@ill("slowdown", may="input-bound", alarm=None)
def throughput_halves(to: Path) -> Path:
    rows = fit(Chars(), windows(), 1400, 3e-3, every=4)
    for row in rows:
        row["rate"] = 16384 / row["seconds"] * (0.55 if row["step"] > 800 else 1)
    return w.csv(to / "log.csv", pick(rows, step="step", loss="loss", tokens_per_sec="rate"))


@ill("loss-floor", may="not-learning validation-at-chance", alarm=None)
def softmax_in_the_model(to: Path) -> Path:
    rows = epochs(nn.Sequential(mlp(64, 128, 10), nn.Softmax(1)), digits(), 50, 2e-3)
    return w.csv(to / "log.csv", pick(rows, epoch="epoch", train_loss="loss", val_loss="val_loss", val_acc="val_acc"))  # fmt: skip


@ill("learning-rate-jump", may="diverged spike exploding-gradient", alarm=None, at=600, within=8)
def scheduler_made_anew(to: Path) -> Path:
    """After a restart of the schedule the rate is a hundred times what it was."""
    rows = fit(mlp(64, 64, 10), digits(), 1000, lambda s: 1e-3 if s < 600 else 0.1, every=2)
    return w.jsonl(to / "log.jsonl", pick(rows, step="step", loss="loss", lr="lr"))


@ill("crashed", alarm=True)
def died_of_an_index(to: Path) -> Path:
    rows = epochs(mlp(64, 64, 10), digits(), 6, 1e-3)
    path = w.said(
        to / "out.log", rows, "Epoch {epoch} train_loss {loss:.4f} val_loss {val_loss:.4f}"
    )
    path.write_text(path.read_text() + 'Traceback (most recent call last):\n  File "main.py", line 88, in <module>\n    train(args)\n  File "main.py", line 52, in train\n    scores[epoch] = accuracy\nIndexError: list assignment index out of range\n')  # fmt: skip
    return path
