import torch.nn as nn


class BasicBlock(nn.Module):
    def __init__(self, cin, cout, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.act(self.bn2(self.conv2(self.act(self.bn1(self.conv1(x))))))


class SmallResNet(nn.Module):
    def __init__(self, num_classes=10, width=64, dropout=0.0):
        super().__init__()
        self.body = nn.Sequential(BasicBlock(3, width), BasicBlock(width, 2 * width, 2))
        self.drop = nn.Dropout(dropout)
        self.fc = nn.Linear(2 * width, num_classes)

    def forward(self, x):
        return self.fc(self.drop(self.body(x).mean((2, 3))))


def build(name, num_classes, width, dropout):
    if name == "resnet18":
        return SmallResNet(num_classes, width, dropout)
    if name == "vgg16":
        return nn.Sequential(nn.Flatten(), nn.Linear(3072, num_classes))
    raise ValueError(name)
