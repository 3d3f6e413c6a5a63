import json
import sys
import tomllib
from pathlib import Path

import pandas as pd
import xgboost as xgb
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score
from sklearn.model_selection import KFold, StratifiedKFold


def load(path="settings.toml"):
    return tomllib.loads(Path(path).read_text())


def frame(c):
    df = pd.read_parquet(c["table"]).drop(columns=c["drop"])
    test = df.issue_date >= c["test_from"]
    df = df.drop(columns="issue_date")
    y = df.pop(c["target"])
    cats = df.select_dtypes("object").columns
    df[cats] = df[cats].astype("category")
    return (df[~test], y[~test]), (df[test], y[test])


def main():
    c = load(*sys.argv[1:])
    (x, y), (xt, yt) = frame(c["input"])
    params = dict(c["booster"], objective="binary:logistic", seed=c["seed"], nthread=c["jobs"], eval_metric=c["report"]["metric"])
    kind = StratifiedKFold if c["cv"]["stratified"] else KFold
    folds = list(kind(c["cv"]["folds"], shuffle=True, random_state=c["seed"]).split(x, y))
    train = xgb.DMatrix(x, y, enable_categorical=True)
    hist = xgb.cv(params, train, c["rounds"]["limit"], folds=folds, early_stopping_rounds=c["rounds"]["stop_after"])
    model = xgb.train(params, train, len(hist))
    p = model.predict(xgb.DMatrix(xt, enable_categorical=True))
    scores = {"auc": roc_auc_score(yt, p), "aucpr": average_precision_score(yt, p), "logloss": log_loss(yt, p)}
    if c["report"]["shap"]:
        model.predict(xgb.DMatrix(xt, enable_categorical=True), pred_contribs=True)
    out = Path(c["report"]["dir"])
    out.mkdir(exist_ok=True)
    (out / "scores.json").write_text(json.dumps(scores))
    print(scores)


if __name__ == "__main__":
    main()
