"""Demand forecast (M5-like).  python main.py [config/params.json]"""
import json
import pathlib
import sys

import lightgbm as lgb
import numpy as np
import pandas as pd

from features import build


def rmsse(y, p, scale):
    return float(np.sqrt(np.mean((y - p) ** 2) / scale))


def wape(y, p):
    return float(np.abs(y - p).sum() / np.abs(y).sum())


def bias(y, p):
    return float((p - y).sum() / y.sum())


def main(config_path="config/params.json"):
    cfg = json.loads(pathlib.Path(config_path).read_text())
    d, m, fit = cfg["data"], cfg["model"], cfg["fit"]
    df = pd.read_parquet(d["path"])
    if d["store"]:
        df = df[df["store_id"] == d["store"]]
    n = df.groupby("item_id")["date"].transform("count")
    df = build(df[n >= d["min_history_days"]].sort_values(["item_id", "date"]), d)
    cut = df["date"].max() - pd.Timedelta(days=d["val_days"])
    cols = [c for c in df.columns if c not in ("date", "sales", "item_id", "store_id")]
    tr, va = df[df["date"] <= cut], df[df["date"] > cut]
    y = np.log1p(tr["sales"]) if fit["log_target"] else tr["sales"]
    yv = np.log1p(va["sales"]) if fit["log_target"] else va["sales"]
    params = {k: v for k, v in m.items()}
    params["metric"] = "rmse"
    cb = [lgb.log_evaluation(100)]
    if fit["early_stopping_rounds"]:
        cb.append(lgb.early_stopping(fit["early_stopping_rounds"]))
    booster = lgb.train(params, lgb.Dataset(tr[cols], y), num_boost_round=fit["num_boost_round"],
                        valid_sets=[lgb.Dataset(va[cols], yv)], callbacks=cb)
    if fit["recursive"]:
        raise NotImplementedError("recursive forecast lives in recursive.py")
    p = booster.predict(va[cols])
    if fit["log_target"]:
        p = np.expm1(p)
    scale = np.mean(np.diff(tr["sales"].values) ** 2)
    res = {"rmsse": rmsse(va["sales"], p, scale), "wape": wape(va["sales"], p), "bias": bias(va["sales"], p)}
    print("RESULT " + json.dumps(res))
    out = pathlib.Path(cfg["output"])
    out.mkdir(parents=True, exist_ok=True)
    booster.save_model(str(out / "model.txt"))
    (out / "result.json").write_text(json.dumps(res))
    imp = pd.Series(booster.feature_importance("gain"), cols).sort_values(ascending=False)
    print(imp.head(20).to_string())


if __name__ == "__main__":
    main(*sys.argv[1:])
