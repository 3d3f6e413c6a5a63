"""python train.py --optim.base_lr=3e-4 --epochs=100"""
import dataclasses

import fire
import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
import tensorflow_datasets as tfds

from config import Config


class Block(nn.Module):
    heads: int
    mlp: int

    @nn.compact
    def __call__(self, x):
        x = x + nn.SelfAttention(self.heads)(nn.LayerNorm()(x))
        return x + nn.Dense(x.shape[-1])(nn.gelu(nn.Dense(self.mlp)(nn.LayerNorm()(x))))


class VisionTransformer(nn.Module):
    c: object
    classes: int

    @nn.compact
    def __call__(self, img):
        x = nn.Conv(self.c.dim, (self.c.patch,) * 2, (self.c.patch,) * 2)(img)
        x = x.reshape(x.shape[0], -1, self.c.dim)
        for _ in range(self.c.layers):
            x = Block(self.c.heads, int(self.c.dim * self.c.mlp_ratio))(x)
        return nn.Dense(self.classes)(x.mean(1) if self.c.pool == "gap" else x[:, 0])


def optimizer(c, epochs, per_epoch):
    rate = optax.warmup_cosine_decay_schedule(0.0, c.base_lr, c.warmup_epochs * per_epoch, epochs * per_epoch, c.final_lr)
    inner = {
        "adamw": lambda: optax.adamw(rate, c.b1, c.b2, weight_decay=c.weight_decay),
        "lion": lambda: optax.lion(rate, c.b1, c.b2, weight_decay=c.weight_decay),
        "sgd": lambda: optax.sgd(rate, c.b1),
    }[c.name]()
    return optax.chain(optax.clip_by_global_norm(c.global_clip), inner)


def override(config, dotted):
    for key, value in dotted.items():
        head, _, tail = key.partition(".")
        config = dataclasses.replace(config, **{head: override(getattr(config, head), {tail: value}) if tail else value})
    return config


def main(**dotted):
    config = override(Config(), dotted)
    ds, info = tfds.load(config.data.tfds_name, split="train", with_info=True, as_supervised=True)
    net = VisionTransformer(config.vit, info.features["label"].num_classes)
    size = config.data.image_size
    params = net.init(jax.random.PRNGKey(config.prng), jnp.zeros((1, size, size, 3), config.dtype))
    tx = optimizer(config.optim, config.epochs, len(ds) // config.data.batch)
    state = tx.init(params)

    @jax.jit
    def step(params, state, x, y):
        def loss_fn(p):
            hot = optax.smooth_labels(jax.nn.one_hot(y, net.classes), config.data.label_smoothing)
            return optax.softmax_cross_entropy(net.apply(p, x), hot).mean()
        loss, grads = jax.value_and_grad(loss_fn)(params)
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state, loss

    for epoch in range(config.epochs):
        for x, y in tfds.as_numpy(ds.batch(config.data.batch)):
            params, state, loss = step(params, state, x / 255.0, y)
        print({"epoch": epoch, "loss": float(loss), "top1": 0.0, "top5": 0.0})


if __name__ == "__main__":
    fire.Fire(main)
