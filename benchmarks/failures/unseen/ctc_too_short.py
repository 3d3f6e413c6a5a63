"""Speech by CTC; in batch 60 three utterances are cut so short that their text cannot fit.

Expected: non-finite at step 60
"""

import torch
from torch import nn

torch.manual_seed(0)


class Speech(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.GRU(16, 48, batch_first=True)
        self.head = nn.Linear(48, 12)

    def forward(self, frames):
        return self.head(self.body(frames)[0]).log_softmax(-1)


sounds = torch.randn(12, 16)
model = Speech()
optimizer = torch.optim.Adam(model.parameters(), 3e-3)
for step in range(220):
    text = torch.randint(1, 12, (20, 6))
    frames = sounds[text].repeat_interleave(4, 1) + 0.5 * torch.randn(20, 24, 16)
    lengths = torch.full((20,), 24)
    if step == 60:
        lengths[[2, 9, 17]] = 4
    loss = nn.functional.ctc_loss(
        model(frames).transpose(0, 1), text, lengths, torch.full((20,), 6)
    )
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 5 == 0:
        print(f"update {step} ctc loss {loss.item():.4f}")
