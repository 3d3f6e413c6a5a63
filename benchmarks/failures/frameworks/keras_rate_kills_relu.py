"""Keras on PyTorch: SGD at a rate of 3 kills the units of the hidden layers in the first steps.

Needs: keras
Expected: dead-units or not-learning or non-finite
Also: weights-unchanged, vanishing-gradient, loss-floor, diverged, exploding-gradient, validation-at-chance
"""

import os

os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np

keras.utils.set_random_seed(0)
x = np.random.normal(size=(2000, 20)).astype("float32") + 1
y = (x[:, :5].argmax(1)).astype("int64")
layers = [keras.layers.Dense(64, activation="relu") for _ in range(3)]
model = keras.Sequential([*layers, keras.layers.Dense(5)])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.SGD(3.0), loss, metrics=["accuracy"])
model.fit(x, y, batch_size=50, epochs=15, validation_split=0.1, verbose=2)
