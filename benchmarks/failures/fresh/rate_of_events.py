"""Counts by a Poisson regression with its exponential; row 777 is in other units, and overflows where it is met.

Expected: non-finite, says loss
"""

import torch
from torch import nn

torch.manual_seed(1)
x = torch.randn(1500, 5)
y = torch.poisson((x @ torch.tensor([0.3, -0.2, 0.1, 0.2, 0.0])).exp())[:, None]
x[777] = torch.tensor([9e3, -8e3, 7e3, 9e3, 1e3])
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), 25, shuffle=True)
model = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
for epoch in range(4):
    for xs, ys in loader:
        rate = model(xs).exp()
        loss = (rate - ys * rate.log()).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print("epoch", epoch, "nll", round(loss.item(), 5))
