# GIN on Tox21.  python tox.py [config] [section.key=value ...]
import configparser, sys, os
import numpy as np
import pandas as pd
import torch
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GINEConv, global_add_pool, global_max_pool, global_mean_pool
from torch_geometric.utils import from_smiles
from sklearn.metrics import roc_auc_score, average_precision_score

cfg = configparser.ConfigParser()
args = [a for a in sys.argv[1:] if '=' not in a]
cfg.read(args[0] if args else 'tox.cfg')
for a in sys.argv[1:]:
    if '=' in a:
        k, v = a.split('=', 1)
        s, k = k.split('.')
        cfg[s][k] = v
D, G, T, O = cfg['data'], cfg['gnn'], cfg['train'], cfg['out']

POOL = {'mean': global_mean_pool, 'sum': global_add_pool, 'max': global_max_pool}

class GIN(torch.nn.Module):
    def __init__(self):
        super().__init__()
        d = G.getint('emb_dim')
        self.emb = torch.nn.Linear(9, d)
        self.convs = torch.nn.ModuleList()
        for _ in range(G.getint('layers')):
            mlp = torch.nn.Sequential(torch.nn.Linear(d, 2 * d), torch.nn.ReLU(), torch.nn.Linear(2 * d, d))
            self.convs.append(GINEConv(mlp, train_eps=G.getboolean('eps_trainable'), edge_dim=3))
        self.pred = torch.nn.Linear(d * (len(self.convs) if G['jk'] == 'concat' else 1), 1)

    def forward(self, b):
        h, hs = self.emb(b.x.float()), []
        for conv in self.convs:
            h = torch.dropout(torch.relu(conv(h, b.edge_index, b.edge_attr.float())), G.getfloat('drop_ratio'), self.training)
            hs.append(h)
        h = {'last': lambda: h, 'sum': lambda: sum(hs), 'concat': lambda: torch.cat(hs, 1),
             'max': lambda: torch.stack(hs).max(0).values}[G['jk']]()
        return self.pred(POOL[G['readout']](h, b.batch)).squeeze(1)

def main():
    torch.manual_seed(T.getint('runseed'))
    df = pd.read_csv(D['smiles_csv']).dropna(subset=[D['task']])
    graphs = [from_smiles(s) for s in df.smiles]
    n = len(graphs)
    order = np.random.RandomState(T.getint('runseed')).permutation(n) if D['split'] == 'random' else np.arange(n)
    nt = int(n * D.getfloat('test_frac')); nv = int(n * D.getfloat('valid_frac'))
    train = [graphs[i] for i in order[nt + nv:]]
    net = GIN()
    if G['pretrained']:
        net.load_state_dict(torch.load(G['pretrained']), strict=False)
    lr = T.getfloat('lr')
    opt = torch.optim.Adam([
        {'params': list(net.emb.parameters()) + list(net.convs.parameters())},
        {'params': net.pred.parameters(), 'lr': lr * T.getfloat('lr_pred_scale')}], lr=lr, weight_decay=T.getfloat('decay'))
    crit = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor(T.getfloat('pos_weight')))
    for epoch in range(T.getint('epochs')):
        for b in DataLoader(train, T.getint('batch'), shuffle=True):
            loss = crit(net(b), torch.zeros(b.num_graphs))
            opt.zero_grad(); loss.backward(); opt.step()
        print('epoch %d loss %.4f val_auc %.4f test_auc %.4f test_ap %.4f' % (epoch, loss.item(), 0, 0, 0))
    os.makedirs(O['folder'], exist_ok=True)

if __name__ == '__main__':
    main()
