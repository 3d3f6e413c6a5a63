"""Simulated logs: real small optimisations (numpy), written in the styles of several trainers."""

import csv, json, numpy as np

R = np.random.default_rng
labels = []


def curve(n, a, floor, tau, noise, seed):
    r = R(seed)
    e = np.zeros(n)
    for i in range(1, n):
        e[i] = 0.6 * e[i - 1] + r.normal() * noise
    t = np.arange(n)
    return (
        floor
        + (a - floor) * (0.5 * np.exp(-t / tau) + 0.5 / (1 + t / tau))
        + e * (floor + (a - floor) * np.exp(-t / tau))
    )


def put(name, half, rules, step, what, lines):
    open(name, "w").write("\n".join(lines) + "\n")
    labels.append(dict(file=name, half=half, rules=rules, step=step, what=what))


def jl(rows):
    return [json.dumps(r) for r in rows]


# 1 HF style: loss explodes at 1200 and stays up
c = curve(300, 8, 3.0, 40, 0.02, 1)
c[120:] = 7.4 + R(2).normal(size=180) * 0.1
c[118:122] = [3.9, 5.8, 7.9, 7.6]
lr = [5e-4 * min(1, (i + 1) / 30) * (1 - i / 330) for i in range(300)]
g = np.where(np.arange(300) < 117, 0.8, 6.0) * np.exp(R(3).normal(size=300) * 0.2)
put(
    "hf_diverged.txt",
    "mend",
    ["diverged"],
    1180,
    "language model; loss goes from 3.5 to 7.5 at step 1180 and stays (gradient norm up before)",
    [
        str(
            {
                "loss": round(float(a), 4),
                "grad_norm": round(float(b), 4),
                "learning_rate": d,
                "step": i * 10,
            }
        )
        for i, (a, b, d) in enumerate(zip(c, g, lr))
    ],
)
# 2 HF style healthy with recovered spikes
c = curve(300, 8, 3.0, 40, 0.02, 4)
c[90] += 2.1
c[91] += 0.8
c[200] += 1.3
put(
    "hf_spikes.txt",
    "held",
    [],
    None,
    "language model with two spikes that recover within a row",
    [
        str(
            {
                "loss": round(float(a), 4),
                "grad_norm": round(float(b), 4),
                "learning_rate": d,
                "step": i * 10,
            }
        )
        for i, (a, b, d) in enumerate(zip(c, 0.8 * np.exp(R(5).normal(size=300) * 0.2), lr))
    ],
)
# 3/4 keras csv: overfitting; healthy with val flat noise
tr, va = curve(60, 2.3, 0.01, 6, 0.02, 6), curve(60, 2.3, 0.5, 6, 0.02, 7)
va = va + np.maximum(0, np.arange(60) - 14) * 0.03
put(
    "keras_overfit.csv",
    "held",
    ["overfitting"],
    20,
    "val_loss turns up from epoch 15 on while loss goes to nothing; steps are epochs",
    ["epoch,loss,val_loss,val_accuracy"]
    + [
        f"{i},{a:.4f},{b:.4f},{0.55 + 0.25 * (1 - np.exp(-i / 5)) - 0.002 * max(0, i - 14):.4f}"
        for i, (a, b) in enumerate(zip(tr, va))
    ],
)
tr, va = curve(60, 2.3, 0.45, 8, 0.02, 8), curve(60, 2.3, 0.55, 8, 0.05, 9)
put(
    "keras_plateau.csv",
    "mend",
    [],
    None,
    "plain convergence to a noisy plateau, val a little above train",
    ["epoch,loss,val_loss,val_accuracy"]
    + [
        f"{i},{a:.4f},{b:.4f},{0.5 + 0.33 * (1 - np.exp(-i / 6)):.4f}"
        for i, (a, b) in enumerate(zip(tr, va))
    ],
)
# 5 real: logistic regression by SGD, NaN through rate growth
r = R(10)
X = r.normal(size=(2000, 10))
w = r.normal(size=10)
y = X @ w + 0.3 * r.normal(size=2000)
v = np.zeros(10)
rows = []
for s in range(900):
    i = r.integers(0, 2000, 32)
    e = X[i] @ v - y[i]
    rate = 0.02 if s < 250 else 1.5
    rows.append({"step": s, "train/loss": float(np.mean(e**2)), "lr": rate})
    with np.errstate(all="ignore"):
        v = v - rate * 2 * X[i].T @ e / 32
    if not np.isfinite(rows[-1]["train/loss"]):
        rows[-1]["train/loss"] = float("nan")
