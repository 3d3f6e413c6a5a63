import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset


def loaders(batch_size, augment, workers):
    x, y = load_digits(return_X_y=True)
    data = TensorDataset(torch.tensor(x, dtype=torch.float32) / 16, torch.tensor(y))
    train, val = torch.utils.data.random_split(data, [1500, 297])
    return DataLoader(train, batch_size, shuffle=True, num_workers=workers), DataLoader(val, 256)
