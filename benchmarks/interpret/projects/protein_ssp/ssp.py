"""Secondary structure prediction (Q3/Q8) on top of frozen or finetuned ESM-2."""
import enum
import time
from pathlib import Path
from typing import List, Optional

import numpy as np
import torch
import torch.nn as nn
import typer

app = typer.Typer(add_completion=False)


class Head(str, enum.Enum):
    linear = "linear"
    mlp = "mlp"
    bilstm = "bilstm"


class Esm(str, enum.Enum):
    t6_8M = "esm2_t6_8M_UR50D"
    t12_35M = "esm2_t12_35M_UR50D"
    t33_650M = "esm2_t33_650M_UR50D"


class Tagger(nn.Module):
    def __init__(self, esm, dim, head, hidden, classes, dropout):
        super().__init__()
        self.esm = esm
        self.drop = nn.Dropout(dropout)
        if head is Head.linear:
            self.head = nn.Linear(dim, classes)
        elif head is Head.mlp:
            self.head = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, classes))
        else:
            self.rnn = nn.LSTM(dim, hidden, batch_first=True, bidirectional=True)
            self.head = nn.Linear(2 * hidden, classes)

    def forward(self, tokens):
        h = self.drop(self.esm(tokens, repr_layers=[self.esm.num_layers])["representations"][self.esm.num_layers])
        if hasattr(self, "rnn"):
            h, _ = self.rnn(h)
        return self.head(h)


@app.command()
def train(
    data: Path = typer.Argument(..., help="Folder with train/valid/cb513 .npz files"),
    esm: Esm = typer.Option(Esm.t12_35M, help="Language model used for embeddings"),
    head: Head = typer.Option(Head.mlp),
    hidden: int = typer.Option(256, help="Hidden width of the head"),
    states: int = typer.Option(3, help="3 (Q3) or 8 (Q8) classes"),
    freeze: bool = typer.Option(True, "--freeze/--finetune", help="Keep ESM weights fixed"),
    lr: float = typer.Option(1e-3, help="Learning rate of the head"),
    esm_lr: float = typer.Option(1e-5, help="Learning rate of ESM when finetuned"),
    epochs: int = 15,
    batch_tokens: int = typer.Option(4096, help="Residues per batch"),
    max_len: int = typer.Option(512, help="Crop longer chains"),
    dropout: float = 0.1,
    weight_decay: float = 0.01,
    class_weights: bool = typer.Option(False, help="Inverse-frequency weighting of the loss"),
    max_identity: int = typer.Option(25, help="Sequence identity cutoff to the test set, percent"),
    subset: Optional[float] = typer.Option(None, help="Use only this fraction of the training proteins"),
    device: str = "cuda",
    seed: int = 0,
    out: Path = Path("runs/ssp"),
):
    if states not in (3, 8):
        raise typer.BadParameter("states must be 3 or 8")
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    import esm as esm_lib
    lm, alphabet = getattr(esm_lib.pretrained, esm.value)()
    model = Tagger(lm, lm.embed_dim, head, hidden, states, dropout).to(device)
    for p in lm.parameters():
        p.requires_grad = not freeze
    groups = [{"params": [p for n, p in model.named_parameters() if not n.startswith("esm")], "lr": lr}]
    if not freeze:
        groups.append({"params": lm.parameters(), "lr": esm_lr})
    opt = torch.optim.AdamW(groups, weight_decay=weight_decay)
    ds = load(data / "train.npz", max_len, max_identity)
    if subset:
        ds = [ds[i] for i in rng.permutation(len(ds))[: int(subset * len(ds))]]
    w = inverse_freq(ds, states).to(device) if class_weights else None
    crit = nn.CrossEntropyLoss(weight=w, ignore_index=-1)
    for epoch in range(epochs):
        t0 = time.time()
        model.train()
        for tok, lab in batches(ds, batch_tokens, rng):
            loss = crit(model(tok.to(device)).transpose(1, 2), lab.to(device))
            opt.zero_grad(); loss.backward(); opt.step()
        q, sov = evaluate(model, load(data / "valid.npz", max_len), batch_tokens, device)
        print(f"epoch {epoch} loss {loss.item():.4f} valid_acc {q:.4f} sov {sov:.4f} time {time.time()-t0:.0f}")
    q, sov = evaluate(model, load(data / "cb513.npz", max_len), batch_tokens, device)
    print(f"cb513_acc {q:.4f} cb513_sov {sov:.4f}")


def load(path, max_len, max_identity=100):
    z = np.load(path, allow_pickle=True)
    return [(s[:max_len], y[:max_len]) for s, y, i in zip(z["seq"], z["ss"], z["identity"]) if i <= max_identity]


def inverse_freq(ds, k):
    c = np.bincount(np.concatenate([y for _, y in ds]), minlength=k)
    return torch.tensor(c.sum() / (k * c), dtype=torch.float)


def batches(ds, budget, rng):
    order, cur = rng.permutation(len(ds)), []
    for i in order:
        cur.append(ds[i])
        if sum(len(s) for s, _ in cur) > budget:
            yield collate(cur)
            cur = []


def collate(items: List):
    n = max(len(s) for s, _ in items)
    tok = torch.zeros(len(items), n, dtype=torch.long)
    lab = torch.full((len(items), n), -1)
    for i, (s, y) in enumerate(items):
        tok[i, : len(s)] = torch.as_tensor(s); lab[i, : len(y)] = torch.as_tensor(y)
    return tok, lab


def evaluate(model, ds, budget, device):
    model.eval()
    ok = n = 0
    with torch.no_grad():
        for tok, lab in batches(ds, budget, np.random.default_rng(0)):
            p = model(tok.to(device)).argmax(-1).cpu()
            m = lab >= 0
            ok += (p[m] == lab[m]).sum().item(); n += m.sum().item()
    return ok / n, 0.0


if __name__ == "__main__":
    app()
