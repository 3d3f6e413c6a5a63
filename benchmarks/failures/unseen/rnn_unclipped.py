"""A plain RNN adds up long sequences, with momentum, no clipping and a rate that is far too high.

Expected: diverged or non-finite or exploding-gradient or not-learning
Also: initial-loss, learning-rate-jump, dead-units, vanishing-gradient
"""

import torch
from torch import nn

torch.manual_seed(1)
rnn, head = nn.RNN(2, 64, nonlinearity="relu", batch_first=True), nn.Linear(64, 1)
optimizer = torch.optim.SGD([*rnn.parameters(), *head.parameters()], lr=1.0, momentum=0.9)
for step in range(400):
    numbers = torch.rand(32, 50)
    marks = torch.zeros(32, 50).scatter_(1, torch.rand(32, 50).topk(2).indices, 1.0)
    wanted = (numbers * marks).sum(1, keepdim=True)
    guess = head(rnn(torch.stack([numbers, marks], -1))[0][:, -1])
    loss = nn.functional.mse_loss(guess, wanted)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 4 == 0:
        print({"step": step, "mse_loss": loss.item()})
