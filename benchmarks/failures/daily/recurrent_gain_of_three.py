"""A plain ReLU RNN whose recurrent matrix is initialised orthogonally with a gain of 3: states grow threefold each step.

Expected: exploding-gradient or non-finite or initial-loss or diverged
Also: exploding-gradient, non-finite, initial-loss, diverged, dead-units, spike, not-learning
"""

import torch
from torch import nn

torch.manual_seed(0)
rnn = nn.RNN(4, 32, nonlinearity="relu", batch_first=True)
head = nn.Linear(32, 1)
nn.init.orthogonal_(rnn.weight_hh_l0, gain=3.0)
params = list(rnn.parameters()) + list(head.parameters())
optimizer = torch.optim.RMSprop(params, lr=1e-3)
for step in range(250):
    x = torch.randn(24, 25, 4)
    y = x[:, :5, 0].sum(1, keepdim=True)
    out, _ = rnn(x)
    loss = nn.functional.mse_loss(head(out[:, -1]), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print("step", step, "loss", loss.item())
