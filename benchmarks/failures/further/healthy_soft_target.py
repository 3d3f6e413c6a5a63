"""Q-learning on a chain with a target network that follows softly, replay and a falling epsilon.

Expected: nothing
"""

import copy
import random
from collections import deque

import torch
from torch import nn

random.seed(0)
torch.manual_seed(0)
N = 8
q = nn.Sequential(nn.Linear(N, 32), nn.ReLU(), nn.Linear(32, 2))
target = copy.deepcopy(q)
optimizer = torch.optim.Adam(q.parameters(), lr=2e-3)
memory = deque(maxlen=4000)
eye = torch.eye(N)
returns = deque(maxlen=20)
for episode in range(180):
    s, total = 0, 0.0
    epsilon = max(0.05, 1 - episode / 90)
    for t in range(24):
        with torch.no_grad():
            a = random.randrange(2) if random.random() < epsilon else int(q(eye[s]).argmax())
        slip = random.random() < 0.1
        n = min(N - 1, s + 1) if (a == 1) != slip else max(0, s - 1)
        r, done = (1.0, True) if n == N - 1 else (-0.01, False)
        memory.append((s, a, r, n, done))
        s, total = n, total + r
        if len(memory) >= 64 and t % 2 == 0:
            S, A, R, M, D = zip(*random.sample(memory, 32), strict=False)
            with torch.no_grad():
                goal = (
                    torch.tensor(R)
                    + 0.95 * (1 - torch.tensor(D).float()) * target(eye[list(M)]).max(1).values
                )
            value = q(eye[list(S)]).gather(1, torch.tensor(A)[:, None]).squeeze(1)
            loss = nn.functional.smooth_l1_loss(value, goal)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                for tp, p in zip(target.parameters(), q.parameters(), strict=False):
                    tp.lerp_(p, 0.02)
        if done:
            break
    returns.append(total)
    if episode % 5 == 4:
        print(
            f"episode {episode} return {sum(returns) / len(returns):.3f} loss {loss.item():.5f} epsilon {epsilon:.2f}"
        )
