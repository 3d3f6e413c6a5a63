import json
import sys

import keras
import numpy as np
import pandas as pd
from keras import layers

P = json.load(open(sys.argv[1] if len(sys.argv) > 1 else "params.json"))


def tcn(inp, n):
    x = inp
    for _ in range(n["stacks"]):
        for d in n["dilations"]:
            y = layers.Conv1D(n["filters"], n["kernel_size"], padding="causal", dilation_rate=d, activation="relu")(x)
            if n["use_layer_norm"]:
                y = layers.LayerNormalization()(y)
            y = layers.SpatialDropout1D(n["spatial_dropout"])(y)
            x = layers.add([layers.Conv1D(n["filters"], 1)(x), y])
    return x[:, -1]


def gru(inp, n):
    return layers.GRU(n["gru_units"], dropout=n["spatial_dropout"])(inp)


def series():
    df = pd.read_csv(P["csv"], parse_dates=["time"], index_col="time").resample(P["resample"]).mean().interpolate()
    cols = [P["column"]]
    if P["use_wind"]:
        cols += ["wind_u", "wind_v"]
    if P["use_moon_phase"]:
        cols.append("moon_phase")
    return df[cols]


def main():
    keras.utils.set_random_seed(P["seed"])
    df = series()
    per_hour = int(pd.Timedelta("1h") / pd.Timedelta(P["resample"]))
    back, ahead = P["history_hours"] * per_hour, P["ahead_hours"] * per_hour
    v = df.values.astype("float32")
    x = np.stack([v[i : i + back] for i in range(len(v) - back - ahead)])
    y = v[back + ahead - 1 : -1, 0][: len(x)]
    test = df.index.year[back : back + len(x)] >= P["test_year"]
    inp = keras.Input(x.shape[1:])
    body = {"tcn": tcn, "gru": gru}[P["net"]["kind"]](inp, P["net"])
    model = keras.Model(inp, layers.Dense(1)(body))
    f = P["fit"]
    opt = keras.optimizers.get({"class_name": f["optimizer"], "config": {"learning_rate": f["learning_rate"], "clipnorm": f["clipnorm"]}})
    model.compile(opt, f["loss"], metrics=["mae", "mse"])
    cbs = [
        keras.callbacks.EarlyStopping(patience=f["early_stopping"], restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau(factor=f["reduce_lr_factor"], patience=f["reduce_lr_patience"]),
    ]
    model.fit(x[~test], y[~test], f["batch_size"], f["epochs"], validation_split=0.1, callbacks=cbs)
    loss, mae, mse = model.evaluate(x[test], y[test])
    print(f"test_mae {mae:.3f} test_rmse {mse ** 0.5:.3f}")
    model.save(P["model_file"])


if __name__ == "__main__":
    main()
