"""A classifier of flax with an optimizer of optax."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.training.train_state import TrainState


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, training):
        x = nn.relu(nn.Dense(32)(x))
        x = nn.Dropout(0.1, deterministic=not training)(x)
        return nn.Dense(3)(x)


@jax.jit
def train_step(state, x, y, key):
    def loss_of(params):
        logits = state.apply_fn({"params": params}, x, training=True, rngs={"dropout": key})
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    loss, grads = jax.value_and_grad(loss_of)(state.params)
    return state.apply_gradients(grads=grads), loss


@jax.jit
def predict(state, x):
    return state.apply_fn({"params": state.params}, x, training=False).argmax(axis=-1)


def main(epochs=3, batch=40):
    key, data_key, init_key = jax.random.split(jax.random.PRNGKey(0), 3)
    x = jax.random.normal(data_key, (480, 6))
    y = x[:, :3].argmax(axis=-1)
    x_train, x_test = x[:400], x[400:]
    y_train, y_test = y[:400], y[400:]
    net = Net()
    params = net.init(init_key, x_train[:1], training=False)["params"]
    state = TrainState.create(apply_fn=net.apply, params=params, tx=optax.adam(0.01))
    for epoch in range(epochs):
        key, order_key = jax.random.split(key)
        order = jax.random.permutation(order_key, len(x_train))
        for start in range(0, len(x_train), batch):
            key, drop_key = jax.random.split(key)
            rows = order[start : start + batch]
            state, loss = train_step(state, x_train[rows], y_train[rows], drop_key)
        print(epoch, float(loss))
    print("accuracy", float(jnp.mean(predict(state, x_test) == y_test)))


if __name__ == "__main__":
    main()
