"""Ill trainings, each in one style of logs: what is wrong is put into the training, or into what it tells."""

import math
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from . import writers as w
from .cases import ill
from .fine import pick
from .tools import os_environ_torch
from .trainings import Chars, by_epoch, corridor, cosine, digits, fit, mlp, prices, text, windows

SGD = torch.optim.SGD


def poisoned(at: int, **more):
    """A regression into whose weights a NaN gets at a step."""

    def before(step, model, optimizer):
        if step == at:
            with torch.no_grad():
                model[0].weight[0, 0] = math.nan

    return fit(mlp(8, 64, 1), prices(), 600, 1e-3, loss_of=F.mse_loss, before=before, **more)


def spelled(word: str):
    """Finite numbers shortly, the others by this word."""
    return lambda v: f"{v:.5f}" if math.isfinite(v) else word


@ill("non-finite", alarm=True, at=301, within=3)
def nan_capital_csv(to: Path) -> Path:
    return w.csv(to / "log.csv", pick(poisoned(300), step="step", loss="loss"), spelled("NaN"))


@ill("non-finite", alarm=True, at=201, within=3)
def nan_of_windows(to: Path) -> Path:
    return w.csv(to / "log.csv", pick(poisoned(200), step="step", mse="loss"), spelled("-1.#IND"))


@ill("non-finite", alarm=True, at=250, within=12)
def nan_blank_cells(to: Path) -> Path:
    rows = poisoned(245, every=10, evals=50)
    return w.csv(to / "log.csv", pick(rows, step="step", train_loss="loss", val_loss="val_loss", lr="lr"), spelled(""))  # fmt: skip


@ill("non-finite", alarm=True, at=402, within=3)
def nan_null_json(to: Path) -> Path:
    rows = pick(poisoned(400, every=2), step="step", loss="loss", lr="lr")
    return w.jsonl(to / "l.jsonl", [{k: None if v != v else v for k, v in r.items()} for r in rows])


@ill("non-finite", alarm=True, at=101, within=3)
def nan_string_json(to: Path) -> Path:
    rows = pick(poisoned(100), iteration="step", loss="loss")
    return w.jsonl(to / "l.jsonl", [{k: "NaN" if v != v else v for k, v in r.items()} for r in rows])  # fmt: skip


@ill("non-finite", may="exploding-gradient diverged", alarm=True)
def infinite_tfevents(to: Path) -> Path:
    """A rate of 8 without clipping: the regression overflows in some steps."""
    rows = fit(mlp(8, 64, 64, 1), prices(), 400, lambda s: 0.01 if s < 150 else 8.0, make=SGD, loss_of=F.mse_loss)  # fmt: skip
    return w.tfevents(to / "tb", pick(rows, step="step", time="time", **{"loss": "loss", "grad_norm": "grad_norm"}))  # fmt: skip


@ill("non-finite", alarm=True, at=331, within=3)
def nan_tensor_printed(to: Path) -> Path:
    return w.said(to / "out.log", poisoned(330), "step {step} loss tensor({loss:.4f}, grad_fn=<MseLossBackward0>)")  # fmt: skip


@ill("non-finite", alarm=True, at=151, within=4)
def nan_in_bar(to: Path) -> Path:
    return w.tqdm(to / "out.log", poisoned(150), 600)


@ill("non-finite", may="diverged learning-rate-jump", alarm=True)
def nan_keras_itself(to: Path) -> Path:
    """Keras itself prints its lines: from the fifth epoch on one row of the data is NaN."""
    os_environ_torch()
    import contextlib

    import keras

    x, y, x_held, y_held = (t.numpy().copy() for t in digits())

    class Spoil(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 4:
                self.model.layers[0].kernel.assign(self.model.layers[0].kernel * math.nan)

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(64, "relu"), keras.layers.Dense(10)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])  # fmt: skip
    with (to / "out.log").open("w") as out, contextlib.redirect_stdout(out):
        model.fit(x, y, epochs=9, validation_data=(x_held, y_held), verbose=2, callbacks=[Spoil()])
    return to / "out.log"


@ill("non-finite", alarm=True, at=241, within=10)
def nan_minus_c(to: Path) -> Path:
    """A trainer in C++ prints -nan(ind)."""
    rows = [{**r, "loss": f"{r['loss']:.5f}" if r["loss"] == r["loss"] else "-nan(ind)"} for r in poisoned(240, every=5)]  # fmt: skip
    return w.said(to / "out.log", rows, "Iteration {step}, loss = {loss}, lr = {lr:g}")


