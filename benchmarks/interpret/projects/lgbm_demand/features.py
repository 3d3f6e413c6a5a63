import numpy as np


def build(df, cfg):
    g = df.groupby("item_id")["sales"]
    for l in cfg["lags"]:
        df[f"lag_{l}"] = g.shift(cfg["horizon"] + l - 7)
    for w in cfg["rolling_windows"]:
        df[f"mean_{w}"] = g.shift(cfg["horizon"]).rolling(w).mean().values
        df[f"std_{w}"] = g.shift(cfg["horizon"]).rolling(w).std().values
    if cfg["use_calendar"]:
        d = df["date"].dt
        df["dow"], df["month"], df["dom"] = d.dayofweek, d.month, d.day
    else:
        df = df.drop(columns=["event"], errors="ignore")
    if cfg["use_prices"]:
        df["price_rel"] = df["price"] / df.groupby("item_id")["price"].transform("mean")
    else:
        df = df.drop(columns=["price"], errors="ignore")
    return df.replace([np.inf, -np.inf], np.nan)
