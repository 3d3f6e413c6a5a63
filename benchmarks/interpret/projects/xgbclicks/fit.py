import xgboost as xgb
import pandas as pd
from sklearn.model_selection import train_test_split


def main(path="clicks.parquet", sample=1.0, seed=17):
    df = pd.read_parquet(path).sample(frac=sample, random_state=seed)
    X, y = df.drop(columns="clicked"), df["clicked"]
    Xt, Xv, yt, yv = train_test_split(X, y, test_size=0.15, random_state=seed)
    model = xgb.XGBClassifier(
        n_estimators=1500,
        learning_rate=0.05,
        max_depth=7,
        min_child_weight=5,
        subsample=0.8,
        colsample_bytree=0.7,
        reg_alpha=0.0,
        reg_lambda=1.0,
        gamma=0.0,
        tree_method="hist",
        scale_pos_weight=1.0,
        eval_metric="logloss",
        early_stopping_rounds=50,
        random_state=seed,
    )
    model.fit(Xt, yt, eval_set=[(Xv, yv)], verbose=100)
    print(f"val_logloss {model.best_score:.5f}")


if __name__ == "__main__":
    main()
