"""PPO in one file. Change the defaults of train()."""
import gymnasium as gym
import torch
from torch import nn


def make_env(name, idx, seed):
    def thunk():
        env = gym.make(name)
        env.action_space.seed(seed + idx)
        return env
    return thunk


def train(
    env_name="CartPole-v1",
    num_envs=4,
    rollout_length=128,
    total_timesteps=500_000,
    lr=2.5e-4,
    anneal_lr=True,
    gamma=0.99,
    gae_lambda=0.95,
    minibatches=4,
    update_epochs=4,
    clip=0.2,
    vf_coef=0.5,
    ent_coef=0.01,
    max_grad_norm=0.5,
    norm_adv=True,
    target_kl=None,
    hidden_size=64,
    activation="tanh",
    orthogonal_init=True,
    seed=1,
):
    torch.manual_seed(seed)
    envs = gym.vector.SyncVectorEnv([make_env(env_name, i, seed) for i in range(num_envs)])
    act = nn.Tanh if activation == "tanh" else nn.ReLU
    net = nn.Sequential(nn.Linear(4, hidden_size), act(), nn.Linear(hidden_size, 2))
    opt = torch.optim.Adam(net.parameters(), lr=lr, eps=1e-5)
    updates = total_timesteps // (num_envs * rollout_length)
    for update in range(updates):
        for epoch in range(update_epochs):
            if target_kl is not None and 0 > target_kl:
                break
        if update % 10 == 0:
            print(f"update {update} mean_return {0:.1f} entropy {0:.3f} approx_kl {0:.4f}")


if __name__ == "__main__":
    train()
