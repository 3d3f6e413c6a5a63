import sys

import numpy as np
import torch
from omegaconf import OmegaConf

from sde import get_sde
from unet import ScoreNet
from sampling import get_sampler
from datasets_ import get_iterator


def load_cfg():
    base = OmegaConf.load("config.yaml")
    cli = OmegaConf.from_cli(sys.argv[1:])
    cfg = OmegaConf.merge(base, cli)
    OmegaConf.set_readonly(cfg, True)
    return cfg


def loss_fn(net, sde, x, cfg):
    eps_t = cfg.train.eps_t
    if cfg.train.continuous:
        t = torch.rand(len(x), device=x.device) * (1 - eps_t) + eps_t
    else:
        t = torch.randint(1, cfg.sde.steps + 1, (len(x),), device=x.device) / cfg.sde.steps
    z = torch.randn_like(x)
    mean, std = sde.marginal(x, t)
    score = net(mean + std * z, t)
    if cfg.train.likelihood_weighting:
        g2 = sde.diffusion(t) ** 2
        return (g2[:, None, None, None] * (score + z / std) ** 2).mean()
    return ((score * std + z) ** 2).mean()


def main():
    cfg = load_cfg()
    print(OmegaConf.to_yaml(cfg))
    torch.manual_seed(cfg.seed)
    np.random.seed(cfg.seed)
    dev = "cuda" if torch.cuda.is_available() else "cpu"
    sde = get_sde(cfg.sde)
    net = ScoreNet(cfg.net, sde).to(dev)
    ema = {k: v.clone() for k, v in net.state_dict().items()}
    opt = torch.optim.Adam(net.parameters(), lr=cfg.optim.lr)
    it = get_iterator(cfg.data, cfg.train.batch)
    for step in range(1, cfg.train.iters + 1):
        x = next(it).to(dev)
        loss = loss_fn(net, sde, x, cfg)
        opt.zero_grad()
        loss.backward()
        for g in opt.param_groups:
            g["lr"] = cfg.optim.lr * min(step / cfg.optim.warmup, 1.0) if cfg.optim.warmup else cfg.optim.lr
        if cfg.optim.clip > 0:
            torch.nn.utils.clip_grad_norm_(net.parameters(), cfg.optim.clip)
        opt.step()
        for k, v in net.state_dict().items():
            ema[k].mul_(cfg.optim.ema).add_(v, alpha=1 - cfg.optim.ema)
        if step % 100 == 0:
            print(f"step: {step}, training_loss: {loss.item():.5e}")
        if step % cfg.eval.every == 0:
            sampler = get_sampler(cfg.sample, sde)
            imgs = sampler(net, ema, cfg.sample.n)
            from metrics import fid, bpd
            print(f"step: {step}, fid: {fid(imgs):.3f}", f"bpd: {bpd(net, sde):.4f}" if cfg.eval.bpd else "")


if __name__ == "__main__":
    main()
