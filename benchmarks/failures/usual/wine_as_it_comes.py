"""Wine as it stands in the table, one column near 750 and others below 1; a deep net and plain SGD.

Expected: initial-loss or not-learning or dead-units or diverged, says input or scale
Also: not-learning, dead-units, validation-at-chance, loss-floor, spike, vanishing-gradient, exploding-gradient, diverged, frozen-parameters, weights-unchanged
"""

import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from torch import nn

torch.manual_seed(0)
data = load_wine()
X_train, X_test, y_train, y_test = train_test_split(
    data.data, data.target, test_size=0.25, random_state=0, stratify=data.target
)
X_train, X_test = torch.FloatTensor(X_train), torch.FloatTensor(X_test)
y_train, y_test = torch.LongTensor(y_train), torch.LongTensor(y_test)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(13, 64)
        self.fc2 = nn.Linear(64, 32)
        self.fc3 = nn.Linear(32, 3)

    def forward(self, x):
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x)))))


model = Net()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
loader = torch.utils.data.DataLoader(
    torch.utils.data.TensorDataset(X_train, y_train), 16, shuffle=True
)
for epoch in range(60):
    for xb, yb in loader:
        loss = loss_fn(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        test_out = model(X_test)
        print(
            f"epoch {epoch} loss {loss.item():.4f} test_loss {loss_fn(test_out, y_test).item():.4f} test_acc {(test_out.argmax(1) == y_test).float().mean().item():.3f}"
        )
