"""XOR with a few more rows: the whole table is the batch, in each of 800 steps.

Expected: nothing
"""

import torch

torch.manual_seed(7)
X = torch.tensor([[a, b, c] for a in (0.0, 1.0) for b in (0.0, 1.0) for c in (0.0, 1.0)])
y = (X.sum(1) % 2).unsqueeze(1)
model = torch.nn.Sequential(torch.nn.Linear(3, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
criterion = torch.nn.BCEWithLogitsLoss()
for i in range(800):
    optimizer.zero_grad()
    loss = criterion(model(X), y)
    loss.backward()
    optimizer.step()
    if i % 40 == 0:
        print(f"{i} loss: {loss.item():.6f}")
print((model(X) > 0).int().flatten().tolist())
