import torch
import torchvision
from torch import nn, optim
from torch.optim import lr_scheduler


def train_model(model, loader, criterion, optimizer, scheduler, num_epochs=25):
    best_acc = 0.0
    for epoch in range(num_epochs):
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
        scheduler.step()
        print(f"Epoch {epoch}/{num_epochs - 1} val Loss: {loss.item():.4f} Acc: {best_acc:.4f}")
    return model


if __name__ == "__main__":
    data_dir = "data/hymenoptera"
    image_size = 224
    batch_size = 4
    workers = 4
    feature_extract = True  # train only the last layer
    unfreeze_after = 5
    torch.manual_seed(0)

    tf = torchvision.transforms.Compose(
        [torchvision.transforms.RandomResizedCrop(image_size), torchvision.transforms.ToTensor()]
    )
    data = torchvision.datasets.ImageFolder(data_dir, tf)
    loader = torch.utils.data.DataLoader(data, batch_size=batch_size, shuffle=True, num_workers=workers)
    model = torchvision.models.resnet18(weights="IMAGENET1K_V1")
    if feature_extract:
        for p in model.parameters():
            p.requires_grad = False
    model.fc = nn.Linear(model.fc.in_features, 2)
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(model.fc.parameters(), lr=0.001, momentum=0.9)
    scheduler = lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1)
    train_model(model, loader, criterion, optimizer, scheduler, num_epochs=25)
