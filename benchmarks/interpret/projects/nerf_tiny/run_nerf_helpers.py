import torch
import torch.nn as nn


def get_embedder(multires, i=0):
    if i == -1:
        return nn.Identity(), 3
    freqs = 2.0 ** torch.linspace(0.0, multires - 1, multires)
    def embed(x):
        return torch.cat([x] + [f(x * k) for k in freqs for f in (torch.sin, torch.cos)], -1)
    return embed, 3 + 6 * multires


class NeRF(nn.Module):
    def __init__(self, D=8, W=256, input_ch=3, input_ch_views=3, skips=(4,)):
        super().__init__()
        self.skips = skips
        self.pts = nn.ModuleList([nn.Linear(input_ch, W)] + [nn.Linear(W + (input_ch if i in skips else 0), W) for i in range(D - 1)])
        self.out = nn.Linear(W + input_ch_views, 4)


def sample_pdf(bins, weights, n, det=False):
    raise NotImplementedError
