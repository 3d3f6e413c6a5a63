"""Dispatching in a simulated factory with deep Q learning.

    python -m dqn_factory train --machines 10
    python -m dqn_factory play --weights best.pt
"""
import argparse
import random

import torch

from agent import Agent


def parser():
    p = argparse.ArgumentParser(prog="dqn_factory")
    p.add_argument("-m", "--machines", type=int, default=6)
    p.add_argument("-j", "--jobs", type=int, default=50, help="jobs in an episode")
    p.add_argument("--reward", choices=["makespan", "tardiness", "mixed"], default="makespan")
    sub = p.add_subparsers(dest="cmd", required=True)
    t = sub.add_parser("train")
    t.add_argument("--episodes", type=int, default=3000)
    t.add_argument("--alpha", type=float, default=2.5e-4, help="learning rate")
    t.add_argument("--discount", type=float, default=0.98)
    t.add_argument("--batch", type=int, default=64)
    t.add_argument("--replay", type=int, default=100000, help="transitions kept")
    t.add_argument("--learn-start", type=int, default=2000, help="transitions collected before learning")
    t.add_argument("--sync", type=int, default=500, help="updates between copies into the target net")
    t.add_argument("--eps-start", type=float, default=1.0)
    t.add_argument("--eps-end", type=float, default=0.05)
    t.add_argument("--eps-decay", type=int, default=1000, help="episodes until eps-end")
    t.add_argument("--hidden", type=int, nargs="+", default=[128, 128])
    t.add_argument("--nstep", type=int, default=1)
    t.add_argument("--double", action=argparse.BooleanOptionalAction, default=True)
    t.add_argument("--dueling", action=argparse.BooleanOptionalAction, default=False)
    t.add_argument("--per", action=argparse.BooleanOptionalAction, default=False, help="prioritised replay")
    t.add_argument("--per-alpha", type=float, default=0.6)
    t.add_argument("--save", default="best.pt")
    t.add_argument("--seed", type=int, default=None)
    e = sub.add_parser("play")
    e.add_argument("--weights", default="best.pt")
    e.add_argument("--runs", type=int, default=100)
    e.add_argument("--render", action="store_true")
    return p


class Shop:
    def __init__(self, machines, jobs, reward):
        self.machines, self.jobs, self.reward = machines, jobs, reward

    def reset(self):
        self.left = self.jobs
        return [0.0] * (self.machines + 1)

    def step(self, action):
        self.left -= 1
        return [random.random()] * (self.machines + 1), -1.0, self.left == 0


def train(a):
    if a.seed is not None:
        random.seed(a.seed)
        torch.manual_seed(a.seed)
    shop = Shop(a.machines, a.jobs, a.reward)
    agent = Agent(a.machines + 1, a.machines, a)
    for ep in range(a.episodes):
        obs, done, total = shop.reset(), False, 0.0
        while not done:
            act = agent.act(obs)
            nxt, r, done = shop.step(act)
            agent.memory.items.append((obs, act, r, nxt, done))
            total += r
            obs = nxt
            if len(agent.memory.items) > a.learn_start:
                agent.learn()
        agent.eps = max(a.eps_end, a.eps_start - ep / a.eps_decay)
        if ep % 50 == 0:
            print(f"ep {ep} return {total:.2f} makespan {0.0:.1f} tardiness {0.0:.1f}")


if __name__ == "__main__":
    args = parser().parse_args()
    if args.cmd == "train":
        train(args)
