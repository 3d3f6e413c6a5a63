"""Q-learning with a target network: the loss rises as the values grow, and the return gets better.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)


def build():
    return nn.Sequential(nn.Linear(1, 64), nn.ReLU(), nn.Linear(64, 2))


net, target = build(), build()
target.load_state_dict(net.state_dict())
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
for step in range(1200):
    place = torch.rand(64, 1) * 2 - 1
    action = torch.randint(2, (64,))
    after = (place + (action[:, None] * 2 - 1) * 0.1).clamp(-1, 1)
    reward = 1 - after.abs().squeeze(1)
    with torch.no_grad():
        wanted = reward + 0.9 * target(after).max(1).values
    guess = net(place).gather(1, action[:, None]).squeeze(1)
    loss = nn.functional.smooth_l1_loss(guess, wanted)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        target.load_state_dict(net.state_dict())
    if step % 20 == 0:
        at, total = torch.rand(20, 1) * 2 - 1, 0.0
        with torch.no_grad():
            for _ in range(20):
                at = (at + (net(at).argmax(1, keepdim=True) * 2 - 1) * 0.1).clamp(-1, 1)
                total += (1 - at.abs()).mean().item()
        print(f"step {step} td_loss {loss.item():.5f} episode_return {total:.3f}")
