"""DQN of Stable-Baselines3 in an environment whose reward divides by a speed that can be 0.

Needs: stable_baselines3
Expected: non-finite or crashed
Also: diverged, dead-units, exploding-gradient, weights-unchanged
"""

import gymnasium as gym
import numpy as np
from stable_baselines3 import DQN


class Carts(gym.Env):
    observation_space = gym.spaces.Box(-10, 10, (3,), np.float32)
    action_space = gym.spaces.Discrete(3)

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.speed, self.clock = self.np_random.uniform(-2, 2), 1, 0
        return self.seen(), {}

    def seen(self):
        return np.array([self.place, self.speed, self.clock / 50], np.float32)

    def step(self, action):
        self.speed = int(np.clip(self.speed + action - 1, 0 if self.clock > 30 else 1, 3))
        self.place = float(np.clip(self.place + 0.1 * self.speed * np.sign(-self.place), -9, 9))
        self.clock += 1
        with np.errstate(divide="ignore"):
            reward = float(-abs(self.place) / np.float32(self.speed))
        return self.seen(), reward, False, self.clock >= 50, {}


DQN("MlpPolicy", Carts(), learning_starts=200, train_freq=2, seed=0, verbose=1).learn(4000, log_interval=2)  # fmt: skip
