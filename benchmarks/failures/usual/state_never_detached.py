"""Truncated backpropagation without the truncation: the state goes on with its graph, which steps have changed since.

Expected: crashed at step 1
"""

import torch
from torch import nn

torch.manual_seed(0)
series = torch.sin(torch.arange(0, 4000) * 0.1) + 0.1 * torch.randn(4000)


class Forecaster(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.cell = nn.GRUCell(1, hidden)
        self.out = nn.Linear(hidden, 1)

    def forward(self, chunk, h):
        outputs = []
        for value in chunk:
            h = self.cell(value.view(1, 1), h)
            outputs.append(self.out(h))
        return torch.cat(outputs).squeeze(1), h


model = Forecaster()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
h = torch.zeros(1, 32)
window = 10
for step in range(220):
    at = step * window
    prediction, h = model(series[at : at + window], h)
    loss = nn.functional.mse_loss(prediction, series[at + 1 : at + window + 1])
    optimizer.zero_grad()
    for parameter in model.parameters():
        parameter.data = parameter.data.clone()
    loss.backward(retain_graph=True)
    optimizer.step()
    if step % 5 == 0:
        print(f"chunk {step}: loss {loss.item():.5f}", flush=True)
