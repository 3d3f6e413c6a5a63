"""A forecast from lagged values, split by time."""

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error, r2_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def table(days=300, seed=0):
    generator = np.random.default_rng(seed)
    load = 10 + np.sin(np.arange(days) / 7) + generator.normal(0, 0.3, days).cumsum() * 0.1
    frame = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=days), "load": load})
    frame["yesterday"] = frame["load"].shift(1)
    frame["last_week"] = frame["load"].shift(7)
    frame["mean_week"] = frame["yesterday"].rolling(7).mean()
    return frame.dropna()


def main():
    frame = table()
    features = frame[["yesterday", "last_week", "mean_week"]]
    target = frame["load"]
    X_train, X_test, y_train, y_test = train_test_split(
        features, target, test_size=0.2, shuffle=False
    )
    model = make_pipeline(StandardScaler(), Ridge())
    model.fit(X_train, y_train)
    predicted = model.predict(X_test)
    print("mse", mean_squared_error(y_test, predicted))
    print("r2", r2_score(y_test, predicted))


if __name__ == "__main__":
    main()
