import numpy as np
import pandas as pd
from tensorflow import keras


def windows(values, length, horizon, stride):
    xs = [values[i : i + length] for i in range(0, len(values) - length - horizon, stride)]
    ys = [values[i + length : i + length + horizon] for i in range(0, len(values) - length - horizon, stride)]
    return np.array(xs)[..., None], np.array(ys)


def main():
    csv = "data/load.csv"
    window = 168
    horizon = 24
    stride = 1
    lstm_units = 64
    num_layers = 2
    dropout = 0.2
    recurrent_dropout = 0.0
    learning_rate = 1e-3
    batch_size = 64
    epochs = 50
    patience = 5
    loss = "mae"
    bidirectional = False
    scale = "standard"
    val_fraction = 0.2
    clipnorm = 1.0
    seed = 13

    keras.utils.set_random_seed(seed)
    series = pd.read_csv(csv)["load"].to_numpy()
    if scale == "standard":
        series = (series - series.mean()) / series.std()
    elif scale == "minmax":
        series = (series - series.min()) / (series.max() - series.min())
    x, y = windows(series, window, horizon, stride)
    model = keras.Sequential()
    for layer in range(num_layers):
        cell = keras.layers.LSTM(lstm_units, return_sequences=layer < num_layers - 1, dropout=dropout, recurrent_dropout=recurrent_dropout)
        model.add(keras.layers.Bidirectional(cell) if bidirectional else cell)
    model.add(keras.layers.Dense(horizon))
    model.compile(optimizer=keras.optimizers.Adam(learning_rate, clipnorm=clipnorm), loss=loss, metrics=["mae"])
    stop = keras.callbacks.EarlyStopping(patience=patience, restore_best_weights=True)
    model.fit(x, y, validation_split=val_fraction, batch_size=batch_size, epochs=epochs, callbacks=[stop])


if __name__ == "__main__":
    main()