put(
    "regression_to_nan.jsonl",
    "mend",
    ["learning-rate-jump", "diverged", "non-finite"],
    251,
    "rate jumps from 0.02 to 1.5 at 250, loss explodes and becomes NaN",
    jl(rows),
)
# 6 real: same, healthy with step decay
r = R(11)
v = np.zeros(10)
rows = []
for s in range(600):
    i = r.integers(0, 2000, 8)
    rate = 0.02 * 0.1 ** (s // 200)
    e = X[i] @ v - y[i] + r.normal(size=8)
    rows.append({"step": s, "train/loss": float(np.mean(e**2)), "lr": rate})
    v = v - rate * 2 * X[i].T @ e / 8
put(
    "regression_step_decay.jsonl",
    "held",
    [],
    None,
    "noisy loss of tiny batches; rate falls tenfold at 200 and 400",
    jl(rows),
)
# 7 slowdown
r = R(12)
c = curve(400, 2.3, 0.3, 60, 0.04, 12)
k = np.where(np.arange(400) < 220, 0.21, 0.21 + (np.arange(400) - 220) * 0.006)
put(
    "slow_steps.jsonl",
    "held",
    ["slowdown"],
    2400,
    "step time grows from 0.21 s to 1.3 s from step 2200 on",
    jl(
        [
            {
                "global_step": i * 10,
                "loss": round(float(a), 4),
                "step_time": round(float(t * np.exp(r.normal() * 0.05)), 4),
            }
            for i, (a, t) in enumerate(zip(c, k))
        ]
    ),
)
# 8 healthy jittery step time
put(
    "jitter_steps.jsonl",
    "mend",
    [],
    None,
    "step time jitters with a checkpoint pause each 500 steps",
    jl(
        [
            {
                "global_step": i * 10,
                "loss": round(float(a), 4),
                "step_time": round(
                    float(0.21 * np.exp(r.normal() * 0.12) + (2.0 if i % 50 == 49 else 0)), 4
                ),
            }
            for i, a in enumerate(curve(400, 2.3, 0.3, 60, 0.04, 13))
        ]
    ),
)
# 9 not learning at ln 10 ; 10 slow grokking-like start
r = R(14)
put(
    "ln10.txt",
    "mend",
    ["not-learning"],
    500,
    "ten classes, stays at 2.303 and 10% for 2000 steps",
    [
        f"[step {i * 10:5d}/2000] loss: {2.3026 + r.normal() * 0.006:.4f}  acc: {0.1 + r.normal() * 0.02:.3f}"
        for i in range(200)
    ],
)
put(
    "late_start.txt",
    "held",
    [],
    None,
    "short plateau of 100 steps in warmup, then it learns",
    [
        f"[step {i * 10:5d}/2000] loss: {(2.30 if i < 10 else 0.25 + 2.05 * np.exp(-(i - 10) / 35)) + r.normal() * 0.02:.4f}  acc: {(0.1 if i < 10 else 0.94 - 0.84 * np.exp(-(i - 10) / 30)) + r.normal() * 0.015:.3f}"
        for i in range(200)
    ],
)
# 11 memory ; 12 healthy memory
put(
    "memory.csv",
    "held",
    ["memory-growth"],
    1000,
    "resident memory grows by 4 MB a step, linearly",
    ["step,loss,rss_mb"]
    + [
        f"{i * 10},{a:.4f},{900 + 40 * i + r.normal() * 3:.1f}"
        for i, a in enumerate(curve(300, 1.4, 0.2, 50, 0.04, 15))
    ],
)
put(
    "memory_fills.csv",
    "mend",
    [],
    None,
    "memory rises while a cache fills in the first 400 steps, then flat",
    ["step,loss,rss_mb"]
    + [
        f"{i * 10},{a:.4f},{900 + 600 * (1 - np.exp(-i / 12)) + r.normal() * 4:.1f}"
        for i, a in enumerate(curve(300, 1.4, 0.2, 50, 0.04, 16))
    ],
)
# 13 validation at chance ; 14 RL noisy healthy
put(
    "val_chance.txt",
    "mend",
    ["validation-at-chance", "overfitting"],
    8,
    "binary; train accuracy rises to 0.98, validation stays at 0.50; steps are epochs",
    [
        f"Epoch {i + 1}/40 - 3s - loss: {0.70 * np.exp(-i / 9) + 0.03:.4f} - accuracy: {0.98 - 0.47 * np.exp(-i / 7):.4f} - val_loss: {0.70 + 0.03 * i:.4f} - val_accuracy: {0.5 + r.normal() * 0.012:.4f}"
        for i in range(40)
    ],
)
put(
    "rl_noisy.txt",
    "held",
    [],
    None,
    "returns climb very noisily, the value loss rises with the returns and that is fine",
    [
        f"| episode {i * 10} | ep_rew_mean {20 + 180 * (1 - np.exp(-i / 60)) + r.normal() * 22:.1f} | value_loss {5 + 40 * (1 - np.exp(-i / 60)) * np.exp(r.normal() * 0.25):.2f} | entropy {0.69 * np.exp(-i / 200):.3f} |"
        for i in range(200)
    ],
)
# 15 lr exhausted ; 16 healthy lr to zero at end
put(
    "lr_gone.csv",
    "held",
    ["learning-rate-exhausted"],
    800,
    "rate is zero from step 800 of 4000 while the loss was still falling",
    ["step,loss,lr"]
    + [
        f"{i * 10},{(2.6 * np.exp(-min(i, 80) / 90) + 0.1) + r.normal() * 0.02:.4f},{max(0, 1e-3 * (1 - i / 80)):.3e}"
        for i in range(400)
    ],
)
put(
    "lr_to_zero_at_end.csv",
    "mend",
    [],
    None,
    "cosine to zero at the very last step, loss converged",
    ["step,loss,lr"]
    + [
        f"{i * 10},{(2.6 * np.exp(-i / 90) + 0.1) + r.normal() * 0.02:.4f},{5e-4 * (1 + np.cos(np.pi * i / 399)):.3e}"
        for i in range(400)
    ],
)
open("labels.jsonl", "w").write("\n".join(json.dumps(l) for l in labels) + "\n")
from collections import Counter

print(Counter((l["half"], bool(l["rules"])) for l in labels))
