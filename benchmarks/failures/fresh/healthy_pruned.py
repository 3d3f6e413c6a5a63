"""Half way four fifths of the weights are pruned: the loss jumps, and comes back.

Expected: nothing
"""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune

torch.manual_seed(0)
centres = 2 * torch.randn(5, 20)
y = torch.randint(0, 5, (2000,))
x = centres[y] + 2.5 * torch.randn(2000, 20)
x_held, y_held, x, y = x[-400:], y[-400:], x[:-400], y[:-400]
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), 32, shuffle=True)

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
for epoch in range(20):
    if epoch == 10:
        prune.l1_unstructured(model[0], "weight", 0.8)
        prune.l1_unstructured(model[2], "weight", 0.8)
    model.train()
    for xs, ys in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(xs), ys)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        out = model(x_held)
        held, right = (
            F.cross_entropy(out, y_held).item(),
            (out.argmax(1) == y_held).float().mean().item(),
        )
    print(f"epoch={epoch} loss={loss.item():.5f} val_loss={held:.5f} val_accuracy={right:.4f}")
