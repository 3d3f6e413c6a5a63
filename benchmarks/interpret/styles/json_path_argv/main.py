import argparse, json, os
import numpy as np, pandas as pd, torch, torch.nn as nn
from rdkit import Chem
from rdkit.Chem import AllChem
from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles

ap = argparse.ArgumentParser()
ap.add_argument("--config", "-c", required=True)
ap.add_argument("--output", "-o", default="runs/tmp")
a = ap.parse_args()
P = json.load(open(a.config))

def featurize(smi):
    m = Chem.MolFromSmiles(smi)
    return np.array(AllChem.GetMorganFingerprintAsBitVect(m, **P["fingerprint"]), dtype=np.float32)

def split(df):
    if P["data"]["split"] == "scaffold":
        df = df.assign(s=[MurckoScaffoldSmiles(s) for s in df.smiles]).sort_values("s")
    else:
        df = df.sample(frac=1, random_state=P["seed"])
    n = int(P["data"]["frac_train"] * len(df))
    return df[:n], df[n:]

def build(net):
    sizes, out = [P["fingerprint"]["nBits"], *net["layer_sizes"]], []
    for i, o in zip(sizes, sizes[1:]):
        out.append(nn.Linear(i, o))
        if net["batchnorm"]:
            out.append(nn.BatchNorm1d(o))
        out += [nn.ReLU(), nn.Dropout(net["dropouts"])]
    return nn.Sequential(*out, nn.Linear(sizes[-1], 1))

torch.manual_seed(P["seed"])
tr, te = split(pd.read_csv(P["data"]["train_csv"]))
X, Xt = (torch.tensor(np.stack([featurize(s) for s in d.smiles])) for d in (tr, te))
y, yt = (torch.tensor(d.label.values).float() for d in (tr, te))
net = build(P["network"])
opt = getattr(torch.optim, P["optimizer"]["type"])(net.parameters(), **P["optimizer"]["args"])
bce, best, bad = nn.BCEWithLogitsLoss(), 1e9, 0
for ep in range(P["n_epoch"]):
    net.train()
    for i in torch.randperm(len(X)).split(P["batch"]):
        l = bce(net(X[i])[:, 0], y[i]); opt.zero_grad(); l.backward(); opt.step()
    net.eval(); v = bce(net(Xt)[:, 0], yt).item()
    best, bad = (v, 0) if v < best else (best, bad + 1)
    if P["early_stop"] and bad >= P["early_stop"]:
        break
os.makedirs(a.output, exist_ok=True)
json.dump({"val": best, "params": P}, open(a.output + "/result.json", "w"))
