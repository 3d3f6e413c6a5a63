import gymnasium as gym
import torch
from torch import nn

cfg = dict(
    env="CartPole-v1",
    gamma=0.99,
    lr=3e-3,
    hidden=128,
    n_episodes=1000,
    max_steps=500,
    baseline=True,
    entropy_beta=0.01,
    normalize_returns=True,
    optimizer="adam",
    activation="tanh",
    batch_episodes=8,
    render=False,
    log_every=20,
    seed=7,
)


def make_policy(n_in, n_out):
    act = {"tanh": nn.Tanh, "relu": nn.ReLU}[cfg["activation"]]
    return nn.Sequential(nn.Linear(n_in, cfg["hidden"]), act(), nn.Linear(cfg["hidden"], n_out))


def main():
    torch.manual_seed(cfg["seed"])
    env = gym.make(cfg["env"])
    policy = make_policy(env.observation_space.shape[0], env.action_space.n)
    opt = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[cfg["optimizer"]](policy.parameters(), lr=cfg["lr"])
    rewards = []
    for episode in range(cfg["n_episodes"]):
        obs, _ = env.reset(seed=cfg["seed"] + episode)
        total, logs = 0.0, []
        for _ in range(cfg["max_steps"]):
            dist = torch.distributions.Categorical(logits=policy(torch.as_tensor(obs)))
            a = dist.sample()
            logs.append(dist.log_prob(a))
            obs, r, done, cut, _ = env.step(a.item())
            total += r
            if done or cut:
                break
        loss = -torch.stack(logs).sum() * total - cfg["entropy_beta"] * dist.entropy()
        loss.backward()
        if (episode + 1) % cfg["batch_episodes"] == 0:
            opt.step()
            opt.zero_grad()
        rewards.append(total)
        if episode % cfg["log_every"] == 0:
            print(f"episode {episode} mean_return {sum(rewards[-50:]) / len(rewards[-50:]):.1f}")


if __name__ == "__main__":
    main()
