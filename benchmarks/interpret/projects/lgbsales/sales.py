import lightgbm as lgb
import numpy as np
import pandas as pd

TRAIN_CSV = "sales_train.csv"
HORIZON = 28
LAGS = [1, 7, 14, 28]
N_SPLITS = 4
SEED = 2024

params = {
    "objective": "tweedie",
    "tweedie_variance_power": 1.1,
    "metric": "rmse",
    "learning_rate": 0.03,
    "num_leaves": 127,
    "max_depth": -1,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l1": 0.0,
    "lambda_l2": 0.1,
    "max_bin": 255,
    "boosting": "gbdt",
    "num_threads": 4,
    "seed": SEED,
}
NUM_BOOST_ROUND = 2000
EARLY_STOPPING_ROUNDS = 100


def main():
    df = pd.read_csv(TRAIN_CSV)
    for lag in LAGS:
        df[f"lag_{lag}"] = df.groupby("item")["sales"].shift(lag + HORIZON)
    scores = []
    for fold in range(N_SPLITS):
        cut = len(df) - (fold + 1) * HORIZON
        dtrain = lgb.Dataset(df[:cut].drop(columns="sales"), df[:cut]["sales"])
        dval = lgb.Dataset(df[cut : cut + HORIZON].drop(columns="sales"), df[cut : cut + HORIZON]["sales"])
        model = lgb.train(params, dtrain, NUM_BOOST_ROUND, valid_sets=[dval], callbacks=[lgb.early_stopping(EARLY_STOPPING_ROUNDS)])
        scores.append(model.best_score["valid_0"]["rmse"])
    print(f"cv_rmse {np.mean(scores):.4f}")


if __name__ == "__main__":
    main()
