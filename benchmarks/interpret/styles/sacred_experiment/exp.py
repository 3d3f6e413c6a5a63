from sacred import Experiment
from sacred.observers import FileStorageObserver
import torch, torch.nn.functional as F
from torch_geometric.datasets import Planetoid
from torch_geometric.nn import GCNConv, GATConv

ex = Experiment("node_cls")
ex.observers.append(FileStorageObserver("sacred_runs"))

@ex.config
def cfg():
    dataset = "Cora"
    root = "/tmp/pyg"
    lr = 0.01
    weight_decay = 5e-4
    epochs = 200
    patience = 50
    min_epochs = epochs // 4
    model = {
        "kind": "gcn",
        "hidden": 16,
        "dropout": 0.5,
        "heads": 8,  # gat only
    }
    seed = 123
    device = "cuda" if torch.cuda.is_available() else "cpu"

@ex.named_config
def named_cfg():
    dataset = "PubMed"
    model = {"hidden": 64}

class GNN(torch.nn.Module):
    def __init__(self, i, o, kind, hidden, dropout, heads):
        super().__init__()
        self.p = dropout
        if kind == "gat":
            self.a, self.b = GATConv(i, hidden, heads), GATConv(hidden * heads, o)
        else:
            self.a, self.b = GCNConv(i, hidden), GCNConv(hidden, o)
    def forward(self, x, e):
        x = F.relu(self.a(F.dropout(x, self.p, self.training), e))
        return self.b(F.dropout(x, self.p, self.training), e)

@ex.capture
def build(ds, model, device):
    return GNN(ds.num_features, ds.num_classes, **model).to(device)

@ex.automain
def run(dataset, root, lr, weight_decay, epochs, patience, min_epochs, device, _run, _seed):
    ds = Planetoid(root, dataset)
    d, net = ds[0].to(device), build(ds)
    opt = torch.optim.Adam(net.parameters(), lr=lr, weight_decay=weight_decay)
    best, bad = 0, 0
    for ep in range(epochs):
        net.train()
        loss = F.cross_entropy(net(d.x, d.edge_index)[d.train_mask], d.y[d.train_mask])
        opt.zero_grad(); loss.backward(); opt.step()
        net.eval()
        acc = (net(d.x, d.edge_index).argmax(1) == d.y)[d.val_mask].float().mean().item()
        _run.log_scalar("val", acc, ep)
        best, bad = (acc, 0) if acc > best else (best, bad + 1)
        if ep > min_epochs and bad > patience:
            break
    return best
