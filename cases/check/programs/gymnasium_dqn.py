"""Deep Q-learning with a target network."""

import random
from collections import deque

import gymnasium as gym
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class QNetwork(nn.Module):
    def __init__(self, observations, actions):
        super().__init__()
        self.body = nn.Linear(observations, 64)
        self.head = nn.Linear(64, actions)

    def forward(self, x):
        return self.head(F.relu(self.body(x)))


class ReplayBuffer:
    def __init__(self, size):
        self.items = deque(maxlen=size)

    def add(self, *transition):
        self.items.append(transition)

    def sample(self, number):
        batch = random.sample(self.items, number)
        obs, actions, rewards, next_obs, ends = map(np.array, zip(*batch))
        return (
            torch.as_tensor(obs, dtype=torch.float32),
            torch.as_tensor(actions),
            torch.as_tensor(rewards, dtype=torch.float32),
            torch.as_tensor(next_obs, dtype=torch.float32),
            torch.as_tensor(ends, dtype=torch.float32),
        )


def main(gamma=0.99):
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    env = gym.make("CartPole-v1")
    env.action_space.seed(0)
    q_net, target_net = QNetwork(4, 2), QNetwork(4, 2)
    target_net.load_state_dict(q_net.state_dict())
    optimizer = torch.optim.Adam(q_net.parameters(), lr=1e-3)
    buffer = ReplayBuffer(5000)
    obs, info = env.reset(seed=0)
    returns, total = [], 0.0
    for step in range(600):
        if random.random() < max(0.1, 1 - step / 400):
            action = env.action_space.sample()
        else:
            with torch.no_grad():
                action = q_net(torch.as_tensor(obs).unsqueeze(0)).argmax(dim=1).item()
        next_obs, reward, terminated, truncated, info = env.step(action)
        buffer.add(obs, action, reward, next_obs, terminated)
        obs = next_obs
        total += reward
        if terminated or truncated:
            obs, info = env.reset()
            returns.append(total)
            total = 0.0
        if step >= 100:
            observations, actions, rewards, next_observations, ends = buffer.sample(32)
            with torch.no_grad():
                next_values = target_net(next_observations).max(dim=1).values
                targets = rewards + gamma * next_values * (1 - ends)
            values = q_net(observations).gather(1, actions.unsqueeze(1)).squeeze(1)
            loss = F.mse_loss(values, targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if step % 50 == 0:
            target_net.load_state_dict(q_net.state_dict())
    print("episodes", len(returns), "return", sum(returns) / len(returns), "loss", loss.item())


if __name__ == "__main__":
    main()
