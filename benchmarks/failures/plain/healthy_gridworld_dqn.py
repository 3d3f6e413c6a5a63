"""Double Q-learning on a small grid: replay, target network, terminal states masked, epsilon falling; few returns at first.

Expected: nothing
"""

import random
from collections import deque

import torch
from torch import nn

random.seed(6)
torch.manual_seed(6)
N = 4


def state(x, y):
    v = torch.zeros(2 * N)
    v[x], v[N + y] = 1, 1
    return v


q, target = (nn.Sequential(nn.Linear(2 * N, 64), nn.ReLU(), nn.Linear(64, 4)) for _ in range(2))
target.load_state_dict(q.state_dict())
optimizer = torch.optim.Adam(q.parameters(), lr=1e-3)
replay, eps, steps = deque(maxlen=5000), 1.0, 0
for episode in range(150):
    x = y = 0
    total, done, t = 0.0, False, 0
    losses = []
    while not done:
        s = state(x, y)
        with torch.no_grad():
            a = random.randrange(4) if random.random() < eps else int(q(s).argmax())
        dx, dy = [(1, 0), (-1, 0), (0, 1), (0, -1)][a]
        x, y, t = max(0, min(N - 1, x + dx)), max(0, min(N - 1, y + dy)), t + 1
        goal = x == y == N - 1
        r = 1.0 if goal else -0.01
        done = goal or t >= 40
        replay.append((s, a, r, state(x, y), float(goal)))
        total += r
        steps += 1
        if len(replay) >= 200 and steps % 2 == 0:
            S, A, R, S2, D = zip(*random.sample(replay, 32), strict=False)
            S, S2 = torch.stack(S), torch.stack(S2)
            with torch.no_grad():
                best = q(S2).argmax(1, keepdim=True)
                y_hat = torch.tensor(R) + 0.97 * (1 - torch.tensor(D)) * target(S2).gather(
                    1, best
                ).squeeze(1)
            loss = nn.functional.smooth_l1_loss(
                q(S).gather(1, torch.tensor(A)[:, None]).squeeze(1), y_hat
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        if steps % 200 == 0:
            target.load_state_dict(q.state_dict())
    eps = max(0.05, eps * 0.97)
    mean_loss = sum(losses) / len(losses) if losses else 0.0
    print(f"episode {episode} reward {total:.2f} length {t} loss {mean_loss:.5f} eps {eps:.3f}")
