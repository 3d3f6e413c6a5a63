#!/usr/bin/env python
import copy

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torchvision import datasets, transforms

from options import args_parser
from nets import CNN, MLP


def dirichlet_split(labels, k, alpha, rng):
    out = [[] for _ in range(k)]
    for c in np.unique(labels):
        idx = rng.permutation(np.where(labels == c)[0])
        p = rng.dirichlet([alpha] * k)
        for u, part in enumerate(np.split(idx, (np.cumsum(p)[:-1] * len(idx)).astype(int))):
            out[u].extend(part)
    return out


def iid_split(n, k, rng):
    return np.array_split(rng.permutation(n), k)


def local_update(net, glob, data, idx, args, flip, c=None, cu=None):
    """c / cu: server and client control variates (scaffold)"""
    net.train()
    opt = torch.optim.SGD(net.parameters(), lr=args.lr, momentum=args.momentum)
    for _ in range(args.local_ep):
        for b in np.array_split(np.random.permutation(idx), max(1, len(idx) // args.local_bs)):
            x = torch.stack([data[i][0] for i in b]).to(args.device)
            y = torch.tensor([data[i][1] for i in b], device=args.device)
            if flip:
                y = 9 - y
            loss = F.cross_entropy(net(x), y)
            if args.agg == 'fedprox':
                loss = loss + args.mu / 2 * sum(((p - g) ** 2).sum() for p, g in zip(net.parameters(), glob.parameters()))
            opt.zero_grad(); loss.backward()
            if args.agg == 'scaffold':
                for p, a, b in zip(net.parameters(), c, cu):
                    p.grad += a - b
            opt.step()
    delta = {k: v - glob.state_dict()[k] for k, v in net.state_dict().items()}
    if args.dp:
        n = torch.sqrt(sum((v.float() ** 2).sum() for v in delta.values()))
        delta = {k: v * min(1.0, args.clip / n) + args.noise_mult * args.clip * torch.randn_like(v.float()) for k, v in delta.items()}
    return delta, loss.item()


def aggregate(deltas, args):
    if args.agg == 'median':
        return {k: torch.stack([d[k].float() for d in deltas]).median(0)[0] for k in deltas[0]}
    return {k: torch.stack([d[k].float() for d in deltas]).mean(0) for k in deltas[0]}


if __name__ == '__main__':
    args = args_parser()
    args.device = torch.device('cuda:{}'.format(args.gpu) if torch.cuda.is_available() and args.gpu != -1 else 'cpu')
    rng = np.random.default_rng(args.seed)
    np.random.seed(args.seed)
    torch.manual_seed(args.seed)
    ds = {'mnist': datasets.MNIST, 'femnist': datasets.EMNIST, 'cifar': datasets.CIFAR10}[args.dataset]
    train = ds('data', train=True, download=True, transform=transforms.ToTensor())
    test = ds('data', train=False, download=True, transform=transforms.ToTensor())
    users = iid_split(len(train), args.num_users, rng) if args.iid else dirichlet_split(np.array(train.targets), args.num_users, args.alpha, rng)
    bad = set(rng.choice(args.num_users, int(args.malicious * args.num_users), replace=False))
    glob = (CNN(args) if args.model == 'cnn' else MLP(784, 200, 10)).to(args.device)
    ctrl, uctrl = [torch.zeros_like(p) for p in glob.parameters()], {}
    for r in range(args.rounds):
        m = max(int(args.frac * args.num_users), 1)
        deltas, losses = [], []
        for u in rng.choice(args.num_users, m, replace=False):
            d, l = local_update(copy.deepcopy(glob), glob, train, users[u], args, u in bad, ctrl, uctrl.setdefault(u, [torch.zeros_like(p) for p in glob.parameters()]))
            deltas.append(d); losses.append(l)
            if args.agg == 'scaffold':
                new = [-x / (args.local_ep * args.lr) for x in d.values()][:len(ctrl)]
                ctrl = [a + (n - o) / args.num_users for a, n, o in zip(ctrl, new, uctrl[u])]
                uctrl[u] = new
        upd = aggregate(deltas, args)
        glob.load_state_dict({k: v + args.server_lr * upd[k] for k, v in glob.state_dict().items()})
        glob.eval()
        with torch.no_grad():
            ok = sum((glob(x.to(args.device)).argmax(1).cpu() == y).sum().item() for x, y in torch.utils.data.DataLoader(test, args.bs))
        print('Round {:3d}, Average loss {:.3f}, Testing accuracy: {:.2f}'.format(r, sum(losses) / len(losses), 100. * ok / len(test)))
