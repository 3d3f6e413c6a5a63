from absl import app, flags
import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

FLAGS = flags.FLAGS
flags.DEFINE_string("dataset", "cifar10", "tfds name")
flags.DEFINE_integer("image_size", 32, "side of the images")
flags.DEFINE_integer("patch_size", 4, "side of a patch")
flags.DEFINE_integer("hidden_dim", 192, "width of the tokens")
flags.DEFINE_integer("mlp_dim", 768, "width of the MLP")
flags.DEFINE_integer("num_layers", 12, "encoder blocks")
flags.DEFINE_integer("num_heads", 3, "attention heads")
flags.DEFINE_float("dropout_rate", 0.0, "dropout")
flags.DEFINE_float("stochastic_depth", 0.1, "drop path rate")
flags.DEFINE_float("base_lr", 1e-3, "peak learning rate")
flags.DEFINE_float("weight_decay", 0.05, "AdamW weight decay")
flags.DEFINE_integer("warmup_steps", 1000, "linear warmup")
flags.DEFINE_integer("train_steps", 50000, "number of updates")
flags.DEFINE_integer("batch_size", 512, "global batch")
flags.DEFINE_float("mixup_alpha", 0.2, "mixup")
flags.DEFINE_float("label_smoothing", 0.1, "smoothing of the targets")
flags.DEFINE_float("clip_norm", 1.0, "global gradient norm")
flags.DEFINE_enum("classifier", "token", ["token", "gap"], "how features are pooled")
flags.DEFINE_bool("bfloat16", False, "compute in bfloat16")
flags.DEFINE_bool("random_crop", True, "pad and crop")
flags.DEFINE_integer("eval_every", 1000, "steps between evaluations")
flags.DEFINE_integer("seed", 0, "rng seed")


def main(_):
    rng = jax.random.PRNGKey(FLAGS.seed)
    sched = optax.warmup_cosine_decay_schedule(0.0, FLAGS.base_lr, FLAGS.warmup_steps, FLAGS.train_steps)
    tx = optax.chain(optax.clip_by_global_norm(FLAGS.clip_norm), optax.adamw(sched, weight_decay=FLAGS.weight_decay))
    model = nn.Dense(FLAGS.hidden_dim)
    params = model.init(rng, jnp.ones((1, FLAGS.image_size)))
    state = tx.init(params)
    for step in range(FLAGS.train_steps):
        if step % FLAGS.eval_every == 0:
            print(f"step {step} train_loss {0:.4f} test_accuracy {0:.4f}")


if __name__ == "__main__":
    app.run(main)
