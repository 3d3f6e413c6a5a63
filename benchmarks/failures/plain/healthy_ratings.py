"""Matrix factorisation of ratings with biases; many users and films are in no batch, their embeddings rest.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(12)
U, F = 300, 500
pu, pf = torch.randn(U, 4) * 0.5, torch.randn(F, 4) * 0.5
users, films = torch.randint(0, U, (16000,)), torch.randint(0, F, (16000,))
ratings = (3.5 + (pu[users] * pf[films]).sum(1) + 0.2 * torch.randn(16000)).clamp(1, 5)


class MF(nn.Module):
    def __init__(self, dim=8):
        super().__init__()
        self.user, self.film = nn.Embedding(U, dim), nn.Embedding(F, dim)
        self.user_bias, self.film_bias = nn.Embedding(U, 1), nn.Embedding(F, 1)
        self.mean = nn.Parameter(torch.tensor(3.0))
        for e in (self.user, self.film):
            nn.init.normal_(e.weight, std=0.1)
        for e in (self.user_bias, self.film_bias):
            nn.init.zeros_(e.weight)

    def forward(self, u, f):
        dot = (self.user(u) * self.film(f)).sum(1)
        return self.mean + dot + self.user_bias(u).squeeze(1) + self.film_bias(f).squeeze(1)


model = MF()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, weight_decay=1e-5)
n = 14000
for epoch in range(8):
    squared = 0.0
    for idx in torch.randperm(n).split(200):
        loss = nn.functional.mse_loss(model(users[idx], films[idx]), ratings[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        squared += loss.item() * len(idx) / n
    with torch.no_grad():
        val = nn.functional.mse_loss(model(users[n:], films[n:]), ratings[n:]).item()
    print(f"epoch {epoch} train_rmse {squared**0.5:.4f} val_rmse {val**0.5:.4f}")
