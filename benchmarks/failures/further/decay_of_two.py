"""SGD with a weight decay of 2, where 2e-4 was meant, and a rate of 0.1: a fifth of each weight goes in a step.

Expected: not-learning or loss-floor or dead-units or vanishing-gradient, says decay
Also: loss-floor, validation-at-chance, dead-units, vanishing-gradient, not-learning, frozen-parameters, weights-unchanged
"""

import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

torch.manual_seed(0)
X, y = load_wine(return_X_y=True)
X = (X - X.mean(0)) / X.std(0)
Xtr, Xte, ytr, yte = train_test_split(X, y, test_size=0.3, random_state=0)
Xtr, Xte = torch.FloatTensor(Xtr), torch.FloatTensor(Xte)
ytr, yte = torch.LongTensor(ytr), torch.LongTensor(yte)


class WineNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(13, 32)
        self.fc2 = nn.Linear(32, 32)
        self.fc3 = nn.Linear(32, 3)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return self.fc3(x)


model = WineNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=2)
for epoch in range(100):
    model.train()
    perm = torch.randperm(len(Xtr))
    for i in range(0, len(Xtr), 31):
        idx = perm[i : i + 31]
        optimizer.zero_grad()
        loss = criterion(model(Xtr[idx]), ytr[idx])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        out = model(Xte)
        tl, ta = criterion(out, yte).item(), (out.argmax(1) == yte).float().mean().item()
    if epoch % 4 == 0:
        print(f"Epoch {epoch}: Loss={loss.item():.4f} Test Loss={tl:.4f} Test Acc={ta:.3f}")
