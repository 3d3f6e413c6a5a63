"""`src_key_padding_mask` is True where tokens are, not where padding is: each row attends to its padding alone.

Expected: not-learning or validation-at-chance or vanishing-gradient
Also: validation-at-chance, loss-floor
"""

import torch
from torch import nn

torch.manual_seed(0)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(30, 32, padding_idx=0)
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(32, 4)
        self.cls = nn.Parameter(torch.zeros(1, 1, 32))

    def forward(self, ids):
        x = torch.cat([self.cls.expand(len(ids), 1, 32), self.embed(ids)], 1)
        mask = torch.cat([torch.zeros(len(ids), 1, dtype=torch.bool), ids != 0], 1)
        return self.head(self.encoder(x, src_key_padding_mask=mask)[:, 0])


def batch(n):
    ids = torch.randint(1, 30, (n, 12))
    lengths = torch.randint(6, 12, (n, 1))
    ids = ids.masked_fill(torch.arange(12) >= lengths, 0)
    return ids, ids[:, 0] % 4


model = Tagger()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for step in range(240):
    ids, y = batch(32)
    loss = nn.functional.cross_entropy(model(ids), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 19:
        with torch.no_grad():
            ids, y = batch(256)
            acc = (model(ids).argmax(1) == y).float().mean().item()
        print(f"step {step + 1} train_loss {loss.item():.4f} val_acc {acc:.4f}")
