from absl import app, flags
import jax
import jax.numpy as jnp
import optax

F = flags.FLAGS
flags.DEFINE_string("data", "moons", "moons, circles or pinwheel")
flags.DEFINE_integer("n_samples", 5000, "points drawn")
flags.DEFINE_integer("n_layers", 8, "coupling layers")
flags.DEFINE_list("hidden", ["128", "128"], "widths of the conditioner")
flags.DEFINE_enum("coupling", "affine", ["affine", "spline"], "kind of coupling")
flags.DEFINE_integer("bins", 8, "bins of the spline")
flags.DEFINE_float("tail", 3.0, "where the spline ends")
flags.DEFINE_float("lr", 1e-3, "learning rate")
flags.DEFINE_integer("batch", 512, "")
flags.DEFINE_integer("steps", 20000, "")
flags.DEFINE_boolean("actnorm", True, "normalise activations")
flags.DEFINE_boolean("permute", True, "shuffle dimensions between layers")
flags.DEFINE_integer("seed", 0, "")


def main(_):
    key = jax.random.PRNGKey(F.seed)
    tx = optax.adam(F.lr)
    params = jnp.zeros((F.n_layers, 2))
    state = tx.init(params)
    loss = jax.value_and_grad(lambda p: (p**2).sum())
    for step in range(F.steps):
        value, grads = loss(params)
        if step % 1000 == 0:
            print(f"step {step} nll {value:.4f}")


if __name__ == "__main__":
    app.run(main)
