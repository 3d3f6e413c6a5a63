import torch.nn as nn


def build_model(cfg):
    return nn.Sequential(nn.Conv2d(3, cfg["base_channels"], 3, padding=1), nn.SiLU(), nn.Conv2d(cfg["base_channels"], 1, 1))
