import plac, torch, torch.nn as nn
from pathlib import Path
from torchcrf import CRF

def read(path, lower):
    for sent in Path(path).read_text().strip().split("\n\n"):
        toks = [l.split() for l in sent.split("\n")]
        yield [t[0].lower() if lower else t[0] for t in toks], [t[-1] for t in toks]

class Net(nn.Module):
    def __init__(self, nv, nt, emb, hid, layers, drop):
        super().__init__()
        self.e, self.d = nn.Embedding(nv, emb), nn.Dropout(drop)
        self.r = nn.LSTM(emb, hid // 2, layers, bidirectional=True, batch_first=True)
        self.o, self.crf = nn.Linear(hid, nt), CRF(nt, batch_first=True)
    def loss(self, x, y):
        return -self.crf(self.o(self.d(self.r(self.d(self.e(x)))[0])), y)

@plac.annotations(
    train_file=("training data in CoNLL format", "positional", None, str),
    dev_file=("dev data", "positional", None, str),
    n_iter=("number of epochs", "option", "n", int),
    lr=("learning rate", "option", "l", float),
    decay=("lr decay per epoch", "option", "d", float),
    emb_dim=("embedding size", "option", "e", int),
    hidden=("LSTM size", "option", "H", int),
    layers=("LSTM layers", "option", "L", int),
    dropout=("dropout", "option", "D", float),
    optimizer=("optimizer", "option", "o", str, ["sgd", "adam"]),
    clip=("gradient clip", "option", "c", float),
    lower=("lowercase the words", "flag", "w"),
    output=("model path", "option", "m", Path),
    seed=("seed", "option", "s", int),
)
def main(train_file, dev_file=None, n_iter=15, lr=0.015, decay=0.05, emb_dim=100, hidden=200, layers=1,
         dropout=0.5, optimizer="sgd", clip=5.0, lower=False, output=None, seed=42):
    torch.manual_seed(seed)
    data = list(read(train_file, lower))
    V = {w: i for i, w in enumerate(sorted({w for s, _ in data for w in s}))}
    T = {t: i for i, t in enumerate(sorted({t for _, s in data for t in s}))}
    net = Net(len(V), len(T), emb_dim, hidden, layers, dropout)
    opt = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer](net.parameters(), lr=lr)
    for it in range(n_iter):
        opt.param_groups[0]["lr"] = lr / (1 + decay * it)
        tot = 0
        for ws, ts in data:
            l = net.loss(torch.tensor([[V[w] for w in ws]]), torch.tensor([[T[t] for t in ts]]))
            opt.zero_grad(); l.backward(); nn.utils.clip_grad_norm_(net.parameters(), clip); opt.step()
            tot += l.item()
        print(it, tot)
    if output:
        torch.save((net.state_dict(), V, T), output)

if __name__ == "__main__":
    plac.call(main)
