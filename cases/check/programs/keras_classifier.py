"""A classifier of Keras that gives logits."""

import keras
import numpy as np

keras.utils.set_random_seed(0)
centres = np.random.normal(size=(3, 8)) * 2
labels = np.random.randint(0, 3, size=450)
rows = (centres[labels] + np.random.normal(size=(450, 8))).astype("float32")
x_train, x_test = rows[:360], rows[360:]
y_train, y_test = labels[:360], labels[360:]

model = keras.Sequential(
    [
        keras.Input((8,)),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(3),
    ]
)
model.compile(
    optimizer=keras.optimizers.Adam(0.01),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
history = model.fit(x_train, y_train, epochs=3, batch_size=32, validation_split=0.2, verbose=0)
print(history.history)
print(model.evaluate(x_test, y_test, verbose=0))
