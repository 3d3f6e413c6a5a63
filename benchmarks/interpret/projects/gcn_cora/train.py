from __future__ import division, print_function

import argparse
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch_geometric.datasets import Planetoid
from torch_geometric.nn import GATConv, GCNConv, SAGEConv
from torch_geometric.transforms import NormalizeFeatures

# Training settings
parser = argparse.ArgumentParser()
parser.add_argument('--no-cuda', action='store_true', default=False,
                    help='Disables CUDA training.')
parser.add_argument('--fastmode', action='store_true', default=False,
                    help='Validate during training pass.')
parser.add_argument('--seed', type=int, default=42, help='Random seed.')
parser.add_argument('--epochs', type=int, default=200,
                    help='Number of epochs to train.')
parser.add_argument('--lr', type=float, default=0.01,
                    help='Initial learning rate.')
parser.add_argument('--weight_decay', type=float, default=5e-4,
                    help='Weight decay (L2 loss on parameters).')
parser.add_argument('--hidden', type=int, default=16,
                    help='Number of hidden units.')
parser.add_argument('--nlayers', type=int, default=2)
parser.add_argument('--heads', type=int, default=1, help='attention heads (gat only)')
parser.add_argument('--conv', default='gcn', choices=['gcn', 'gat', 'sage'])
parser.add_argument('--dropout', type=float, default=0.5,
                    help='Dropout rate (1 - keep probability).')
parser.add_argument('--dropedge', type=float, default=0., help='fraction of edges removed each epoch')
parser.add_argument('--residual', action='store_true')
parser.add_argument('--dataset', default='Cora', choices=['Cora', 'CiteSeer', 'PubMed'])
parser.add_argument('--split', default='public', choices=['public', 'full', 'random'])
parser.add_argument('--patience', type=int, default=0, help='early stopping patience on val loss (0 = off)')

args = parser.parse_args()
args.cuda = not args.no_cuda and torch.cuda.is_available()

np.random.seed(args.seed)
torch.manual_seed(args.seed)


class Net(nn.Module):
    def __init__(self, nfeat, nclass):
        super().__init__()
        self.convs = nn.ModuleList()
        dims = [nfeat] + [args.hidden] * (args.nlayers - 1) + [nclass]
        for a, b in zip(dims[:-1], dims[1:]):
            if args.conv == 'gat':
                self.convs.append(GATConv(a, b, heads=args.heads, concat=False))
            elif args.conv == 'sage':
                self.convs.append(SAGEConv(a, b))
            else:
                self.convs.append(GCNConv(a, b))

    def forward(self, x, edge_index):
        if self.training and args.dropedge > 0:
            keep = torch.rand(edge_index.size(1), device=x.device) > args.dropedge
            edge_index = edge_index[:, keep]
        for i, c in enumerate(self.convs):
            x = F.dropout(x, args.dropout, training=self.training)
            h = c(x, edge_index)
            x = h + x if args.residual and h.shape == x.shape else h
            if i < len(self.convs) - 1:
                x = F.relu(x)
        return F.log_softmax(x, dim=1)


dataset = Planetoid('data', args.dataset, split=args.split, transform=NormalizeFeatures())
data = dataset[0]
model = Net(dataset.num_features, dataset.num_classes)
optimizer = optim.Adam(model.parameters(), lr=args.lr, weight_decay=args.weight_decay)
if args.cuda:
    model.cuda()
    data = data.cuda()


def accuracy(out, mask):
    return (out[mask].argmax(1) == data.y[mask]).float().mean().item()


best, bad = float('inf'), 0
for epoch in range(args.epochs):
    t = time.time()
    model.train()
    optimizer.zero_grad()
    out = model(data.x, data.edge_index)
    loss_train = F.nll_loss(out[data.train_mask], data.y[data.train_mask])
    loss_train.backward()
    optimizer.step()
    if not args.fastmode:
        model.eval()
        out = model(data.x, data.edge_index)
    loss_val = F.nll_loss(out[data.val_mask], data.y[data.val_mask]).item()
    print('Epoch: {:04d}'.format(epoch + 1), 'loss_train: {:.4f}'.format(loss_train.item()),
          'loss_val: {:.4f}'.format(loss_val), 'acc_val: {:.4f}'.format(accuracy(out, data.val_mask)),
          'time: {:.4f}s'.format(time.time() - t))
    bad = 0 if loss_val < best else bad + 1
    best = min(best, loss_val)
    if args.patience and bad >= args.patience:
        break

model.eval()
out = model(data.x, data.edge_index)
print('acc_test: {:.4f}'.format(accuracy(out, data.test_mask)))
