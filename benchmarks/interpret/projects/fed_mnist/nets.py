import torch.nn.functional as F
from torch import nn


class MLP(nn.Module):
    def __init__(self, i, h, o):
        super().__init__()
        self.a, self.b = nn.Linear(i, h), nn.Linear(h, o)

    def forward(self, x):
        return self.b(F.relu(self.a(x.flatten(1))))


class CNN(nn.Module):
    def __init__(self, args):
        super().__init__()
        c = 3 if args.dataset == 'cifar' else 1
        f = args.num_filters
        self.c1, self.c2 = nn.Conv2d(c, f, 5), nn.Conv2d(f, 2 * f, 5)
        self.fc = nn.LazyLinear(10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        return self.fc(F.max_pool2d(F.relu(self.c2(x)), 2).flatten(1))
