import json
import gymnasium as gym
import torch
from torch import nn

with open("config.json") as f:
    config = json.load(f)


def main():
    torch.manual_seed(config["seed"])
    env = gym.make(config["env_name"])
    net = nn.Sequential(nn.Linear(4, config["hidden_size"]), nn.Tanh(), nn.Linear(config["hidden_size"], 2))
    opt = torch.optim.Adam(net.parameters(), lr=config["lr"])
    for episode in range(config["max_episodes"]):
        loss = net(torch.randn(1, 4)).sum()
        opt.zero_grad(); loss.backward(); opt.step()
        if episode % config["print_every"] == 0:
            print(f"episode {episode} reward {0:.1f}")


if __name__ == "__main__":
    main()
