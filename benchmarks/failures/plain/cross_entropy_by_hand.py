"""Cross-entropy written out, with the logarithm of a softmax that comes to be exactly zero for a wrong class.

Expected: non-finite, says log
Also: hidden-nan, diverged, spike, not-learning, validation-at-chance, exploding-gradient
"""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(1)
digits = load_digits()
x = torch.tensor(digits.data, dtype=torch.float32)
y = torch.tensor(digits.target)
onehot = F.one_hot(y, 10).float()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 256)
        self.fc2 = nn.Linear(256, 256)
        self.out = nn.Linear(256, 10)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return F.softmax(self.out(x), dim=1)


net = Net()
opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
for step in range(300):
    idx = torch.randint(0, 1500, (64,))
    p = net(x[idx])
    loss = -(onehot[idx] * torch.log(p)).sum(dim=1).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 20 == 0:
        with torch.no_grad():
            acc = (net(x[1500:]).argmax(1) == y[1500:]).float().mean().item()
        print(f"step {step:3d}  loss {loss.item():.4f}  test_acc {acc:.3f}")
