"""A GRU that sums a sequence; the optimizer holds the parameters of a copy of it.

Expected: weights-unchanged
Also: not-learning
"""

import copy

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(1200, 10, 3)
y = x.sum((1, 2)).sign().clamp(0).long()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.head = nn.GRU(3, 24, batch_first=True), nn.Linear(24, 2)

    def forward(self, sequence):
        return self.head(self.rnn(sequence)[0][:, -1])


model = Net()
optimizer = torch.optim.AdamW(copy.deepcopy(model).parameters(), 1e-2)
for epoch in range(15):
    for rows in torch.randperm(1200).split(40):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        model.zero_grad()
        loss.backward()
        optimizer.step()
    print({"epoch": epoch, "loss": loss.item()})
