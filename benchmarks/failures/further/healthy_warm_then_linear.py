"""An attention model warms up from a rate of 0 by `LambdaLR` and goes down linearly to 0 again.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
WARM, TOTAL = 50, 600


class Reverser(nn.Module):
    def __init__(self, vocab=12, d=48):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocab, d), nn.Embedding(10, d)
        layer = nn.TransformerEncoderLayer(d, 4, 96, dropout=0.0, batch_first=True, norm_first=True)
        self.enc = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(d, vocab)

    def forward(self, x):
        return self.out(self.enc(self.tok(x) + self.pos(torch.arange(x.shape[1]))))


model = Reverser()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.98))
schedule = torch.optim.lr_scheduler.LambdaLR(
    optimizer, lambda s: s / WARM if s < WARM else max(0.0, (TOTAL - s) / (TOTAL - WARM))
)
for step in range(TOTAL):
    x = torch.randint(0, 12, (32, 10))
    loss = nn.functional.cross_entropy(model(x).flatten(0, 1), x.flip(1).flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    schedule.step()
    if step % 20 == 0:
        print(f"step {step} loss {loss.item():.4f} lr {schedule.get_last_lr()[0]:.6f}")
