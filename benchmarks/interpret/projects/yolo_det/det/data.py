import random

import cv2
import numpy as np
import torch


def augment_hsv(im, h, s, v):
    r = np.random.uniform(-1, 1, 3) * [h, s, v] + 1
    hsv = cv2.cvtColor(im, cv2.COLOR_BGR2HSV).astype(float) * r
    return cv2.cvtColor(hsv.clip(0, 255).astype("uint8"), cv2.COLOR_HSV2BGR)


class LoadImagesAndLabels(torch.utils.data.Dataset):
    def __init__(self, path, imgsz, hyp, augment, cache, rect):
        from .files import scan
        self.items, self.n, self.hyp, self.augment, self.rect = scan(path, cache), imgsz, hyp, augment, rect

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        from .geometry import mosaic4, perspective
        h = self.hyp
        if self.augment and random.random() < h["mosaic"]:
            im, lab = mosaic4(self, i)
            if random.random() < h["mixup"]:
                im2, lab2 = mosaic4(self, random.randrange(len(self)))
                im, lab = (im * 0.5 + im2 * 0.5).astype("uint8"), np.concatenate([lab, lab2])
        else:
            im, lab = self.items[i].read(self.n)
        if self.augment:
            im, lab = perspective(im, lab, h["degrees"], h["translate"], h["scale"])
            im = augment_hsv(im, h["hsv_h"], h["hsv_s"], h["hsv_v"])
            if random.random() < h["flipud"]:
                im = np.flipud(im)
                lab[:, 2] = 1 - lab[:, 2]
            if random.random() < h["fliplr"]:
                im = np.fliplr(im)
                lab[:, 1] = 1 - lab[:, 1]
        return torch.from_numpy(im.copy()).permute(2, 0, 1), torch.from_numpy(lab), self.items[i].path, im.shape


def create_dataloader(path, imgsz, batch, hyp=None, augment=False, cache=None, rect=False, workers=8):
    ds = LoadImagesAndLabels(path, imgsz, hyp, augment, cache, rect)
    return torch.utils.data.DataLoader(ds, batch, shuffle=not rect, num_workers=workers)
