"""The generator is re-seeded inside the loop 'for reproducibility': every step draws the same 32 rows.

Expected: repeated-batches or overfitting
Also: repeated-batches, overfitting, too-good, train-eval-mismatch
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X).float() / 16, torch.tensor(y)


def sample(n):
    torch.manual_seed(42)
    return torch.randint(0, 1500, (n,))


model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
opt = torch.optim.Adam(model.parameters(), 1e-3)
for step in range(2000):
    i = sample(32)
    loss = nn.functional.cross_entropy(model(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
    if (step + 1) % 20 == 0:
        with torch.no_grad():
            z = model(X[1500:])
        print(
            f"iter {step + 1}: loss={loss.item():.5f} val_loss={nn.functional.cross_entropy(z, y[1500:]).item():.4f} val_acc={(z.argmax(1) == y[1500:]).float().mean().item():.3f}"
        )
