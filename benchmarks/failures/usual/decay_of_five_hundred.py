"""AdamW takes a weight decay of 500, where 0.05 was meant; each step takes half of every weight away.

Expected: not-learning or loss-floor or dead-units or vanishing-gradient, says decay
Also: loss-floor, validation-at-chance, dead-units, vanishing-gradient, not-learning, frozen-parameters, weights-unchanged
"""

import torch
from torch import nn

torch.manual_seed(0)


class Mixer(nn.Module):
    def __init__(self, tokens=8, width=16):
        super().__init__()
        self.mix = nn.Sequential(
            nn.LayerNorm(tokens), nn.Linear(tokens, 32), nn.GELU(), nn.Linear(32, tokens)
        )
        self.feed = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 32), nn.GELU(), nn.Linear(32, width)
        )
        self.head = nn.Linear(width, 4)

    def forward(self, x):
        x = x + self.mix(x.transpose(1, 2)).transpose(1, 2)
        return self.head((x + self.feed(x)).mean(1))


patterns = torch.randn(4, 8, 16)
y = torch.randint(0, 4, (1600,))
x = patterns[y] + 1.5 * torch.randn(1600, 8, 16)
model = Mixer()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=500)
for epoch in range(15):
    model.train()
    for chunk in torch.randperm(1280).split(32):
        loss = nn.functional.cross_entropy(model(x[chunk]), y[chunk])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        out = model(x[1280:])
        v, a = (
            nn.functional.cross_entropy(out, y[1280:]),
            (out.argmax(1) == y[1280:]).float().mean(),
        )
    print(
        f"| epoch {epoch:3d} | loss {loss.item():5.3f} | valid loss {v:5.3f} | valid acc {a:5.3f} |"
    )
