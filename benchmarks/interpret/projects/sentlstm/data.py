import torch
from torch.utils.data import DataLoader, TensorDataset, random_split

VALID_FRACTION = 0.3


def get_loaders(max_vocab, max_len, batch, seed):
    x, y = torch.load("imdb_train.pt")
    full = TensorDataset(x[:, :max_len].clamp(max=max_vocab), y)
    n = int(len(full) * VALID_FRACTION)
    train, valid = random_split(full, [len(full) - n, n], torch.Generator().manual_seed(seed))
    test = TensorDataset(*torch.load("imdb_test.pt"))
    return DataLoader(train, batch, shuffle=True), DataLoader(valid, batch), DataLoader(test, batch), max_vocab + 2
