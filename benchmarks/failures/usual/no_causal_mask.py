"""A language model of random walks without a causal mask: it reads the next token instead of guessing it.

Expected: too-good
Also: overfitting
Before: --causal --seed 1
Before: --causal --seed 2
Before: --causal --seed 3
Arguments: --seed 4
"""

import argparse

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--causal", action="store_true")
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
torch.manual_seed(args.seed)
T, V = 16, 12


def walks(n):
    steps = torch.randint(0, 3, (n, T + 1)) - 1
    return (torch.randint(0, V, (n, 1)) + steps.cumsum(1)) % V


class TinyGPT(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(V, d), nn.Embedding(T, d)
        layer = nn.TransformerEncoderLayer(d, 4, 64, 0.0, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.lm_head = nn.Linear(d, V)

    def forward(self, x):
        mask = nn.Transformer.generate_square_subsequent_mask(T) if args.causal else None
        return self.lm_head(self.blocks(self.wte(x) + self.wpe(torch.arange(T)), mask=mask))


model = TinyGPT()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
val = walks(128)
for it in range(500):
    batch = walks(24)
    loss = nn.functional.cross_entropy(model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 25 == 0:
        with torch.no_grad():
            val_loss = nn.functional.cross_entropy(
                model(val[:, :-1]).flatten(0, 1), val[:, 1:].flatten()
            )
        print(f"step {it}: train loss {loss.item():.4f}, val loss {val_loss.item():.4f}")
