import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

BATCH_SIZE = 64
TEST_BATCH_SIZE = 1000
EPOCHS = 5
LR = 1e-3
GAMMA = 0.7  # step decay per epoch
DROPOUT = 0.25
SEED = 1
LOG_INTERVAL = 50
USE_AMP = False
OPTIMIZER = "adam"  # adam | sgd | adadelta

torch.manual_seed(SEED)
device = torch.device("cpu")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.drop = nn.Dropout(DROPOUT)
        self.fc1 = nn.Linear(9216, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = F.relu(self.conv2(F.relu(self.conv1(x))))
        x = torch.flatten(self.drop(F.max_pool2d(x, 2)), 1)
        return self.fc2(F.relu(self.fc1(x)))


x = torch.randn(512, 1, 28, 28)
y = torch.randint(0, 10, (512,))
train_loader = DataLoader(TensorDataset(x, y), batch_size=BATCH_SIZE, shuffle=True)
test_loader = DataLoader(TensorDataset(x, y), batch_size=TEST_BATCH_SIZE)

model = Net().to(device)
if OPTIMIZER == "adam":
    opt = torch.optim.Adam(model.parameters(), lr=LR)
elif OPTIMIZER == "sgd":
    opt = torch.optim.SGD(model.parameters(), lr=LR, momentum=0.9)
else:
    opt = torch.optim.Adadelta(model.parameters(), lr=LR)
sched = torch.optim.lr_scheduler.StepLR(opt, step_size=1, gamma=GAMMA)

for epoch in range(EPOCHS):
    model.train()
    for i, (xb, yb) in enumerate(train_loader):
        opt.zero_grad()
        with torch.autocast("cpu", enabled=USE_AMP):
            loss = F.cross_entropy(model(xb), yb)
        loss.backward()
        opt.step()
        if i % LOG_INTERVAL == 0:
            print(f"epoch {epoch} step {i} loss {loss.item():.4f}")
    sched.step()
    model.eval()
    with torch.no_grad():
        acc = sum((model(xb).argmax(1) == yb).sum().item() for xb, yb in test_loader) / len(y)
    print(f"epoch {epoch} test_acc {acc:.4f}")
