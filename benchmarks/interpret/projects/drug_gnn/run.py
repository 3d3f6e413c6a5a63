import sys
import time

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib

import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import average_precision_score, mean_squared_error, roc_auc_score
from torch_geometric.loader import DataLoader
from torch_geometric.nn import global_add_pool, global_mean_pool

from nets import NETS
from splits import random_split, scaffold_split

REGRESSION = {"esol", "freesolv", "lipo"}


def noam(opt, cfg, steps):
    w = int(cfg["warmup_epochs"] * steps)
    total = cfg["epochs"] * steps

    def f(i):
        if i < w:
            return (cfg["init_lr"] + (cfg["max_lr"] - cfg["init_lr"]) * i / w) / cfg["max_lr"]
        return (cfg["final_lr"] / cfg["max_lr"]) ** ((i - w) / (total - w))
    return torch.optim.lr_scheduler.LambdaLR(opt, f)


class Predictor(nn.Module):
    def __init__(self, n, out):
        super().__init__()
        self.mp = NETS[n["kind"]](n["hidden"], n["depth"], n["dropout"], n["virtual_node"])
        self.pool = {"mean": global_mean_pool, "sum": global_add_pool, "norm": lambda x, b: global_add_pool(x, b) / 100}[n["aggregation"]]
        dims = [n["hidden"]] + [n["ffn_hidden"]] * (n["ffn_layers"] - 1)
        layers = []
        for a, b in zip(dims[:-1], dims[1:]):
            layers += [nn.Linear(a, b), nn.ReLU(), nn.Dropout(n["dropout"])]
        self.ffn = nn.Sequential(*layers, nn.Linear(dims[-1], out))

    def forward(self, d):
        return self.ffn(self.pool(self.mp(d), d.batch))


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else "config.toml"
    with open(path, "rb") as f:
        cfg = tomllib.load(f)
    D, N, T = cfg["dataset"], cfg["network"], cfg["training"]
    dev = "cuda" if T["gpu"] else "cpu"
    from data import load
    ds = load(D["name"], D["features"])
    split = scaffold_split if D["split"] == "scaffold" else random_split
    tr, va, te = split(ds, D["frac_train"], D["frac_valid"], T["seed"])
    reg = D["name"] in REGRESSION
    preds = []
    for member in range(T["ensemble_size"]):
        torch.manual_seed(T["seed"] + 1000 * member)
        net = Predictor(N, ds.num_tasks).to(dev)
        opt = torch.optim.Adam(net.parameters(), lr=T["max_lr"], weight_decay=T["weight_decay"])
        loader = DataLoader(tr, T["batch_size"], shuffle=True)
        sched = noam(opt, T, len(loader))
        crit = nn.MSELoss() if reg else nn.BCEWithLogitsLoss()
        for epoch in range(T["epochs"]):
            t0 = time.time()
            for b in loader:
                loss = crit(net(b.to(dev)), b.y)
                opt.zero_grad(); loss.backward(); opt.step(); sched.step()
            print(f"[{member}] epoch {epoch} loss {loss.item():.4f} valid {score(net, va, reg, dev)} {time.time() - t0:.1f}s")
        preds.append(predict(net, te, dev))
    p, y = np.mean(preds, 0), np.array([d.y for d in te])
    if reg:
        print("test_rmse:", mean_squared_error(y, p) ** 0.5)
    else:
        print("test_auc:", roc_auc_score(y, p), "test_prauc:", average_precision_score(y, p))


def predict(net, ds, dev):
    net.eval()
    with torch.no_grad():
        return np.concatenate([net(b.to(dev)).cpu().numpy() for b in DataLoader(ds, 200)])


def score(net, ds, reg, dev):
    p, y = predict(net, ds, dev), np.array([d.y for d in ds])
    return {"rmse": mean_squared_error(y, p) ** 0.5} if reg else {"auc": roc_auc_score(y, p)}


if __name__ == "__main__":
    main()
