"""ExponentialLR of 0.9, chosen for epochs, is stepped after each batch: after 130 batches the rate is a millionth.

Expected: learning-rate-exhausted
Also: not-learning, weights-unchanged
"""

import logging

import torch
from sklearn.datasets import make_moons
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
log = logging.getLogger("moons")
torch.manual_seed(0)
X, y = make_moons(2000, noise=0.2, random_state=0)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
loader = DataLoader(TensorDataset(X[:1600], y[:1600]), batch_size=32, shuffle=True)

mlp = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
sgd = torch.optim.SGD(mlp.parameters(), lr=0.05, momentum=0.9)
decay = torch.optim.lr_scheduler.ExponentialLR(sgd, gamma=0.9)
bce = nn.BCEWithLogitsLoss()
for epoch in range(20):
    mlp.train()
    total = 0.0
    for xb, yb in loader:
        sgd.zero_grad()
        loss = bce(mlp(xb).squeeze(1), yb)
        loss.backward()
        sgd.step()
        decay.step()
        total += loss.item() * len(xb)
    mlp.eval()
    with torch.no_grad():
        logits = mlp(X[1600:]).squeeze(1)
        val = bce(logits, y[1600:]).item()
        acc = ((logits > 0) == (y[1600:] > 0.5)).float().mean().item()
    log.info("epoch=%d train_loss=%.4f val_loss=%.4f val_acc=%.3f", epoch, total / 1600, val, acc)
