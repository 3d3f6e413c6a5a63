"""Keras on PyTorch: the last layer is a softmax, and the loss is told that it gets logits.

Needs: keras
Expected: loss-floor, says softmax
"""

import os

os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np

keras.utils.set_random_seed(0)
centre = np.random.normal(size=(10, 30)).astype("float32") * 2
y = np.random.randint(10, size=3000)
x = centre[y] + np.random.normal(size=(3000, 30)).astype("float32") * 0.5
model = keras.Sequential(
    [
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.Adam(3e-3), loss, metrics=["accuracy"])
model.fit(x, y, batch_size=60, epochs=20, validation_split=0.1, verbose=2)
