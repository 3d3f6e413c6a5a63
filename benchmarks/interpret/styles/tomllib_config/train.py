import math, pathlib, sys, tomllib
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F

path = pathlib.Path(sys.argv[1])
with path.open("rb") as f:
    C = tomllib.load(f)
data, model, optim, log = C["data"], C["model"], C["optim"], C["log"]
wd = optim.get("weight_decay", 0.1)
torch.manual_seed(C.get("seed", 0))

class MoE(nn.Module):
    def __init__(self, d, n, k):
        super().__init__()
        self.k, self.gate = k, nn.Linear(d, n)
        self.ex = nn.ModuleList(nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d)) for _ in range(n))
    def forward(self, x):
        p = self.gate(x).softmax(-1)
        w, i = p.topk(self.k)
        m = torch.zeros_like(p).scatter(-1, i, w)
        self.aux = p.mean((0, 1)).pow(2).sum() * p.size(-1)
        return x + sum(m[..., e:e + 1] * f(x) for e, f in enumerate(self.ex))

class LM(nn.Module):
    def __init__(self):
        super().__init__()
        d = model["d_model"]
        self.emb, self.rnn = nn.Embedding(data["vocab"], d), nn.GRU(d, d, batch_first=True)
        self.moe = nn.Sequential(*[MoE(d, model["n_experts"], model["top_k"]) for _ in range(model["layers"])])
    def forward(self, x):
        return self.moe(self.rnn(self.emb(x))[0]) @ self.emb.weight.T

tokens = np.memmap(data["train"], np.uint16, "r")
net = LM()
opt = torch.optim.AdamW(net.parameters(), weight_decay=wd)
for it in range(optim["steps"]):
    cos = 0.5 * (1 + math.cos(math.pi * it / optim["steps"]))
    opt.param_groups[0]["lr"] = optim["min_lr"] + (optim["peak_lr"] - optim["min_lr"]) * cos
    j = np.random.randint(0, len(tokens) - data["seq_len"] - 1, optim["batch"])
    b = torch.tensor(np.stack([tokens[i:i + data["seq_len"] + 1] for i in j]).astype(np.int64))
    loss = F.cross_entropy(net(b[:, :-1]).flatten(0, 1), b[:, 1:].flatten()) + optim["aux_loss"] * sum(l.aux for l in net.moe)
    opt.zero_grad(); loss.backward(); opt.step()
    if it % log["every"] == 0:
        print(it, loss.item())
torch.save(net.state_dict(), f"{log['dir']}/{C['name']}.pt")
