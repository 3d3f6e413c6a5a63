"""An image is made by gradient: the optimizer holds its pixels, a trained net judges, whose weights get gradients too.

Expected: nothing
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
X, Y = torch.tensor(d.images, dtype=torch.float32)[:, None] / 16, torch.tensor(d.target)
net = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(),
    nn.Flatten(), nn.Linear(512, 10),
)  # fmt: skip
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(4):
    for idx in torch.randperm(1500).split(50):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(X[idx]), Y[idx])
        loss.backward()
        opt.step()
    print(f"classifier epoch {epoch} loss {loss.item():.4f}")

features = net[:4]
content, style = X[3:4], X[8:9]


def gram(f):
    f = f.flatten(2)
    return f @ f.transpose(1, 2) / f.shape[2]


with torch.no_grad():
    want_content, want_style = features(content), gram(features(style))
image = content.clone().requires_grad_(True)
optimizer = torch.optim.Adam([image], lr=0.02)
for step in range(300):
    optimizer.zero_grad()
    f = features(image)
    content_loss = nn.functional.mse_loss(f, want_content)
    style_loss = nn.functional.mse_loss(gram(f), want_style)
    loss = content_loss + 10 * style_loss
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        print(
            f"step {step} total_loss {loss.item():.5f} content {content_loss.item():.5f} style {style_loss.item():.5f}"
        )
