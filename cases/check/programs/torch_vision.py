"""Images with augmentation of the training part, and a backbone that is frozen but for its head."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import models, transforms
from torchvision.datasets import FakeData

train_transform = transforms.Compose(
    [transforms.RandomHorizontalFlip(), transforms.ColorJitter(0.2), transforms.ToTensor()]
)
test_transform = transforms.Compose([transforms.ToTensor()])


class Noisy(Dataset):
    def __init__(self, images, strength=0.1):
        self.images = images
        self.strength = strength

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image, label = self.images[index]
        noise = np.random.normal(0.0, self.strength, size=image.shape)
        return image + torch.from_numpy(noise).float(), label


def parts():
    train_images = FakeData(64, (3, 32, 32), 10, transform=train_transform)
    test_images = FakeData(32, (3, 32, 32), 10, transform=test_transform, random_offset=64)
    return Noisy(train_images), test_images


def main():
    np.random.seed(0)
    torch.manual_seed(0)
    train_set, test_set = parts()
    train_loader = DataLoader(train_set, batch_size=16, shuffle=True, num_workers=2)
    test_loader = DataLoader(test_set, batch_size=16, num_workers=2)
    model = models.resnet18(weights=None)
    for param in model.parameters():
        param.requires_grad = False
    model.fc = nn.Linear(model.fc.in_features, 10)
    optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.1)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(1):
        model.train()
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
        print(epoch, loss.item())
    model.eval()
    correct, total = 0, 0
    with torch.no_grad():
        for images, labels in test_loader:
            outputs = model(images)
            _, predicted = torch.max(outputs, 1)
            total += labels.size(0)
            correct += (predicted == labels).sum().item()
    print("accuracy", correct / total)


if __name__ == "__main__":
    main()
