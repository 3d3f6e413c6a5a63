"""A text classifier thaws its embedding and encoder in the third epoch; the optimizer knows the head alone.

Expected: frozen-parameters or weights-unchanged, layer encoder or embedding
Also: overfitting, not-learning
"""

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(4)
VOCAB, LENGTH = 120, 18


class TextNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, 24)
        self.encoder = nn.GRU(24, 32, batch_first=True)
        self.classifier = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 3))

    def forward(self, tokens):
        _, h = self.encoder(self.embedding(tokens))
        return self.classifier(h[-1])


def freeze(module, flag):
    for p in module.parameters():
        p.requires_grad = not flag


topics = torch.softmax(2 * torch.randn(3, VOCAB), 1)
y = torch.randint(0, 3, (1500,))
x = torch.multinomial(topics[y], LENGTH, replacement=True)
train_dl = DataLoader(TensorDataset(x[:1200], y[:1200]), batch_size=40, shuffle=True)
val_x, val_y = x[1200:], y[1200:]

net = TextNet()
freeze(net.embedding, True)
freeze(net.encoder, True)
optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=2e-3)
ce = nn.CrossEntropyLoss()
for epoch in range(1, 9):
    if epoch == 3:
        freeze(net.embedding, False)
        freeze(net.encoder, False)
        print("-- encoder unfrozen --")
    net.train()
    losses = []
    for xb, yb in train_dl:
        loss = ce(net(xb), yb)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    net.eval()
    with torch.no_grad():
        logits = net(val_x)
    val_loss, val_acc = ce(logits, val_y), (logits.argmax(1) == val_y).float().mean()
    print(
        f"epoch {epoch}: train_loss={sum(losses) / len(losses):.4f} val_loss={val_loss:.4f} val_acc={val_acc:.4f}"
    )
