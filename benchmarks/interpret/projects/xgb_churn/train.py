"""Customer churn with gradient boosting.

    python train.py data/churn.csv --trees 800 --lr 0.05
"""
import json
import pathlib

import click
import numpy as np
import pandas as pd
import xgboost as xgb
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold

CATS = ["plan", "region", "payment", "channel"]


def features(df, drop_cols, log_amounts):
    y = df.pop("churned").astype(int)
    df = df.drop(columns=list(drop_cols) + ["customer_id"], errors="ignore")
    if log_amounts:
        for c in df.columns:
            if c.startswith("amt_"):
                df[c] = np.log1p(df[c].clip(lower=0))
    for c in CATS:
        if c in df:
            df[c] = df[c].astype("category")
    return df, y


@click.command()
@click.argument("csv", type=click.Path(exists=True))
@click.option("--model", type=click.Choice(["xgb", "logreg"]), default="xgb", show_default=True)
@click.option("--trees", default=500, help="Number of boosting rounds.")
@click.option("--lr", default=0.1, help="Shrinkage (eta).")
@click.option("--depth", default=6, help="Max depth of a tree.")
@click.option("--min-child-weight", default=1.0)
@click.option("--subsample", default=1.0, help="Row subsampling ratio per tree.")
@click.option("--colsample", default=1.0, help="Column subsampling ratio per tree.")
@click.option("--reg-lambda", default=1.0, help="L2 on leaf weights.")
@click.option("--reg-alpha", default=0.0, help="L1 on leaf weights.")
@click.option("--gamma", default=0.0, help="Minimum loss reduction for a split.")
@click.option("--scale-pos/--no-scale-pos", default=False, help="Reweight positives by class ratio.")
@click.option("--early-stopping", type=int, default=50, help="Rounds without improvement; 0 disables.")
@click.option("--eval-metric", type=click.Choice(["auc", "aucpr", "logloss"]), default="auc")
@click.option("--folds", default=5, help="CV folds")
@click.option("--drop", "drop_cols", multiple=True, help="Columns to leave out (repeatable).")
@click.option("--log-amounts", is_flag=True, help="log1p all amt_* columns")
@click.option("--tree-method", type=click.Choice(["hist", "approx", "exact"]), default="hist")
@click.option("--seed", default=42)
@click.option("--out", type=click.Path(path_type=pathlib.Path), default="out")
def main(csv, model, trees, lr, depth, min_child_weight, subsample, colsample, reg_lambda, reg_alpha, gamma,
         scale_pos, early_stopping, eval_metric, folds, drop_cols, log_amounts, tree_method, seed, out):
    X, y = features(pd.read_csv(csv), drop_cols, log_amounts)
    scores = []
    for k, (tr, va) in enumerate(StratifiedKFold(folds, shuffle=True, random_state=seed).split(X, y)):
        if model == "logreg":
            Xn = pd.get_dummies(X).fillna(0)
            clf = LogisticRegression(max_iter=2000).fit(Xn.iloc[tr], y.iloc[tr])
            p = clf.predict_proba(Xn.iloc[va])[:, 1]
        else:
            pos = y.iloc[tr].mean()
            clf = xgb.XGBClassifier(
                n_estimators=trees, learning_rate=lr, max_depth=depth, min_child_weight=min_child_weight,
                subsample=subsample, colsample_bytree=colsample, reg_lambda=reg_lambda, reg_alpha=reg_alpha,
                gamma=gamma, scale_pos_weight=(1 - pos) / pos if scale_pos else 1.0, eval_metric=eval_metric,
                early_stopping_rounds=early_stopping or None, tree_method=tree_method, enable_categorical=True,
                random_state=seed)
            clf.fit(X.iloc[tr], y.iloc[tr], eval_set=[(X.iloc[va], y.iloc[va])], verbose=False)
            p = clf.predict_proba(X.iloc[va])[:, 1]
        s = {"auc": roc_auc_score(y.iloc[va], p), "ap": average_precision_score(y.iloc[va], p),
             "logloss": log_loss(y.iloc[va], p), "f1": f1_score(y.iloc[va], p > 0.5)}
        print("fold", k, json.dumps(s))
        scores.append(s)
    mean = {k: float(np.mean([s[k] for s in scores])) for k in scores[0]}
    print("mean", json.dumps(mean))
    out.mkdir(exist_ok=True, parents=True)
    (out / "metrics.json").write_text(json.dumps(mean))


if __name__ == "__main__":
    main()
