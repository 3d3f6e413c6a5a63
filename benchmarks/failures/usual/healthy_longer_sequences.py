"""A curriculum: sequences to be reversed get longer every 150 steps, and each time the loss jumps up.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)


class Reverser(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(6, 24)
        self.rnn = nn.GRU(24, 48, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(96, 6)

    def forward(self, x):
        return self.fc(self.rnn(self.emb(x))[0])


model = Reverser()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(600):
    length = 3 + 2 * (step // 150)
    x = torch.randint(0, 6, (32, length))
    logits = model(x)
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), x.flip(1).flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 10 == 0:
        print(
            f"step {step} | length {length} | loss {loss.item():.4f} | token_acc {(logits.argmax(-1) == x.flip(1)).float().mean().item():.3f}"
        )
