import argparse, ast, sys, random
import numpy as np, torch
from torch import nn

ap = argparse.ArgumentParser()
ap.add_argument("--task", default="sst2")
ap.add_argument("--out", default="runs/debug")
ap.add_argument("--debug", action="store_true")
args, rest = ap.parse_known_args()

cfg = {
    "seed": 13,
    "lr": 2e-5,
    "epochs": 3,
    "bsz": 32,
    "warmup_frac": 0.06,
    "max_len": 128,
    "clip": 1.0,
    "model": {"hidden": 256, "layers": 2,
              "dropout": 0.1, "bidir": True},
    "opt": dict(name="adamw", betas=(0.9, 0.98), wd=0.01),
}
for kv in rest:
    k, v = kv.split("=", 1)
    try:
        v = ast.literal_eval(v)
    except (ValueError, SyntaxError):
        pass
    node = cfg
    *path, leaf = k.split(".")
    for p in path:
        node = node[p]
    if leaf not in node:
        sys.exit(f"unknown key {k}")
    node[leaf] = v

random.seed(cfg["seed"]); np.random.seed(cfg["seed"]); torch.manual_seed(cfg["seed"])
VOCAB, LABELS = 30000, 2
m = cfg["model"]

class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, m["hidden"])
        self.rnn = nn.LSTM(m["hidden"], m["hidden"], m["layers"], dropout=m["dropout"],
                           bidirectional=m["bidir"], batch_first=True)
        self.out = nn.Linear(m["hidden"] * (2 if m["bidir"] else 1), LABELS)
    def forward(self, x):
        return self.out(self.rnn(self.emb(x))[0].mean(1))

net = Tagger()
O = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[cfg["opt"]["name"]]
opt = O(net.parameters(), cfg["lr"], betas=cfg["opt"]["betas"], weight_decay=cfg["opt"]["wd"])
X, Y = torch.load(f"data/{args.task}.pt")
X = X[:, :cfg["max_len"]]
total = cfg["epochs"] * len(X) // cfg["bsz"]
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1, s / max(1, cfg["warmup_frac"] * total)))
for ep in range(1 if args.debug else cfg["epochs"]):
    for idx in torch.randperm(len(X)).split(cfg["bsz"]):
        loss = nn.functional.cross_entropy(net(X[idx]), Y[idx])
        opt.zero_grad(); loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), cfg["clip"]); opt.step(); sched.step()
torch.save(net.state_dict(), args.out + "/model.pt")
