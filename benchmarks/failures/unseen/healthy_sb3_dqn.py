"""DQN of Stable-Baselines3 on the cart with its pole: the loss of the critic rises as the values do.

Needs: stable_baselines3
Expected: nothing
"""

from stable_baselines3 import DQN

DQN("MlpPolicy", "CartPole-v1", learning_starts=200, seed=0, verbose=1).learn(6000, log_interval=8)
