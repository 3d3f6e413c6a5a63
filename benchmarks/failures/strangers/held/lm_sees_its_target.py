"""A character model without causal mask: each place sees the next character, and the loss falls to nothing.

Expected: too-good
Also: learning-rate-exhausted, train-eval-mismatch
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
V, T, D = 24, 24, 48
trans = torch.softmax(torch.randn(V, V) * 1.2, -1)  # a noisy chain: entropy is well above 0


def batch(n=24):
    s = [torch.randint(0, V, (n,))]
    for _ in range(T):
        s.append(torch.multinomial(trans[s[-1]], 1).squeeze(1))
    s = torch.stack(s, 1)
    return s[:, :-1], s[:, 1:]


class CharLM(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok = nn.Embedding(V, D)
        self.pos = nn.Parameter(torch.randn(T, D) * 0.1)
        self.layers = nn.ModuleList(
            [nn.TransformerEncoderLayer(D, 4, 96, 0.0, batch_first=True) for _ in range(2)]
        )
        self.out = nn.Linear(D, V)

    def forward(self, x):
        h = self.tok(x) + self.pos
        for l in self.layers:
            h = l(h)
        return self.out(h)


lm = CharLM()
opt = torch.optim.AdamW(lm.parameters(), 3e-3)
for step in range(900):
    x, y = batch()
    loss = F.cross_entropy(lm(x).flatten(0, 1), y.flatten())
    opt.zero_grad(set_to_none=True)
    loss.backward()
    opt.step()
    if step % 10 == 0:
        print(f"step {step:5d} | loss {loss.item():.4f} | ppl {loss.exp().item():.2f}")
    if step % 100 == 99:
        with torch.no_grad():
            x, y = batch(64)
            lo = lm(x)
            print(
                f"step {step:5d} | val_loss {F.cross_entropy(lo.flatten(0, 1), y.flatten()):.4f} | val_acc {(lo.argmax(-1) == y).float().mean():.4f}"
            )
