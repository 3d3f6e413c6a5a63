# sentiment with an lstm on imdb
import time

import torch
import torch.nn as nn

from data import get_loaders

SEED = 1234
MAX_VOCAB = 25_000
MAX_LEN = 400
BATCH = 64
EMB_DIM = 100
HIDDEN = 256
N_LAYERS = 2
BIDIRECTIONAL = True
DROPOUT = 0.5
LR = 1e-3
CLIP = 1.0
N_EPOCHS = 5
FREEZE_EMB = False
PRETRAINED = "glove.6B.100d"
RNN = "lstm"  # lstm | gru

torch.manual_seed(SEED)


class Net(nn.Module):
    def __init__(self, vocab):
        super().__init__()
        self.emb = nn.Embedding(vocab, EMB_DIM)
        cell = nn.LSTM if RNN == "lstm" else nn.GRU
        self.rnn = cell(EMB_DIM, HIDDEN, num_layers=N_LAYERS, bidirectional=BIDIRECTIONAL, dropout=DROPOUT, batch_first=True)
        self.fc = nn.Linear(HIDDEN * (2 if BIDIRECTIONAL else 1), 1)
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, x):
        out, _ = self.rnn(self.drop(self.emb(x)))
        return self.fc(self.drop(out[:, -1])).squeeze(1)


def accuracy(logits, y):
    return ((logits > 0) == (y > 0.5)).float().mean().item()


def main():
    train_dl, valid_dl, test_dl, vocab = get_loaders(MAX_VOCAB, MAX_LEN, BATCH, SEED)
    net = Net(vocab)
    if FREEZE_EMB:
        net.emb.weight.requires_grad_(False)
    optimizer = torch.optim.Adam(net.parameters(), lr=LR)
    criterion = nn.BCEWithLogitsLoss()
    best = float("inf")
    for epoch in range(N_EPOCHS):
        t = time.time()
        net.train()
        for x, y in train_dl:
            optimizer.zero_grad()
            loss = criterion(net(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), CLIP)
            optimizer.step()
        net.eval()
        with torch.no_grad():
            vl = sum(criterion(net(x), y).item() for x, y in valid_dl) / len(valid_dl)
            va = sum(accuracy(net(x), y) for x, y in valid_dl) / len(valid_dl)
        if vl < best:
            best = vl
            torch.save(net.state_dict(), "best.pt")
        print(f"Epoch {epoch + 1} | {time.time() - t:.0f}s | Val. Loss: {vl:.3f} | Val. Acc: {va * 100:.2f}%")


if __name__ == "__main__":
    main()
