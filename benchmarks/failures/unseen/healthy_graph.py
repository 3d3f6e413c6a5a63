"""A graph network that is trained on its whole graph in each step, as is usual.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
labels = torch.randint(3, (300,))
same = labels[:, None] == labels[None]
edges = (torch.rand(300, 300) < torch.where(same, 0.06, 0.01)).float()
edges = ((edges + edges.T + torch.eye(300)) > 0).float()
edges = edges / edges.sum(1, keepdim=True)
features = nn.functional.one_hot(labels, 3).float() + torch.randn(300, 3)
first, second = nn.Linear(3, 32), nn.Linear(32, 3)
optimizer = torch.optim.Adam(
    [*first.parameters(), *second.parameters()], lr=1e-2, weight_decay=5e-4
)
for epoch in range(200):
    hidden = nn.functional.dropout(torch.relu(first(edges @ features)), 0.3)
    loss = nn.functional.cross_entropy(second(edges @ hidden)[:150], labels[:150])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        guess = second(edges @ torch.relu(first(edges @ features))).argmax(1)
        held_out = (guess[150:] == labels[150:]).float().mean().item()
    print(f"Epoch: {epoch:03d}, Loss: {loss.item():.4f}, Val: {held_out:.4f}")
