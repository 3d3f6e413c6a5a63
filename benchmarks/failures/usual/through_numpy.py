"""Features are whitened by numpy in the middle of a forward pass, so that the encoder gets no gradient.

Expected: frozen-parameters or weights-unchanged, layer encoder
Also: not-learning
"""

import numpy as np
import torch
from sklearn.datasets import load_wine
from torch import nn

torch.manual_seed(0)
np.random.seed(0)


class WineNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(13, 24), nn.Tanh(), nn.Linear(24, 12))
        self.classifier = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 3))

    def forward(self, x):
        z = self.encoder(x)
        a = z.detach().cpu().numpy()
        a = (a - a.mean(0)) / (a.std(0) + 1e-5)
        z = torch.from_numpy(a.astype(np.float32))
        return self.classifier(z)


X, y = load_wine(return_X_y=True)
X = (X - X.mean(0)) / X.std(0)
order = np.random.permutation(len(X))
X, y = torch.tensor(X[order], dtype=torch.float32), torch.tensor(y[order])
net = WineNet()
optim = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(1, 61):
    net.train()
    for i in range(0, 140, 20):
        logits = net(X[i : i + 20])
        loss = nn.functional.cross_entropy(logits, y[i : i + 20])
        optim.zero_grad()
        loss.backward()
        optim.step()
    net.eval()
    with torch.no_grad():
        test_acc = (net(X[140:]).argmax(1) == y[140:]).float().mean().item()
    if epoch % 5 == 0:
        print(f"Epoch: {epoch} \tTraining Loss: {loss.item():.6f} \tTest Accuracy: {test_acc:.3f}")
