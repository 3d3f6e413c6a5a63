"""An image classifier with dropout of a half is validated without `eval()`.

Expected: train-eval-mismatch
Also: overfitting
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
y = torch.tensor(digits.target)
order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
x, y = x[order], y[order]
loaders = {
    "train": DataLoader(TensorDataset(x[:1400], y[:1400]), batch_size=56, shuffle=True),
    "val": DataLoader(TensorDataset(x[1400:], y[1400:]), batch_size=128),
}
model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1),
    nn.BatchNorm2d(32), nn.ReLU(), nn.Flatten(), nn.Linear(512, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 10),
)  # fmt: skip
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
model.train()
for epoch in range(8):
    print(f"Epoch {epoch}/7\n----------")
    for phase in ["train", "val"]:
        running_loss, corrects, seen = 0.0, 0, 0
        for inputs, labels in loaders[phase]:
            optimizer.zero_grad()
            with torch.set_grad_enabled(phase == "train"):
                outputs = model(inputs)
                loss = criterion(outputs, labels)
                if phase == "train":
                    loss.backward()
                    optimizer.step()
            running_loss += loss.item() * inputs.size(0)
            corrects += (outputs.argmax(1) == labels).sum().item()
            seen += inputs.size(0)
        print(f"{phase} Loss: {running_loss / seen:.4f} Acc: {corrects / seen:.4f}")
