import pathlib

import cv2
import torch


class MaskFolder(torch.utils.data.Dataset):
    def __init__(self, root, tf, cache=False):
        self.images = sorted(pathlib.Path(root, "images").glob("*.jpg"))
        self.tf, self.cache = tf, {} if cache else None

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        p = self.images[i]
        im = cv2.imread(str(p))[..., ::-1]
        mk = cv2.imread(str(p).replace("images", "masks"), 0) / 255.0
        o = self.tf(image=im, mask=mk)
        return torch.from_numpy(o["image"]).permute(2, 0, 1).float() / 255, torch.from_numpy(o["mask"])[None].float()
