"""Each item is 'decoded' slowly in the main process; the step waits for data nearly all of its time.

Expected: input-bound
Also: slowdown
"""

import time

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Slow(Dataset):
    def __init__(s):
        s.x, s.y = load_digits(return_X_y=True)

    def __len__(s):
        return 1200

    def __getitem__(s, i):
        time.sleep(0.002)  # reading and decoding from a network disk
        return torch.tensor(s.x[i]).float() / 16, int(s.y[i])


if __name__ == "__main__":
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    opt = torch.optim.Adam(net.parameters(), 3e-3)
    n = 0
    for epoch in range(4):
        for x, y in DataLoader(Slow(), batch_size=16, shuffle=True):
            loss = nn.functional.cross_entropy(net(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            n += 1
            if n % 5 == 0:
                print(f"it {n} loss {loss.item():.3f}")
