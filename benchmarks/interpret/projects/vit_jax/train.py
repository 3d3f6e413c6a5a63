import time

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
import tyro

from config import Config, ModelConfig
from input_pipeline import make_dataset


def sincos2d(h, w, d):
    y, x = jnp.mgrid[:h, :w]
    om = 1.0 / 10_000 ** (jnp.arange(d // 4) / (d // 4 - 1))
    y, x = y.flatten()[:, None] * om, x.flatten()[:, None] * om
    return jnp.concatenate([jnp.sin(x), jnp.cos(x), jnp.sin(y), jnp.cos(y)], 1)[None]


class Block(nn.Module):
    c: ModelConfig
    rate: float

    @nn.compact
    def __call__(self, x, train):
        h = nn.LayerNorm()(x)
        h = nn.MultiHeadDotProductAttention(self.c.heads, dropout_rate=self.c.dropout, normalize_qk=self.c.qk_norm)(h, h, deterministic=not train)
        keep = 1.0
        if train and self.rate:
            keep = jax.random.bernoulli(self.make_rng("dropout"), 1 - self.rate, (x.shape[0], 1, 1))
        x = x + keep * h
        h = nn.LayerNorm()(x)
        h = nn.Dense(int(self.c.width * self.c.mlp_ratio))(h)
        h = nn.Dense(self.c.width)(nn.gelu(h))
        return x + keep * nn.Dropout(self.c.dropout)(h, deterministic=not train)


class ViT(nn.Module):
    c: ModelConfig
    classes: int

    @nn.compact
    def __call__(self, im, train=False):
        p = self.c.patch
        x = nn.Conv(self.c.width, (p, p), (p, p), padding="VALID")(im)
        n, h, w, d = x.shape
        x = x.reshape(n, h * w, d)
        if self.c.posemb == "learned":
            x = x + self.param("pos", nn.initializers.normal(0.02), (1, h * w, d))
        else:
            x = x + sincos2d(h, w, d)
        if self.c.pool == "cls":
            x = jnp.concatenate([jnp.tile(self.param("cls", nn.initializers.zeros, (1, 1, d)), (n, 1, 1)), x], 1)
        for i in range(self.c.depth):
            x = Block(self.c, self.c.stoch_depth * i / max(1, self.c.depth - 1))(x, train)
        x = nn.LayerNorm()(x)
        if self.c.pool == "map":
            probe = jnp.tile(self.param("probe", nn.initializers.xavier_uniform(), (1, 1, d)), (n, 1, 1))
            x = nn.MultiHeadDotProductAttention(self.c.heads)(probe, x)
        x = x[:, 0] if self.c.pool in ("cls", "map") else x.mean(1)
        return nn.Dense(self.classes)(x)


def make_tx(o, total):
    if o.schedule == "cosine":
        s = optax.warmup_cosine_decay_schedule(0, o.lr, o.warmup_steps, total)
    elif o.schedule == "linear":
        s = optax.join_schedules([optax.linear_schedule(0, o.lr, o.warmup_steps), optax.linear_schedule(o.lr, 0, total - o.warmup_steps)], [o.warmup_steps])
    else:
        s = lambda t: o.lr * jnp.minimum(t / o.warmup_steps, jnp.sqrt(o.warmup_steps / jnp.maximum(t, 1)))
    if o.name == "adamw":
        tx = optax.adamw(s, o.b1, o.b2, weight_decay=o.wd)
    elif o.name == "lion":
        tx = optax.lion(s, o.b1, o.b2, weight_decay=o.wd)
    else:
        tx = optax.adafactor(s)
    return optax.chain(optax.clip_by_global_norm(o.grad_clip_norm), tx)


def main(cfg: Config):
    train, val, info = make_dataset(cfg.dataset, cfg.res, cfg.batch_size, cfg.aug, cfg.seed)
    model = ViT(cfg.model, info.classes)
    key = jax.random.PRNGKey(cfg.seed)
    params = model.init(key, jnp.zeros((1, cfg.res, cfg.res, 3)))
    params = jax.tree_util.tree_map(lambda p: p.astype(cfg.param_dtype), params)
    steps = info.n_train // cfg.batch_size
    tx = make_tx(cfg.optim, steps * cfg.total_epochs)
    state = tx.init(params)

    @jax.jit
    def step(params, state, x, y, key):
        def loss(p):
            logits = model.apply(p, x, train=True, rngs={"dropout": key})
            t = optax.smooth_labels(y, cfg.label_smoothing)
            if cfg.sigmoid_loss:
                return optax.sigmoid_binary_cross_entropy(logits, t).sum(-1).mean()
            return optax.softmax_cross_entropy(logits, t).mean()
        l, g = jax.value_and_grad(loss)(params)
        u, state2 = tx.update(g, state, params)
        return optax.apply_updates(params, u), state2, l

    for epoch in range(cfg.total_epochs):
        t0 = time.time()
        for x, y in train:
            key, k = jax.random.split(key)
            params, state, l = step(params, state, x, y, k)
        if epoch % cfg.eval_every_epochs == 0:
            acc = sum((model.apply(params, x).argmax(-1) == y.argmax(-1)).sum() for x, y in val) / info.n_val
            print(f"epoch={epoch} loss={float(l):.4f} val/prec@1={float(acc):.4f} secs={time.time() - t0:.1f}")


if __name__ == "__main__":
    main(tyro.cli(Config))
