"""Segmentation of blobs: the decoder ends in a softmax over the classes, cross-entropy takes another.

Expected: loss-floor, says softmax
"""

import torch
from loop import Trainer
from torch import nn

torch.manual_seed(0)
x = nn.functional.avg_pool2d(torch.randn(400, 1, 20, 20), 5, 1)
y = (x[:, 0] > 0.1).long() + (x[:, 0] > 0.3).long()


class Module(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 1))

    def forward(self, images):
        return self.net(images).softmax(1)

    def configure(self):
        return torch.optim.AdamW(self.parameters(), 1e-2), None

    def training_step(self, rows):
        return nn.functional.cross_entropy(self(x[rows]), y[rows])


Trainer(10).fit(Module(), torch.arange(400).split(20))
