import pytorch_lightning as pl
import torch
import torchvision.transforms as T
from torchvision.datasets import STL10


class TwoViews:
    def __init__(self, size, s, blur, gray):
        ops = [T.RandomResizedCrop(size), T.RandomHorizontalFlip(), T.RandomApply([T.ColorJitter(0.8 * s, 0.8 * s, 0.8 * s, 0.2 * s)], 0.8), T.RandomGrayscale(gray)]
        if blur:
            ops.append(T.RandomApply([T.GaussianBlur(size // 20 * 2 + 1)], 0.5))
        self.t = T.Compose(ops + [T.ToTensor()])

    def __call__(self, im):
        return self.t(im), self.t(im)


class STL10SSL(pl.LightningDataModule):
    def __init__(self, root, batch, workers, size, s, blur, gray):
        super().__init__()
        self.tf, self.root = TwoViews(size, s, blur, gray), root
        self.kw = dict(batch_size=batch, num_workers=workers, drop_last=True)

    def train_dataloader(self):
        return torch.utils.data.DataLoader(STL10(self.root, "train+unlabeled", transform=self.tf), shuffle=True, **self.kw)

    def val_dataloader(self):
        return torch.utils.data.DataLoader(STL10(self.root, "test", transform=self.tf), **self.kw)