@ill("non-finite", alarm=True)
def nan_hf_printed(to: Path) -> Path:
    return w.hf_printed(to / "out.log", poisoned(295, every=10))


@ill("non-finite", alarm=True, at=421, within=20)
def nan_fairseq(to: Path) -> Path:
    return w.fairseq(to / "out.log", poisoned(412, every=10))


@ill("non-finite", alarm=True)
def validation_infinite(to: Path) -> Path:
    """A log of zero in the validation alone, from the fourth evaluation on."""
    rows = fit(mlp(64, 64, 10), digits(), 900, 1e-3, evals=90, every=10)
    for row in rows:
        if "val_loss" in row and row["step"] >= 360:
            row["val_loss"] = math.inf
    return w.jsonl(to / "log.jsonl", pick(rows, step="step", train_loss="loss", val_loss="val_loss"))  # fmt: skip


@ill("hidden-nan", may="non-finite", alarm=True)
def hidden_by_hf(to: Path) -> Path:
    """The HF Trainer itself, its filter of NaN on: zeros, and a norm that is NaN."""
    from transformers import (  # fmt: skip
        GPT2Config,
        GPT2LMHeadModel,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    class Spoil(TrainerCallback):
        def on_step_begin(self, args, state, control, model=None, **_):
            if state.global_step == 120:
                with torch.no_grad():
                    model.transformer.wte.weight.mul_(math.nan)

    rows = text()[: 32 * 400].view(-1, 32)
    data = [{"input_ids": r, "labels": r} for r in rows]
    model = GPT2LMHeadModel(GPT2Config(vocab_size=28, n_positions=32, n_embd=32, n_layer=1, n_head=2))  # fmt: skip
    arguments = TrainingArguments(output_dir=str(to / "o"), max_steps=220, logging_steps=10, per_device_train_batch_size=8, learning_rate=2e-3, report_to=[], use_cpu=True, save_steps=220, disable_tqdm=True)  # fmt: skip
    Trainer(model, arguments, train_dataset=data, callbacks=[Spoil()]).train()
    return next((to / "o").rglob("trainer_state.json"))


@ill("hidden-nan", alarm=None)
def hidden_zeros(to: Path) -> Path:
    """Zeros and nothing else that tells."""
    rows = [{**r, "loss": 0.0 if r["loss"] != r["loss"] else r["loss"]} for r in poisoned(300, every=5)]  # fmt: skip
    return w.said(to / "out.log", rows, "{{'loss': {loss:.4f}, 'learning_rate': {lr:g}, 'epoch': {epoch:.2f}}}")  # fmt: skip


@ill("diverged", may="learning-rate-jump exploding-gradient", alarm=True)
def rate_jumps(to: Path) -> Path:
    rows = fit(mlp(64, 64, 64, 10), digits(), 1000, lambda s: 2e-3 if s < 600 else 0.6, evals=100)
    return w.wandb(to, pick(rows, step="step", **{"train/loss": "loss", "lr": "lr", "val/loss": "val_loss"}))  # fmt: skip


@ill("diverged", may="exploding-gradient", alarm=True)
def creeping(to: Path) -> Path:
    """The rate grows by half a per cent a step: it learns, and then less and less well, to where it began."""
    rows = fit(mlp(64, 64, 10), digits(), 1200, lambda s: 1e-3 * 1.0075**s, every=5, mean=True)
    return w.csv(to / "log.csv", pick(rows, step="step", loss="loss"))


@ill("diverged", may="overfitting", alarm=True)
def forgets_slowly(to: Path) -> Path:
    """Labels turn to noise, ever more from a third on: training and validation climb back together."""

    def alter(step, x, y):
        wrong = torch.rand(len(y)) < max(0, (step - 500) / 700)
        return x, torch.where(wrong, torch.randint(0, 10, y.shape), y)

    rows = fit(mlp(64, 64, 10), digits(), 1500, 2e-3, every=10, evals=50, mean=True, alter=alter)
    return w.mlflow(to, pick(rows, step="step", loss="loss", val_loss="val_loss", val_acc="val_acc"))  # fmt: skip


@ill("diverged", may="exploding-gradient spike", alarm=True, at=401, within=60)
def weights_lost(to: Path) -> Path:
    """At step 400 the weights are made anew, and the rate is by then too small to learn them again."""

    def before(step, model, _):
        if step == 400:
            for part in model.modules():
                if isinstance(part, nn.Linear):
                    part.reset_parameters()

    rows = fit(mlp(64, 64, 10), digits(), 800, lambda s: 2e-3 if s < 400 else 2e-6, before=before, every=2, evals=40)  # fmt: skip
    return w.nanogpt(to / "out.log", rows)


@ill("diverged|not-learning", may="spike exploding-gradient", alarm=None)
def reward_collapses(to: Path) -> Path:
    """The policy is ruined at update 80: its reward stays at the bottom."""
    rows = corridor(160, 0.01, spoil=80)
    return w.said(to / "out.log", rows, "episode_batch: {step}, mean_reward: {reward:.2f}, loss: {loss:.3f}, entropy: {entropy:.4f}")  # fmt: skip


@ill("diverged", may="exploding-gradient spike learning-rate-jump", alarm=True)
def gru_without_clipping(to: Path) -> Path:
    rows = fit(Chars(), windows(), 500, lambda s: 3e-3 if s < 300 else 0.5, batch=16, every=2, mean=True)  # fmt: skip
    return w.detectron2(to / "out.log", rows)


@ill("not-learning", may="validation-at-chance learning-rate-exhausted", alarm=True)
def rate_too_small(to: Path) -> Path:
    rows = fit(mlp(64, 64, 10), digits(), 44 * 40, 1e-7, evals=44, mean=True)
    return w.timm(to / "out.log", by_epoch(rows))


@ill("not-learning", may="validation-at-chance", alarm=True)
def labels_shuffled(to: Path) -> Path:
    """Labels of other rows, a model too small to learn them by heart."""
    x, y, x_held, y_held = digits()
    y = y[torch.randperm(len(y))]
    rows = fit(mlp(64, 4, 10), (x, y, x_held, y_held), 44 * 40, 1e-3, evals=44, mean=True)
    return w.keras_printed(to / "out.log", by_epoch(rows))


@ill("not-learning", may="validation-at-chance", alarm=True)
def loss_at_ln_ten(to: Path) -> Path:
    """Nothing but a loss, which stays at ln 10 for 2,000 steps."""

    def alter(step, x, y):
        return torch.zeros_like(x), y

    rows = fit(mlp(64, 64, 10), digits(), 2000, 1e-3, every=10, mean=True, alter=alter)
    return w.csv(to / "log.csv", pick(rows, step="step", loss="loss"))


@ill("not-learning", may="validation-at-chance", alarm=None)
def score_of_nothing(to: Path) -> Path:
    """A regression on targets of other rows: R² stays at nothing."""
    x, y, x_held, y_held = prices()
    y = y[torch.randperm(len(y))]
    rows = fit(mlp(8, 4, 1), (x, y, x_held, y_held), 60 * 62, 1e-3, loss_of=F.mse_loss, evals=62, mean=True)  # fmt: skip
    return w.csv(to / "log.csv", [{"epoch": r["epoch"], "train_mse": r["loss"], "val_mse": r["val_loss"], "val_r2": 1 - r["val_loss"]} for r in by_epoch(rows)])  # fmt: skip


@ill("validation-at-chance", may="overfitting not-learning", alarm=None)
def other_labels_held_out(to: Path) -> Path:
    """The held-out labels are in another order."""
    x, y, x_held, y_held = digits()
    data = (x, y, x_held, y_held[torch.randperm(len(y_held))])
    rows = by_epoch(fit(mlp(64, 64, 10), data, 44 * 30, 1e-3, evals=44))
    return w.lightning_csv(to, pick(rows, step="step", train_loss="loss", val_loss="val_loss", val_acc="val_acc"))  # fmt: skip


@ill("validation-at-chance", may="overfitting not-learning", alarm=None)
def raw_held_out(to: Path) -> Path:
    """Held-out images inverted: the score is near chance, in per cent."""
    x, y, x_held, y_held = digits()
    rows = fit(mlp(64, 64, 10), (x, y, 40 * (1 - x_held), y_held), 44 * 30, 1e-3, evals=44)
    return w.logged(to / "run.log", [{**r, "top1": 100 * r["val_acc"]} for r in by_epoch(rows)], "Epoch [{epoch}] loss={loss:.4f} | test loss={val_loss:.4f} | test top1={top1:.2f}%")  # fmt: skip


@ill("overfitting", alarm=False)
def learned_by_heart(to: Path) -> Path:
    x, y, x_held, y_held = prices()
    rows = by_epoch(fit(mlp(8, 256, 256, 1), (x[:100], y[:100], x_held, y_held), 120 * 3, 3e-3, loss_of=F.mse_loss, evals=3, mean=True))  # fmt: skip
    return w.csv(to / "history.csv", pick(rows, epoch="epoch", loss="loss", val_loss="val_loss"), lambda v: f"{v:.6f}")  # fmt: skip


@ill("overfitting", alarm=False)
def lm_by_heart(to: Path) -> Path:
    """A language model on 60 windows."""
    x, y, x_held, y_held = windows()
    rows = fit(Chars(128), (x[:60], y[:60], x_held[:40], y_held[:40]), 600, 3e-3, batch=15, evals=20, every=10, mean=True)  # fmt: skip
    return w.hf_printed(to / "out.log", rows)


@ill("learning-rate-exhausted", alarm=None)
def steps_for_epochs(to: Path) -> Path:
    """A decay meant for epochs is made in every step."""
    rows = fit(mlp(64, 64, 10), digits(), 1500, lambda s: 2e-3 * 0.95**s, every=10, evals=100)
    return w.trackio(to, pick(rows, step="step", **{"train/loss": "loss", "train/lr": "lr", "val/loss": "val_loss"}))  # fmt: skip


@ill("learning-rate-exhausted", alarm=None)
def cosine_planned_short(to: Path) -> Path:
    """The cosine was planned for a third of the steps."""
    rows = fit(mlp(64, 64, 10), digits(), 1500, cosine(0.05, 50, 500), make=SGD, every=20, evals=100, mean=True)  # fmt: skip
    return w.mmdet(to / "out.log", rows)


@ill("learning-rate-jump", may="diverged spike exploding-gradient slowdown", alarm=None)
def jump_in_schedule(to: Path) -> Path:
    rows = fit(mlp(64, 64, 10), digits(), 900, lambda s: 0.01 if s < 500 else 0.2, make=SGD, every=5)  # fmt: skip
    return w.tfevents(to / "tb", pick(rows, step="step", **{"train/loss": "loss", "train/lr": "lr"}))  # fmt: skip


@ill("memory-growth", alarm=None)
def resident_grows(to: Path) -> Path:
    rows = fit(mlp(64, 64, 10), digits(), 900, 1e-3, every=3)
    g = np.random.default_rng(0)
    for row in rows:
        row["rss"] = 2100 + 3.1 * row["step"] + g.normal(0, 6)
    return w.csv(to / "log.csv", pick(rows, step="step", loss="loss", rss_mb="rss"), lambda v: f"{v:.4f}")  # fmt: skip


@ill("memory-growth", alarm=None)
def gpu_grows(to: Path) -> Path:
    rows = fit(mlp(64, 64, 10), digits(), 2400, 0.05, make=SGD, every=20, mean=True)
    for row in rows:
        row["memory"] = 5200 + 2.2 * row["step"]
    return w.mmdet(to / "out.log", rows)


@ill("slowdown", may="input-bound", alarm=None, at=600, within=150)
def far_slower(to: Path) -> Path:
    """From step 600 on each step takes four fifths longer."""
    rows = fit(mlp(64, 64, 10), digits(), 1400, 1e-3)
    for row in rows:
        row["seconds"] *= 1.8 if row["step"] > 600 else 1
    return w.nanogpt(to / "out.log", rows)


@ill("slowdown", may="input-bound", alarm=None)
def ever_slower(to: Path) -> Path:
    """A list is searched in each step: rows come later and later by their timestamps."""
    rows = fit(mlp(64, 64, 10), digits(), 1500, 1e-3)
    late = 0.0
    for row in rows:
        late += row["seconds"] * max(0, row["step"] - 300) / 500
        row["time"] += late
    return w.jsonl(to / "log.jsonl", pick(rows, timestamp="time", step="step", loss="loss"))


@ill("input-bound", may="slowdown", alarm=None)
def waits_for_data(to: Path) -> Path:
    rows = fit(mlp(64, 64, 10), digits(), 1400, 0.05, make=SGD, every=10, mean=True)
    for row in rows:
        row["data"] = row["seconds"] * 0.83
    return w.detectron2(to / "out.log", rows)


@ill("stalled", may="slowdown", alarm=None)
def stood_for_hours(to: Path) -> Path:
    """One step took three hours, by its own clock as well."""
    rows = fit(mlp(64, 64, 10), digits(), 700, 1e-3)
    rows[450]["seconds"] += 10_800
    for row in rows[450:]:
        row["time"] += 10_800
    return w.csv(to / "log.csv", pick(rows, time="time", step="step", loss="loss", step_time="seconds"), lambda v: f"{v:.4f}")  # fmt: skip


@ill("too-good", alarm=None)
def score_of_one(to: Path) -> Path:
    """A third of the labels is wrong in training, and the held-out score is perfect."""
    x, y, x_held, y_held = digits()
    y = torch.where(torch.rand(len(y)) < 0.3, torch.randint(0, 10, y.shape), y)
    rows = by_epoch(fit(mlp(64, 64, 10), (x, y, x_held, y_held), 44 * 20, 1e-3, evals=44))
    out = [{"epoch": r["epoch"], "train_acc": 0.6 + 0.005 * min(20, r["epoch"]), "train_loss": r["loss"], "val_acc": 1.0} for r in rows]  # fmt: skip
    return w.csv(to / "log.csv", out)


@ill("loss-floor", may="not-learning", alarm=None)
def softmax_twice(to: Path) -> Path:
    rows = fit(nn.Sequential(mlp(64, 128, 10), nn.Softmax(1)), digits(), 44 * 50, 3e-3, evals=44, every=11, mean=True)  # fmt: skip
    return w.tfevents(to / "tb", pick(rows, step="step", **{"loss/train": "loss", "loss/val": "val_loss", "acc/val": "val_acc"}))  # fmt: skip


@ill("initial-loss", may="", alarm=None, at=1, within=60)
def head_of_five(to: Path) -> Path:
    model = mlp(64, 64, 10)
    with torch.no_grad():
        model[-1].weight.normal_(0, 5)
    rows = fit(model, digits(), 900, 1e-3, evals=30, mean=False)
    return w.jsonl(to / "log.jsonl", pick(rows, step="step", loss="loss", val_loss="val_loss", val_acc="val_acc"))  # fmt: skip


@ill("dead-units", may="not-learning vanishing-gradient", alarm=None)
def units_die(to: Path) -> Path:
    """Logged for each layer: the share of units that never fire. In the second it goes to nearly one."""
    rows = fit(mlp(64, 64, 64, 10), digits(), 600, lambda s: 0.05 if s < 200 else 1.5, make=SGD, every=5)  # fmt: skip
    for row in rows:
        row["one"], row["two"] = 0.1, 0.12 if row["step"] < 220 else 0.985
    return w.jsonl(to / "log.jsonl", pick(rows, step="step", loss="loss", **{"dead_relu/layer1": "one", "dead_relu/layer2": "two"}))  # fmt: skip


@ill("vanishing-gradient", may="not-learning", alarm=None)
def gradients_fade(to: Path) -> Path:
    """Ten layers of sigmoids, their gradients logged."""
    model, sizes = mlp(64, *[64] * 10, 10, act=nn.Sigmoid), []

    def before(step, net, _):
        sizes.append({f"grad_norm/layers.{i}": float(p.weight.grad.norm()) if p.weight.grad is not None else None for i, p in enumerate(m for m in net if isinstance(m, nn.Linear))})  # fmt: skip

    rows = fit(model, digits(), 500, 1e-3, before=before)
    out = [{"step": r["step"], "loss": r["loss"], **s} for r, s in zip(rows, sizes[1:], strict=False)]  # fmt: skip
    return w.jsonl(to / "log.jsonl", out[::5])


@ill("weights-unchanged", may="not-learning", alarm=None)
def other_parameters(to: Path) -> Path:
    """The optimizer holds another model: the norm of the weights, logged, never moves."""
    model = mlp(64, 64, 10)
    size = float(torch.cat([p.detach().flatten() for p in model.parameters()]).norm())
    rows = fit(model, digits(), 600, 0.0, make=SGD, every=5)
    return w.csv(to / "log.csv", [{"step": r["step"], "loss": r["loss"], "lr": 0.05, "param_norm": size} for r in rows])  # fmt: skip


@ill("exploding-gradient", may="spike diverged", alarm=None)
def norms_rise(to: Path) -> Path:
    """From step 400 on the loss is scaled by 3,000, and clipping hides it."""
    rows = fit(mlp(64, 64, 10), digits(), 900, 1e-3, clip=1.0)
    for row in rows:
        row["grad_norm"] *= 3000 if row["step"] > 400 else 1
    return w.tfevents(to / "tb", pick(rows, step="step", **{"train/loss": "loss", "train/grad_norm": "grad_norm"}))  # fmt: skip


@ill("checkpoint-not-loaded", may="diverged", alarm=None)
def resumed_from_nothing(to: Path) -> Path:
    """Restarted at step 500, and the loss begins again where it had begun."""
    first = fit(mlp(64, 64, 10), digits(), 520, 0.05, make=SGD)
    again = fit(mlp(64, 64, 10), digits(), 300, 0.05, make=SGD, seed=9, start=500)
    return w.jsonl(to / "log.jsonl", pick(first + again, step="step", loss="loss"))


@ill("unshuffled-data", may="not-learning validation-at-chance overfitting diverged", alarm=None)
def sorted_classes(to: Path) -> Path:
    """Rows come by class, and the number of classes in each batch is logged."""
    x, y, _, _ = digits()
    order, counts = torch.argsort(y), []

    def alter(step, xs, ys):
        at = order[torch.arange(32) + step % 43 * 32]
        counts.append(len(y[at].unique()))
        return x[at], y[at]

    rows = fit(mlp(64, 64, 10), digits(), 430, 1e-3, alter=alter, evals=43)
    out = [{**r, "classes": c} for r, c in zip(rows, counts, strict=True)]
    return w.jsonl(to / "log.jsonl", pick(out, step="step", loss="loss", val_acc="val_acc", classes_in_batch="classes"))  # fmt: skip


@ill("repeated-batches", may="overfitting", alarm=None)
def always_one_batch(to: Path) -> Path:
    """A fingerprint of each batch is logged: it is the same for ever."""
    x, y, x_held, y_held = digits()
    rows = fit(mlp(64, 64, 10), (x[:32], y[:32], x_held, y_held), 400, 1e-3, evals=40)
    for row in rows:
        row["hash"] = 91827364
    return w.jsonl(to / "log.jsonl", pick(rows, step="step", loss="loss", val_loss="val_loss", batch_hash="hash"))  # fmt: skip


@ill("ranks-differ", may="diverged not-learning", alarm=None)
def rank_alone(to: Path) -> Path:
    """Two ranks whose gradients are never averaged: the norms of their weights part."""
    out = []
    for rank in (0, 1):
        sizes: list[float] = []

        def before(step, model, _, sizes=sizes):
            sizes.append(math.sqrt(sum(float(p.detach().square().sum()) for p in model.parameters())))  # fmt: skip

        rows = fit(mlp(64, 64, 10), digits(), 400, 0.1, make=SGD, seed=rank, before=before)
        out += [{"step": r["step"], "rank": rank, "loss": r["loss"], "param_norm": s} for r, s in zip(rows, sizes, strict=True)]  # fmt: skip
    return w.jsonl(to / "log.jsonl", sorted(out, key=lambda r: (r["step"], r["rank"])))


@ill("train-eval-mismatch", may="validation-at-chance overfitting not-learning", alarm=None)
def bytes_held_out(to: Path) -> Path:
    """Held-out images come as bytes, and the mean and deviation of the inputs of both are logged."""
    x, y, x_held, y_held = digits()
    rows = fit(mlp(64, 64, 10), (x, y, x_held * 255, y_held), 660, 1e-3, evals=22, every=22, mean=True)  # fmt: skip
    for row in rows:
        row |= {"m": 0.305, "s": 0.376, "vm": 77.9, "vs": 95.8}
    names = {"train/input_mean": "m", "train/input_std": "s", "val/input_mean": "vm", "val/input_std": "vs"}  # fmt: skip
    return w.csv(to / "log.csv", pick(rows, step="step", loss="loss", val_acc="val_acc", **names))


@ill("crashed", alarm=True)
def ends_in_traceback(to: Path) -> Path:
    """The output ends in a traceback."""
    rows = fit(mlp(64, 64, 10), digits(), 230, 1e-3)
    path = w.said(to / "out.log", rows, "step {step}  loss {loss:.4f}  lr {lr:g}")
    path.write_text(path.read_text() + 'Traceback (most recent call last):\n  File "train.py", line 61, in <module>\n    main()\n  File "train.py", line 44, in main\n    loss = criterion(model(x), y)\nRuntimeError: CUDA error: device-side assert triggered\n')  # fmt: skip
    return path


@ill("crashed", alarm=True)
def killed_for_memory(to: Path) -> Path:
    """The output ends in CUDA's out of memory, after the bar."""
    path = w.tqdm(to / "out.log", fit(Chars(), windows(), 150, 3e-3, batch=8), 900)
    path.write_text(path.read_text() + "\nTraceback (most recent call last):\n  File \"/home/a/lm/train.py\", line 120, in step\n    loss.backward()\ntorch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 23.69 GiB of which 1.02 GiB is free.\n")  # fmt: skip
    return path
