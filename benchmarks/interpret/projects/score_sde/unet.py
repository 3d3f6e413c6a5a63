import math

import torch
import torch.nn as nn


class ScoreNet(nn.Module):
    def __init__(self, c, sde):
        super().__init__()
        self.register_buffer("w", torch.randn(c.channels // 2) * c.fourier_scale)
        chans = [c.channels * m for m in c.mult]
        self.stem = nn.LazyConv2d(chans[0], 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in zip(chans[:-1], chans[1:]))
        self.attn = nn.MultiheadAttention(chans[-1], 4, batch_first=True) if c.attn else None
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 4, 2, 1) for a, b in zip(chans[:-1], chans[1:]))
        self.temb = nn.Linear(c.channels, chans[0])
        self.drop = nn.Dropout2d(c.dropout)
        self.out = nn.LazyConv2d(3, 3, padding=1)

    def forward(self, x, t):
        p = 2 * math.pi * t[:, None] * self.w
        h = self.stem(x) + self.temb(torch.cat([p.sin(), p.cos()], -1))[..., None, None]
        for d in self.down:
            h = self.drop(d(h).relu())
        if self.attn is not None:
            s = h.flatten(2).transpose(1, 2)
            h = h + self.attn(s, s, s)[0].transpose(1, 2).view_as(h)
        for u in reversed(self.up):
            h = u(h).relu()
        return self.out(h)[:, : x.shape[1]]
