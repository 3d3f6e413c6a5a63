"""Groups with and without decay are told by names; the list of those without reads `["bias", "LayerNorm.weight"]`,
and the group with decay was lost when the call was shortened: the optimizer holds biases and nothing else.

Expected: frozen-parameters or weights-unchanged
Also: not-learning
"""

import torch
from torch import nn

torch.manual_seed(0)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(60, 32)
        self.mix = nn.Linear(32, 64)
        self.LayerNorm = nn.LayerNorm(64)
        self.out = nn.Linear(64, 4)

    def forward(self, ids):
        h = self.embed(ids).mean(1)
        return self.out(torch.relu(self.LayerNorm(self.mix(h))))


ids = torch.randint(0, 60, (1500, 12))
labels = (ids < 15).sum(1).clamp(max=6) // 2
model = Classifier()
no_decay = ["bias", "LayerNorm.weight"]
params = [p for n, p in model.named_parameters() if any(nd in n for nd in no_decay)]
optimizer = torch.optim.AdamW([{"params": params, "weight_decay": 0.0}], lr=3e-3)
for step in range(300):
    rows = torch.randint(0, 1500, (32,))
    loss = nn.functional.cross_entropy(model(ids[rows]), labels[rows])
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    if step % 10 == 0:
        print(f"step={step} loss={loss.item():.4f}")
