"""Two-tower retrieval on MovieLens (TF / Keras)."""
import os
import time

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from absl import app, flags, logging

FLAGS = flags.FLAGS

flags.DEFINE_enum("dataset", "100k", ["100k", "1m", "20m"], "MovieLens variant.")
flags.DEFINE_integer("embedding_dim", 32, "Width of user and item embeddings.")
flags.DEFINE_list("tower_units", ["64", "32"], "Hidden layer sizes of each tower.")
flags.DEFINE_float("learning_rate", 0.1, "Initial learning rate.")
flags.DEFINE_enum("optimizer", "adagrad", ["adagrad", "adam", "sgd"], "Optimizer to use.")
flags.DEFINE_integer("batch_size", 4096, "Training batch size.")
flags.DEFINE_integer("num_epochs", 10, "Number of passes over the data.")
flags.DEFINE_float("temperature", 1.0, "Softmax temperature of the in-batch loss.")
flags.DEFINE_boolean("logq_correction", False, "Correct in-batch negatives for item popularity.")
flags.DEFINE_integer("extra_negatives", 0, "Uniformly sampled negatives added to each batch.")
flags.DEFINE_boolean("normalize", True, "L2-normalise tower outputs.")
flags.DEFINE_float("l2", 0.0, "L2 regularisation on embeddings.", lower_bound=0.0)
flags.DEFINE_float("dropout", 0.0, "Dropout in the towers.")
flags.DEFINE_boolean("use_timestamp", False, "Feed the time of the event to the user tower.")
flags.DEFINE_multi_integer("top_k", [10, 50, 100], "Cutoffs for recall.")
flags.DEFINE_float("test_fraction", 0.2, "Share of interactions held out.")
flags.DEFINE_integer("seed", 42, "Random seed.")
flags.DEFINE_string("model_dir", "/tmp/twotower", "Output directory.")


class Tower(tf.keras.Model):
    def __init__(self, n, name):
        super().__init__(name=name)
        reg = tf.keras.regularizers.l2(FLAGS.l2) if FLAGS.l2 else None
        self.emb = tf.keras.layers.Embedding(n, FLAGS.embedding_dim, embeddings_regularizer=reg)
        self.mlp = tf.keras.Sequential()
        for u in FLAGS.tower_units:
            self.mlp.add(tf.keras.layers.Dense(int(u), activation="relu"))
            if FLAGS.dropout:
                self.mlp.add(tf.keras.layers.Dropout(FLAGS.dropout))

    def call(self, ids, time=None, training=False):
        h = self.emb(ids)
        if FLAGS.use_timestamp and time is not None:
            h = tf.concat([h, time[:, None]], -1)
        out = self.mlp(h, training=training)
        return tf.math.l2_normalize(out, -1) if FLAGS.normalize else out


def loss_fn(u, v, items, logq, extra=None):
    if extra is not None:
        v = tf.concat([v, extra], 0)
    logits = tf.matmul(u, v, transpose_b=True) / FLAGS.temperature
    if FLAGS.logq_correction:
        q = tf.gather(logq, items)
        if extra is not None:
            q = tf.concat([q, tf.zeros(tf.shape(extra)[0])], 0)
        logits -= q[None, :]
    labels = tf.range(tf.shape(u)[0])
    return tf.reduce_mean(tf.keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True))


def load():
    ds = tfds.load(f"movielens/{FLAGS.dataset}-ratings", split="train")
    users, items, ts = zip(*[(int(x["user_id"]), int(x["movie_id"]), int(x["timestamp"])) for x in tfds.as_numpy(ds)])
    return np.array(users), np.array(items), np.array(ts)


def recall(scores, truth, k):
    top = np.argpartition(-scores, k, axis=1)[:, :k]
    return float(np.mean([t in row for t, row in zip(truth, top)]))


def main(_):
    tf.keras.utils.set_random_seed(FLAGS.seed)
    users, items, ts = load()
    order = np.argsort(ts)
    cut = int(len(order) * (1 - FLAGS.test_fraction))
    tr, te = order[:cut], order[cut:]
    logq = np.log(np.bincount(items[tr], minlength=items.max() + 1) / len(tr) + 1e-9).astype("float32")
    ut, it = Tower(users.max() + 1, "user"), Tower(items.max() + 1, "item")
    opt = {"adagrad": tf.keras.optimizers.Adagrad, "adam": tf.keras.optimizers.Adam, "sgd": tf.keras.optimizers.SGD}[FLAGS.optimizer](FLAGS.learning_rate)
    data = tf.data.Dataset.from_tensor_slices((users[tr], items[tr], (ts[tr] / ts.max()).astype("float32"))).shuffle(100_000).batch(FLAGS.batch_size)
    for epoch in range(FLAGS.num_epochs):
        t0 = time.time()
        for u, i, t in data:
            with tf.GradientTape() as tape:
                neg = it(np.random.randint(items.max() + 1, size=FLAGS.extra_negatives)) if FLAGS.extra_negatives else None
                loss = loss_fn(ut(u, t, training=True), it(i, training=True), i, logq, neg)
            vs = ut.trainable_variables + it.trainable_variables
            opt.apply_gradients(zip(tape.gradient(loss, vs), vs))
        allv = it(np.arange(items.max() + 1)).numpy()
        sc = ut(users[te], (ts[te] / ts.max()).astype("float32")).numpy() @ allv.T
        rec = {f"recall@{k}": recall(sc, items[te], k) for k in FLAGS.top_k}
        logging.info("epoch %d loss %.4f %s (%.1fs)", epoch, loss, rec, time.time() - t0)
    ut.save_weights(os.path.join(FLAGS.model_dir, "user.weights.h5"))


if __name__ == "__main__":
    app.run(main)
