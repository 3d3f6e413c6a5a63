"""The running loss is summed as a tensor with its graph, over the whole run: memory grows with every step.

Expected: memory-growth
Also: slowdown
"""

import torch
from sklearn.datasets import make_classification
from torch import nn

torch.manual_seed(0)
X, y = make_classification(20000, 40, n_informative=15, random_state=0)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
clf = nn.Sequential(
    nn.Linear(40, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 2)
)
sgd = torch.optim.SGD(clf.parameters(), lr=0.02, momentum=0.9)
running_loss, n = 0, 0
for epoch in range(10):
    for idx in torch.randperm(18000).split(256):
        out = clf(X[idx])
        loss = nn.functional.cross_entropy(out, y[idx])
        sgd.zero_grad()
        loss.backward(retain_graph=True)
        sgd.step()
        running_loss = running_loss + loss
        n += 1
        if n % 5 == 0:
            print(
                f"step {n} avg_loss {running_loss.item() / n:.4f} loss {loss.item():.4f}",
                flush=True,
            )
