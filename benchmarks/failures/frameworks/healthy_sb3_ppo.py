"""PPO of Stable-Baselines3 on the cart with its pole.

Needs: stable_baselines3
Expected: nothing
"""

from stable_baselines3 import PPO

PPO("MlpPolicy", "CartPole-v1", n_steps=256, seed=0, verbose=1).learn(8000)
