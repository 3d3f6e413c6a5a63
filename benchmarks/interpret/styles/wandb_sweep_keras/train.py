import random
import tensorflow as tf, wandb
from tensorflow import keras
from wandb.integration.keras import WandbMetricsLogger

defaults = dict(
    filters=32,
    kernel=3,
    dense_units=128,
    dropout=0.4,
    optimizer="adam",
    learning_rate=1e-3,
    batch_size=64,
    rotation=0.05,
    seed=21,
)

def make_model(c):
    return keras.Sequential([
        keras.layers.Input((32, 32, 3)), keras.layers.Rescaling(1 / 255.),
        keras.layers.RandomRotation(c.rotation), keras.layers.RandomFlip("horizontal"),
        keras.layers.Conv2D(c.filters, c.kernel, activation="relu"), keras.layers.MaxPooling2D(),
        keras.layers.Conv2D(c.filters * 2, c.kernel, activation="relu"), keras.layers.MaxPooling2D(),
        keras.layers.Flatten(), keras.layers.Dense(c.dense_units, activation="relu"),
        keras.layers.Dropout(c.dropout), keras.layers.Dense(10)])

def train():
    run = wandb.init(project="cifar-keras", config=defaults)
    c = wandb.config
    c.setdefaults({"l2": 0.0})
    random.seed(c.seed); tf.random.set_seed(c.seed)
    (x, y), (xt, yt) = keras.datasets.cifar10.load_data()
    model = make_model(c)
    if c.get("l2"):
        model.layers[-1].kernel_regularizer = keras.regularizers.l2(c.l2)
    opt = keras.optimizers.get({"class_name": c.optimizer, "config": {"learning_rate": c.learning_rate}})
    model.compile(optimizer=opt, loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    model.fit(x, y, batch_size=c.batch_size, epochs=25, validation_split=0.1, verbose=2,
              callbacks=[WandbMetricsLogger(),
                         keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=3),
                         keras.callbacks.EarlyStopping(patience=7, restore_best_weights=True)])
    run.summary["test_acc"] = model.evaluate(xt, yt)[1]
    model.save("model.keras")

if __name__ == "__main__":
    train()
