import torch
import torchvision as tv


def get_iterator(d, batch):
    cls = {"mnist": tv.datasets.MNIST, "fashion": tv.datasets.FashionMNIST, "cifar": tv.datasets.CIFAR10}[d.name]
    ops = [tv.transforms.Resize(32)] + ([tv.transforms.RandomHorizontalFlip()] if d.flip else []) + [tv.transforms.ToTensor()]
    ds = cls("data", download=True, transform=tv.transforms.Compose(ops))
    while True:
        for x, _ in torch.utils.data.DataLoader(ds, batch, shuffle=True, drop_last=True):
            if d.dequantize:
                x = (255 * x + torch.rand_like(x)) / 256
            yield 2 * x - 1
