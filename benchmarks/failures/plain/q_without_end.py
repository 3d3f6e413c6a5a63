"""Q-learning with a discount of 1, without a target network and without masking terminal states: values only climb.

Expected: diverged or not-learning
Also: non-finite, spike, exploding-gradient
"""

import random
from collections import deque

import torch
from torch import nn

random.seed(0)
torch.manual_seed(8)
SIZE = 7


def one_hot(s):
    v = torch.zeros(SIZE)
    v[s] = 1
    return v


class Corridor:
    def reset(self):
        self.s, self.t = SIZE // 2, 0
        return one_hot(self.s)

    def step(self, a):
        self.s = max(0, min(SIZE - 1, self.s + (1 if a else -1)))
        self.t += 1
        done = self.s in (0, SIZE - 1) or self.t >= 30
        return one_hot(self.s), 1.0 if self.s == SIZE - 1 else 0.1, done


q = nn.Sequential(nn.Linear(SIZE, 48), nn.ReLU(), nn.Linear(48, 2))
optimizer = torch.optim.Adam(q.parameters(), lr=5e-3)
memory, env, gamma, epsilon = deque(maxlen=3000), Corridor(), 1.0, 1.0
for episode in range(220):
    s, done, ret, losses = env.reset(), False, 0.0, []
    while not done:
        a = random.randrange(2) if random.random() < epsilon else int(q(s).argmax())
        s2, r, done = env.step(a)
        memory.append((s, a, r, s2))
        s, ret = s2, ret + r
        if len(memory) >= 64:
            batch = random.sample(memory, 64)
            S, A, R, S2 = (torch.stack([b[0] for b in batch]), torch.tensor([b[1] for b in batch]),
                           torch.tensor([b[2] for b in batch]), torch.stack([b[3] for b in batch]))  # fmt: skip
            with torch.no_grad():
                target = R + gamma * q(S2).max(1).values
            loss = nn.functional.mse_loss(q(S).gather(1, A[:, None]).squeeze(1), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    epsilon = max(0.05, epsilon * 0.97)
    if losses:
        print(
            f"episode {episode} return {ret:.2f} q_loss {sum(losses) / len(losses):.4f} eps {epsilon:.2f}"
        )
