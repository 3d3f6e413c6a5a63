"""A very small language model in plain JAX.

$ python lm.py --ctx=256 --lr=6e-4
"""
import functools
import time

import fire
import jax
import jax.numpy as jnp
import numpy as np
import optax


def init(key, vocab, d, n, tie):
    ks = jax.random.split(key, 2 * n + 2)
    p = {"emb": 0.02 * jax.random.normal(ks[0], (vocab, d))}
    for i in range(n):
        p[f"qkv{i}"] = 0.02 * jax.random.normal(ks[2 * i + 1], (d, 3 * d))
        p[f"ff{i}"] = 0.02 * jax.random.normal(ks[2 * i + 2], (d, d))
    if not tie:
        p["out"] = 0.02 * jax.random.normal(ks[-1], (d, vocab))
    return p


def forward(p, x, n, h):
    z = p["emb"][x]
    mask = jnp.tril(jnp.ones((x.shape[1],) * 2))
    for i in range(n):
        q, k, v = jnp.split(z @ p[f"qkv{i}"], 3, -1)
        a = jnp.where(mask, q @ k.swapaxes(1, 2) / (q.shape[-1] // h) ** 0.5, -1e9)
        z = z + jax.nn.softmax(a) @ v
        z = z + jax.nn.gelu(z @ p[f"ff{i}"])
    return z @ p.get("out", p["emb"].T)


def train(
    corpus="data/enwik8",
    ctx=128,
    d=256,
    n=6,
    h=4,
    tie=True,
    pos="rope",          # rope, learned, none
    dropout=0.0,
    opt="adamw",         # adamw, adafactor, lion, sgd
    lr=3e-4,
    min_lr=0.0,
    beta2=0.95,
    wd=0.1,
    clip=1.0,
    bs=32,
    steps=20_000,
    warm=200,
    decay="cosine",      # cosine, linear, none
    val_every=500,
    val_batches=50,
    bf16=False,
    ckpt=None,
    init_ckpt=None,
    seed=0,
):
    raw = np.frombuffer(open(corpus, "rb").read(), np.uint8)
    cut = int(0.95 * len(raw))
    rng = np.random.default_rng(seed)
    params = init(jax.random.PRNGKey(seed), 256, d, n, tie)
    if init_ckpt:
        params = dict(np.load(init_ckpt))
    ramp = optax.linear_schedule(0.0, lr, warm)
    tail = {
        "cosine": optax.cosine_decay_schedule(lr, steps - warm, min_lr / lr),
        "linear": optax.linear_schedule(lr, min_lr, steps - warm),
        "none": optax.constant_schedule(lr),
    }[decay]
    rate = optax.join_schedules([ramp, tail], [warm])
    base = {
        "adamw": lambda: optax.adamw(rate, b2=beta2, weight_decay=wd),
        "adafactor": lambda: optax.adafactor(rate),
        "lion": lambda: optax.lion(rate, weight_decay=wd),
        "sgd": lambda: optax.sgd(rate, 0.9),
    }[opt]()
    tx = optax.chain(optax.clip_by_global_norm(clip), base)
    state = tx.init(params)

    def nll(p, xy):
        logits = forward(p, xy[:, :-1], n, h)
        return optax.softmax_cross_entropy_with_integer_labels(logits, xy[:, 1:]).mean()

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def step(p, s, xy):
        loss, g = jax.value_and_grad(nll)(p, xy)
        u, s = tx.update(g, s, p)
        return optax.apply_updates(p, u), s, loss

    def draw(lo, hi):
        return np.stack([raw[i : i + ctx + 1] for i in rng.integers(lo, hi - ctx - 1, bs)]).astype(np.int32)

    began = time.time()
    for i in range(1, steps + 1):
        params, state, loss = step(params, state, draw(0, cut))
        if i % val_every == 0:
            val = np.mean([nll(params, draw(cut, len(raw))) for _ in range(val_batches)])
            print(f"{i} train_nll={loss:.4f} val_bpc={val / np.log(2):.4f} {time.time() - began:.0f}s")
    if ckpt:
        np.savez(ckpt, **params)


if __name__ == "__main__":
    fire.Fire(train)
