import lightgbm as lgb
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

FOLDS = 5
TARGET = "churned"

params = {
    "objective": "binary",
    "metric": "auc",
    "learning_rate": 0.05,
    "num_leaves": 63,
    "max_depth": -1,
    "min_child_samples": 20,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l1": 0.0,
    "lambda_l2": 1.0,
    "scale_pos_weight": 1.0,
    "seed": 2024,
    "verbose": -1,
}
NUM_ROUNDS = 2000
EARLY = 100


def main():
    df = pd.read_parquet("churn.parquet")
    X, y = df.drop(columns=[TARGET, "customer"]), df[TARGET]
    aucs = []
    for a, b in GroupKFold(FOLDS).split(X, y, df["customer"]):
        booster = lgb.train(
            params,
            lgb.Dataset(X.iloc[a], y.iloc[a]),
            num_boost_round=NUM_ROUNDS,
            valid_sets=[lgb.Dataset(X.iloc[b], y.iloc[b])],
            callbacks=[lgb.early_stopping(EARLY), lgb.log_evaluation(200)],
        )
        aucs.append(roc_auc_score(y.iloc[b], booster.predict(X.iloc[b])))
        print(f"fold_auc={aucs[-1]:.5f}")
    print(f"cv_auc={sum(aucs) / len(aucs):.5f}")


if __name__ == "__main__":
    main()
