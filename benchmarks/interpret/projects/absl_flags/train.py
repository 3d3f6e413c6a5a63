import jax
import optax
from absl import app, flags

FLAGS = flags.FLAGS
flags.DEFINE_float("learning_rate", 1e-3, "Learning rate.")
flags.DEFINE_integer("batch_size", 512, "Batch size.")
flags.DEFINE_integer("num_steps", 10000, "Steps.")
flags.DEFINE_integer("warmup_steps", 500, "Warmup.")
flags.DEFINE_float("weight_decay", 1e-4, "Decay.")
flags.DEFINE_float("clip_norm", 1.0, "Clip.")
flags.DEFINE_integer("hidden_size", 256, "Width.")
flags.DEFINE_integer("num_layers", 4, "Depth.")
flags.DEFINE_float("dropout_rate", 0.1, "Dropout.")
flags.DEFINE_enum("activation", "gelu", ["relu", "gelu", "silu"], "Activation.")
flags.DEFINE_enum("schedule", "cosine", ["cosine", "linear", "constant"], "Schedule.")
flags.DEFINE_bool("use_ema", False, "EMA of the weights.")
flags.DEFINE_float("temperature", 1.0, "Softmax temperature.")
flags.DEFINE_integer("eval_every", 500, "Steps between evaluations.")
flags.DEFINE_integer("seed", 0, "Seed.")


def main(_):
    key = jax.random.PRNGKey(FLAGS.seed)
    tx = optax.adamw(FLAGS.learning_rate, weight_decay=FLAGS.weight_decay)
    for step in range(FLAGS.num_steps):
        print({"step": step, "val_loss": 1.0, "val_accuracy": 0.5})


if __name__ == "__main__":
    app.run(main)
