"""A classifier in functions: train, validate, keep the best, test once."""

import argparse
import copy
import random

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset, random_split


class Net(nn.Module):
    def __init__(self, width, classes):
        super().__init__()
        self.hidden = nn.Linear(8, width)
        self.norm = nn.BatchNorm1d(width)
        self.out = nn.Linear(width, classes)

    def forward(self, x):
        x = F.relu(self.norm(self.hidden(x)))
        x = F.dropout(x, 0.2, training=self.training)
        return self.out(x)


def set_seed(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def train(model, loader, optimizer, device):
    model.train()
    total = 0.0
    for inputs, labels in loader:
        inputs = inputs.to(device)
        labels = labels.to(device)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(labels)
    return total / len(loader.dataset)


def evaluate(model, loader, device):
    model.eval()
    total_loss, correct = 0.0, 0
    with torch.no_grad():
        for inputs, labels in loader:
            inputs = inputs.to(device)
            labels = labels.to(device)
            outputs = model(inputs)
            total_loss += F.cross_entropy(outputs, labels).item() * len(labels)
            correct += (outputs.argmax(dim=1) == labels).sum().item()
    return total_loss / len(loader.dataset), correct / len(loader.dataset)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    set_seed(args.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    centres = np.random.normal(size=(4, 8)) * 1.5
    labels = np.random.randint(0, 4, size=600)
    rows = centres[labels] + np.random.normal(size=(600, 8))
    whole = TensorDataset(torch.tensor(rows).float(), torch.tensor(labels))
    train_set, val_set, test_set = random_split(whole, [400, 100, 100])
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=args.batch_size)
    test_loader = DataLoader(test_set, batch_size=args.batch_size)

    model = Net(args.width, 4).to(device)
    optimizer = optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs)
    best_accuracy, best_state = 0.0, copy.deepcopy(model.state_dict())
    train_losses, val_losses = [], []
    for epoch in range(args.epochs):
        train_loss = train(model, train_loader, optimizer, device)
        val_loss, val_accuracy = evaluate(model, val_loader, device)
        scheduler.step()
        train_losses.append(train_loss)
        val_losses.append(val_loss)
        if val_accuracy > best_accuracy:
            best_accuracy = val_accuracy
            best_state = copy.deepcopy(model.state_dict())
        print(f"epoch {epoch} train {train_loss:.5f} val {val_loss:.5f} acc {val_accuracy:.4f}")
    print("curves", train_losses, val_losses)
    model.load_state_dict(best_state)
    test_loss, test_accuracy = evaluate(model, test_loader, device)
    print(f"test {test_loss:.5f} acc {test_accuracy:.4f}")


if __name__ == "__main__":
    main()
