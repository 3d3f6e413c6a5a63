import torch
import torch.nn.functional as F


def dice(p, y, eps=1.0):
    p = p.sigmoid().flatten(1)
    y = y.flatten(1)
    return 1 - ((2 * (p * y).sum(1) + eps) / (p.sum(1) + y.sum(1) + eps)).mean()


def tversky(p, y, a=0.3, b=0.7, eps=1.0):
    p, y = p.sigmoid().flatten(1), y.flatten(1)
    tp = (p * y).sum(1)
    return 1 - ((tp + eps) / (tp + a * (p * (1 - y)).sum(1) + b * ((1 - p) * y).sum(1) + eps)).mean()


def build_loss(c):
    pw = torch.tensor(c["pos_weight"])
    bce = lambda p, y: F.binary_cross_entropy_with_logits(p, y, pos_weight=pw)
    if c["name"] == "dice":
        return dice
    if c["name"] == "bce":
        return bce
    if c["name"] == "dice_bce":
        return lambda p, y: c["dice_weight"] * dice(p, y) + (1 - c["dice_weight"]) * bce(p, y)
    if c["name"] == "focal":
        def focal(p, y):
            l = F.binary_cross_entropy_with_logits(p, y, reduction="none")
            return ((1 - torch.exp(-l)) ** c["focal_gamma"] * l).mean()
        return focal
    if c["name"] == "tversky":
        return tversky
    raise KeyError(c["name"])
