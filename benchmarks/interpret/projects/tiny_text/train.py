"""Sentiment on a bag of embeddings. Run: python train.py"""
import random

import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset


class Classifier(nn.Module):
    def __init__(self, vocab_size, embed_dim, hidden_size, num_layers=1, dropout=0.1):
        super().__init__()
        self.emb = nn.Embedding(vocab_size, embed_dim)
        self.rnn = nn.LSTM(embed_dim, hidden_size, num_layers, batch_first=True)
        self.drop = nn.Dropout(dropout)
        self.out = nn.Linear(hidden_size, 2)

    def forward(self, x):
        h, _ = self.rnn(self.emb(x))
        return self.out(self.drop(h[:, -1]))


def evaluate(model, loader):
    model.eval()
    right = total = 0
    with torch.no_grad():
        for x, y in loader:
            right += (model(x).argmax(1) == y).sum().item()
            total += len(y)
    return right / total


def main():
    seed = 13
    num_epochs = 8
    max_len = 64
    patience = 3
    random.seed(seed)
    torch.manual_seed(seed)
    x = torch.randint(0, 5000, (2000, max_len))
    y = (x.sum(1) % 2).long()
    train_loader = DataLoader(TensorDataset(x[:1600], y[:1600]), batch_size=32, shuffle=True, num_workers=0)
    val_loader = DataLoader(TensorDataset(x[1600:], y[1600:]), batch_size=128)

    model = Classifier(vocab_size=5000, embed_dim=128, hidden_size=256, num_layers=2, dropout=0.3)
    optimizer = optim.AdamW(model.parameters(), lr=5e-4, weight_decay=0.01)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.0)
    best, bad = 0.0, 0
    for epoch in range(num_epochs):
        model.train()
        total = 0.0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(xb), yb)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item()
        val_acc = evaluate(model, val_loader)
        print(f"epoch {epoch}: train_loss={total / len(train_loader):.3f} val_acc={val_acc:.3f}")
        bad = 0 if val_acc > best else bad + 1
        best = max(best, val_acc)
        if bad >= patience:
            break
    torch.save(model.state_dict(), "sentiment.pt")


if __name__ == "__main__":
    main()
