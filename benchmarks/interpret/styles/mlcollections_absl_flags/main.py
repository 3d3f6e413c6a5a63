from absl import app, flags, logging
from ml_collections import config_flags
import jax, jax.numpy as jnp, optax, flax.linen as nn
import tensorflow_datasets as tfds

FLAGS = flags.FLAGS
config_flags.DEFINE_config_file("config", "config.py")
flags.DEFINE_string("workdir", None, "Where to write checkpoints.", required=True)
flags.DEFINE_bool("jit", True, "Disable to debug.")
flags.DEFINE_enum("precision", "bfloat16", ["float32", "bfloat16"], "compute dtype")

class ViT(nn.Module):
    cfg: object
    @nn.compact
    def __call__(self, x, train):
        m = self.cfg
        x = nn.Conv(m.dim, (m.patch, m.patch), (m.patch, m.patch))(x).reshape(len(x), -1, m.dim)
        for _ in range(m.depth):
            x += nn.SelfAttention(m.heads, dropout_rate=m.dropout_rate, deterministic=not train)(nn.LayerNorm()(x))
            x += nn.Dense(m.dim)(nn.gelu(nn.Dense(4 * m.dim)(nn.LayerNorm()(x))))
        return nn.Dense(100)(x.mean(1))

def main(_):
    c = FLAGS.config
    ds = tfds.load(c.dataset, split="train").repeat().shuffle(10_000).batch(c.batch_size)
    net = ViT(c.model)
    sched = optax.warmup_cosine_decay_schedule(0, c.optim.lr, c.optim.warmup_steps, c.num_steps)
    tx = optax.chain(optax.clip_by_global_norm(c.optim.clip), optax.adamw(sched, weight_decay=c.optim.weight_decay))
    rng = jax.random.PRNGKey(c.seed)
    params = net.init(rng, jnp.zeros((1, 32, 32, 3)), False)
    st = tx.init(params)
    def step(p, s, b, key):
        def f(p):
            out = net.apply(p, b["image"].astype(FLAGS.precision) / 255, True, rngs={"dropout": key})
            return optax.softmax_cross_entropy_with_integer_labels(out, b["label"]).mean()
        l, g = jax.value_and_grad(f)(p)
        u, s = tx.update(g, s, p)
        return optax.apply_updates(p, u), s, l
    step = jax.jit(step) if FLAGS.jit else step
    for i, b in zip(range(c.num_steps), ds.as_numpy_iterator()):
        params, st, l = step(params, st, b, jax.random.fold_in(rng, i))
        if i % c.eval_every == 0:
            logging.info("%d %.4f", i, l)

if __name__ == "__main__":
    app.run(main)
