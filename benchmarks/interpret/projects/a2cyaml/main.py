import sys
import gymnasium as gym
import torch
import yaml

with open(sys.argv[1] if len(sys.argv) > 1 else "a2c.yml") as f:
    C = yaml.safe_load(f)

torch.manual_seed(C["seed"])
env = gym.make(C["env"])
policy = torch.nn.Linear(4, C["hidden_units"])
optimizer = torch.optim.RMSprop(policy.parameters(), lr=C["learning_rate"], alpha=C["rmsprop_alpha"])
for update in range(C["num_updates"]):
    if update % C["log_every"] == 0:
        print(f"update {update} avg_return {0:.2f} value_loss {0:.3f}")
