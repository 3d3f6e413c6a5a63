# PPO on Atari, single file
import random
import time
from dataclasses import dataclass

import gymnasium as gym
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
import tyro
from torch.distributions.categorical import Categorical


@dataclass
class Args:
    exp_name: str = "ppo"
    """the name of this experiment"""
    seed: int = 1
    """seed of the experiment"""
    torch_deterministic: bool = True
    """if toggled, `torch.backends.cudnn.deterministic=False`"""
    cuda: bool = True
    """if toggled, cuda will be enabled by default"""
    track: bool = False
    """if toggled, this experiment will be tracked with Weights and Biases"""
    capture_video: bool = False
    """whether to capture videos of the agent performances"""

    # Algorithm specific arguments
    env_id: str = "BreakoutNoFrameskip-v4"
    """the id of the environment"""
    total_timesteps: int = 10000000
    """total timesteps of the experiments"""
    learning_rate: float = 2.5e-4
    """the learning rate of the optimizer"""
    num_envs: int = 8
    """the number of parallel game environments"""
    num_steps: int = 128
    """the number of steps to run in each environment per policy rollout"""
    anneal_lr: bool = True
    """Toggle learning rate annealing for policy and value networks"""
    gamma: float = 0.99
    """the discount factor gamma"""
    gae_lambda: float = 0.95
    """the lambda for the general advantage estimation"""
    num_minibatches: int = 4
    """the number of mini-batches"""
    update_epochs: int = 4
    """the K epochs to update the policy"""
    norm_adv: bool = True
    """Toggles advantages normalization"""
    clip_coef: float = 0.1
    """the surrogate clipping coefficient"""
    clip_vloss: bool = True
    """Toggles whether or not to use a clipped loss for the value function"""
    ent_coef: float = 0.01
    """coefficient of the entropy"""
    vf_coef: float = 0.5
    """coefficient of the value function"""
    max_grad_norm: float = 0.5
    """the maximum norm for the gradient clipping"""
    target_kl: float | None = None
    """the target KL divergence threshold"""
    frame_stack: int = 4


def layer_init(layer, std=np.sqrt(2), bias=0.0):
    nn.init.orthogonal_(layer.weight, std)
    nn.init.constant_(layer.bias, bias)
    return layer


class Agent(nn.Module):
    def __init__(self, n_actions, frames):
        super().__init__()
        self.network = nn.Sequential(
            layer_init(nn.Conv2d(frames, 32, 8, stride=4)), nn.ReLU(),
            layer_init(nn.Conv2d(32, 64, 4, stride=2)), nn.ReLU(),
            layer_init(nn.Conv2d(64, 64, 3, stride=1)), nn.ReLU(),
            nn.Flatten(), layer_init(nn.Linear(64 * 7 * 7, 512)), nn.ReLU())
        self.actor = layer_init(nn.Linear(512, n_actions), std=0.01)
        self.critic = layer_init(nn.Linear(512, 1), std=1)

    def act(self, x, action=None):
        h = self.network(x / 255.0)
        dist = Categorical(logits=self.actor(h))
        action = dist.sample() if action is None else action
        return action, dist.log_prob(action), dist.entropy(), self.critic(h)


def make_env(env_id, frames, video=False):
    def thunk():
        env = gym.make(env_id, render_mode="rgb_array" if video else None)
        if video:
            env = gym.wrappers.RecordVideo(env, "videos")
        env = gym.wrappers.RecordEpisodeStatistics(env)
        env = gym.wrappers.ResizeObservation(env, (84, 84))
        env = gym.wrappers.GrayscaleObservation(env)
        return gym.wrappers.FrameStackObservation(env, frames)
    return thunk


if __name__ == "__main__":
    args = tyro.cli(Args)
    random.seed(args.seed); np.random.seed(args.seed); torch.manual_seed(args.seed)
    torch.backends.cudnn.deterministic = args.torch_deterministic
    device = torch.device("cuda" if torch.cuda.is_available() and args.cuda else "cpu")
    envs = gym.vector.SyncVectorEnv([make_env(args.env_id, args.frame_stack, args.capture_video and i == 0) for i in range(args.num_envs)])
    agent = Agent(envs.single_action_space.n, args.frame_stack).to(device)
    opt = optim.Adam(agent.parameters(), lr=args.learning_rate, eps=1e-5)
    batch = args.num_envs * args.num_steps
    updates = args.total_timesteps // batch
    obs, _ = envs.reset(seed=args.seed)
    if args.track:
        import wandb
        wandb.init(project="ppo", name=args.exp_name, config=vars(args), monitor_gym=True)
    returns, start = [], time.time()
    for update in range(1, updates + 1):
        if args.anneal_lr:
            opt.param_groups[0]["lr"] = (1 - (update - 1) / updates) * args.learning_rate
        # rollout + gae(args.gamma, args.gae_lambda) elided into helper
        from rollout import collect
        b = collect(envs, agent, args, device, returns)
        for _ in range(args.update_epochs):
            for mb in np.array_split(np.random.permutation(batch), args.num_minibatches):
                _, lp, ent, v = agent.act(b.obs[mb], b.actions[mb])
                ratio = (lp - b.logprobs[mb]).exp()
                adv = b.adv[mb]
                if args.norm_adv:
                    adv = (adv - adv.mean()) / (adv.std() + 1e-8)
                pg = torch.max(-adv * ratio, -adv * ratio.clamp(1 - args.clip_coef, 1 + args.clip_coef)).mean()
                err = (v.view(-1) - b.returns[mb]) ** 2
                if args.clip_vloss:
                    old = b.returns[mb] - b.adv[mb]
                    clipped = old + (v.view(-1) - old).clamp(-args.clip_coef, args.clip_coef)
                    err = torch.max(err, (clipped - b.returns[mb]) ** 2)
                vl = 0.5 * err.mean()
                loss = pg - args.ent_coef * ent.mean() + args.vf_coef * vl
                opt.zero_grad(); loss.backward()
                nn.utils.clip_grad_norm_(agent.parameters(), args.max_grad_norm)
                opt.step()
            if args.target_kl is not None and ((ratio - 1) - ratio.log()).mean() > args.target_kl:
                break
        print(f"update={update} episodic_return={np.mean(returns[-20:]):.2f} sps={int(update * batch / (time.time() - start))}")
