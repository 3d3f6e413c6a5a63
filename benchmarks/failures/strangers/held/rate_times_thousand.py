"""A rate that jumps: after the warm restart somebody multiplies the rate by 1000 at step 600, and the loss goes up with it.

Expected: learning-rate-jump or diverged at step 600+80
Also: diverged, learning-rate-jump, exploding-gradient, dead-units, not-learning, validation-at-chance, spike, non-finite
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(11)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X).float() / 16, torch.tensor(y)
net = nn.Sequential(
    nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10)
)
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for step in range(1400):
    if step == 600:
        opt.param_groups[0]["lr"] *= (
            1000  # "1e-3" was meant as the new absolute rate, in thousandths
        )
    b = torch.randint(0, 1500, (64,))
    loss = nn.functional.cross_entropy(net(X[b]), y[b])
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 10 == 0:
        print(f"step {step} lr {opt.param_groups[0]['lr']:g} loss {loss.item():.4f}")
