"""Fits an MLP to a spiral. Everything is an argument of train()."""
import jax
import jax.numpy as jnp
import optax


def init(key, widths):
    keys = jax.random.split(key, len(widths) - 1)
    return [
        (jax.random.normal(k, (m, n)) / m**0.5, jnp.zeros(n))
        for k, m, n in zip(keys, widths[:-1], widths[1:])
    ]


def forward(params, x):
    for w, b in params[:-1]:
        x = jnp.tanh(x @ w + b)
    w, b = params[-1]
    return x @ w + b


def spiral(key, n, noise):
    t = jax.random.uniform(key, (n,)) * 6
    return jnp.stack([t * jnp.cos(t), t * jnp.sin(t)], 1) + noise, (t > 3).astype(jnp.int32)


def train(
    steps=3000,
    batch_size=256,
    learning_rate=3e-3,
    width=64,
    depth=3,
    weight_decay=1e-4,
    noise=0.1,
    warmup_steps=100,
    clip_norm=1.0,
    seed=0,
    eval_every=250,
):
    key = jax.random.PRNGKey(seed)
    params = init(key, [2] + [width] * depth + [2])
    schedule = optax.warmup_cosine_decay_schedule(0.0, learning_rate, warmup_steps, steps)
    opt = optax.chain(optax.clip_by_global_norm(clip_norm), optax.adamw(schedule, weight_decay=weight_decay))
    state = opt.init(params)

    @jax.jit
    def step(params, state, x, y):
        def loss_fn(p):
            return optax.softmax_cross_entropy_with_integer_labels(forward(p, x), y).mean()

        loss, grads = jax.value_and_grad(loss_fn)(params)
        updates, state = opt.update(grads, state, params)
        return optax.apply_updates(params, updates), state, loss

    for i in range(steps):
        key, sub = jax.random.split(key)
        x, y = spiral(sub, batch_size, noise)
        params, state, loss = step(params, state, x, y)
        if i % eval_every == 0:
            x, y = spiral(jax.random.PRNGKey(999), 1024, noise)
            acc = (forward(params, x).argmax(1) == y).mean()
            print(f"step {i} loss {loss:.4f} eval_acc {acc:.4f}")


if __name__ == "__main__":
    train()
