"""All in float16 without a scaler; the scores of the attention are not scaled down, and grow past 65,504.

Expected: non-finite
Also: diverged
"""

import torch
from torch import nn

torch.manual_seed(0)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(32, 32) for _ in range(3))
        self.head = nn.Linear(32, 4)

    def forward(self, x):
        scores = (30 * self.q(x)) @ (30 * self.k(x)).mT
        return self.head((scores.softmax(-1) @ self.v(x)).mean(1))


x = torch.randn(1200, 8, 32)
y = (x[:, 0, :4]).argmax(1)
model = Attention().half()
optimizer = torch.optim.SGD(model.parameters(), 0.3, momentum=0.9)
for step in range(500):
    rows = torch.randint(1200, (40,))
    loss = nn.functional.cross_entropy(model(x[rows].half()).float(), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step} loss {loss.item():.4f}")
