"""Keras on PyTorch: a generator that was meant to go on draws one batch and yields it for ever.

Needs: keras
Expected: repeated-batches or overfitting or validation-at-chance
Also: too-good
"""

import os

os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np

keras.utils.set_random_seed(0)
x = np.random.normal(size=(2000, 20)).astype("float32")
y = (x @ np.random.normal(size=(20, 5))).argmax(1)


def batches():
    rows = np.random.permutation(1600)[:40]
    while True:
        yield x[rows], y[rows]


model = keras.Sequential([keras.layers.Dense(128, activation="relu"), keras.layers.Dense(5)])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.Adam(3e-3), loss, metrics=["accuracy"])
model.fit(batches(), steps_per_epoch=40, epochs=20, validation_data=(x[1600:], y[1600:]), verbose=2)
