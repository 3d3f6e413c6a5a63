"""Keras on PyTorch: dropout, batch normalisation, a rate lowered on plateaus, early stopping.

Needs: keras
Expected: nothing
"""

import os

os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np

keras.utils.set_random_seed(0)
x = np.random.normal(size=(2500, 20)).astype("float32")
y = (x @ np.random.normal(size=(20, 4))).argmax(1)
model = keras.Sequential(
    [
        keras.layers.Dense(64, activation="relu"),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.3),
        keras.layers.Dense(4, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
calls = [
    keras.callbacks.ReduceLROnPlateau(patience=2, factor=0.3),
    keras.callbacks.EarlyStopping(patience=5),
]
model.fit(x, y, batch_size=50, epochs=20, validation_split=0.2, verbose=2, callbacks=calls)
