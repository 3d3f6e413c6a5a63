"""A CNN with batch norm and dropout on digits, noise as augmentation, SGD with StepLR over epochs.

Expected: nothing
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Digits(Dataset):
    def __init__(self, rows, augment):
        d = load_digits()
        self.x = torch.tensor(d.images[rows], dtype=torch.float32).unsqueeze(1) / 16
        self.y = torch.tensor(d.target[rows])
        self.augment = augment

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        x = self.x[i]
        if self.augment:
            x = torch.roll(x, int(torch.randint(-1, 2, (1,))), 2) + 0.05 * torch.randn_like(x)
        return x, self.y[i]


def main():
    torch.manual_seed(1)
    train = DataLoader(Digits(slice(0, 1400), True), 32, shuffle=True)
    test = DataLoader(Digits(slice(1400, None), False), 200)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(512, 10),
    )  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=4, gamma=0.2)
    for epoch in range(10):
        model.train()
        for i, (x, y) in enumerate(train):
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if i % 10 == 0:
                print(
                    f"epoch {epoch} it {i} lr {optimizer.param_groups[0]['lr']:.4f} loss {loss.item():.4f}"
                )
        scheduler.step()
        model.eval()
        hits = 0
        with torch.no_grad():
            for x, y in test:
                hits += (model(x).argmax(1) == y).sum().item()
        print(f"epoch {epoch} test_acc {hits / 397:.4f}")


if __name__ == "__main__":
    main()
