"""A student learns from a frozen teacher that stays in eval mode, and from labels, in one loss of three parts.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
y = torch.randint(6, (2000,))
x = torch.randn(6, 24)[y] * 1.5 + torch.randn(2000, 24)


def network(width):
    return nn.Sequential(nn.Linear(24, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.1), nn.Linear(width, 6))  # fmt: skip


teacher, student = network(128), network(16)
for model, epochs in ((teacher, 4), (student, 12)):
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    for epoch in range(epochs):
        model.train()
        for rows in torch.randperm(1700).split(50):
            scores = model(x[rows])
            hard = loss = nn.functional.cross_entropy(scores, y[rows])
            if model is student:
                teacher.eval()
                with torch.no_grad():
                    aim = (teacher(x[rows]) / 2).softmax(1)
                soft = nn.functional.kl_div((scores / 2).log_softmax(1), aim, reduction="batchmean")
                loss = 0.3 * hard + 4 * 0.7 * soft + 1e-4 * scores.square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            right = (model(x[1700:]).argmax(1) == y[1700:]).float().mean()
        print(f"{'student' if model is student else 'teacher'} epoch {epoch} loss {loss.item():.4f} accuracy {right:.3f}")  # fmt: skip
