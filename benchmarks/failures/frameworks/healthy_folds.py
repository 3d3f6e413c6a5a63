"""Five folds in one script, each with a model of its own: the loss begins anew five times.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(1000, 20)
y = (x @ torch.randn(20, 5)).argmax(1)
for fold, held in enumerate(torch.randperm(1000).split(200)):
    rest = torch.tensor([i for i in range(1000) if i not in set(held.tolist())])
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 5))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for epoch in range(15):
        model.train()
        for rows in rest[torch.randperm(800)].split(40):
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            scores = model(x[held])
        right = (scores.argmax(1) == y[held]).float().mean().item()
        print(f"fold {fold} epoch {epoch} loss {loss.item():.4f} val_acc {right:.3f}")
