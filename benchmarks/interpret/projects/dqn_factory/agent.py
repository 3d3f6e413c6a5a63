import random
from collections import deque

import torch
from torch import nn


class Memory:
    def __init__(self, capacity, prioritized, alpha):
        self.items = deque(maxlen=capacity)
        self.prioritized, self.alpha = prioritized, alpha

    def draw(self, n):
        return random.sample(self.items, n)


def qnet(n_obs, n_act, hidden, dueling):
    body, width = [], n_obs
    for h in hidden:
        body += [nn.Linear(width, h), nn.ReLU()]
        width = h
    return nn.Sequential(*body, nn.Linear(width, n_act + int(dueling)))


class Agent:
    def __init__(self, n_obs, n_act, a):
        self.net = qnet(n_obs, n_act, a.hidden, a.dueling)
        self.target = qnet(n_obs, n_act, a.hidden, a.dueling)
        self.opt = torch.optim.Adam(self.net.parameters(), lr=a.alpha)
        self.memory = Memory(a.replay, a.per, a.per_alpha)
        self.a, self.eps = a, a.eps_start

    def act(self, obs):
        if random.random() < self.eps:
            return random.randrange(self.net[-1].out_features)
        return int(self.net(torch.as_tensor(obs, dtype=torch.float32)).argmax())

    def learn(self):
        batch = self.memory.draw(self.a.batch)
        return len(batch)
