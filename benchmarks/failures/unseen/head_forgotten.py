"""Speech-like sequences: the optimizer gets the encoder and not the head.

Expected: frozen-parameters, says head
"""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(900, 30, 8)
y = x.mean(1)[:, :3].argmax(1)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.head = nn.LSTM(8, 32, batch_first=True), nn.Linear(32, 3)

    def forward(self, batch):
        return self.head(self.encoder(batch)[0].mean(1))


model = Model()
optimizer = torch.optim.RMSprop(model.encoder.parameters(), lr=2e-3)
for epoch in range(15):
    for rows in torch.randperm(900).split(30):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        model.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: train loss {loss.item():.4f}")
