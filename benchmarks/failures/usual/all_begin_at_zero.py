"""`apply(init)` sets every weight to zero, not the biases alone: nothing but the last bias ever moves.

Expected: vanishing-gradient or not-learning or dead-units or weights-unchanged or frozen-parameters, says zero
Also: not-learning, loss-floor, validation-at-chance, dead-units, vanishing-gradient, weights-unchanged, frozen-parameters
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)


def init(module):
    if isinstance(module, nn.Linear):
        for parameter in module.parameters():
            nn.init.zeros_(parameter)


digits = load_digits()
X = torch.tensor(digits.data, dtype=torch.float32) / 16
y = torch.tensor(digits.target)
train_ds = torch.utils.data.TensorDataset(X[:1400], y[:1400])
loader = torch.utils.data.DataLoader(train_ds, batch_size=50, shuffle=True)
mlp = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 10))
mlp.apply(init)
opt = torch.optim.Adam(mlp.parameters())
for epoch in range(15):
    for xb, yb in loader:
        opt.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(mlp(xb), yb)
        loss.backward()
        opt.step()
    with torch.no_grad():
        out = mlp(X[1400:])
        print(
            f"{epoch:>3} loss={loss.item():.3f} val_loss={nn.functional.cross_entropy(out, y[1400:]).item():.3f} val_acc={(out.argmax(1) == y[1400:]).float().mean().item():.3f}"
        )
