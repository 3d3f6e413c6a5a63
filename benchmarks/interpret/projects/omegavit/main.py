import sys

import torch
from omegaconf import OmegaConf


def main():
    cfg = OmegaConf.merge(OmegaConf.load("config.yaml"), OmegaConf.from_cli(sys.argv[1:]))
    torch.manual_seed(cfg.seed)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, cfg.model.dim, cfg.model.patch, cfg.model.patch),
        torch.nn.Flatten(),
        torch.nn.Dropout(cfg.model.drop),
        torch.nn.LazyLinear(10),
    )
    opt = torch.optim.AdamW(model.parameters(), lr=cfg.optim.lr, weight_decay=cfg.optim.wd, betas=tuple(cfg.optim.betas))
    for epoch in range(cfg.epochs):
        x = torch.randn(cfg.data.bs, 3, cfg.data.size, cfg.data.size)
        y = torch.randint(0, 10, (cfg.data.bs,))
        loss = torch.nn.functional.cross_entropy(model(x), y, label_smoothing=cfg.aug.smoothing)
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), cfg.optim.clip)
        opt.step()
        print(f"epoch {epoch} loss {loss.item():.4f} val/acc {0.5:.4f}")


if __name__ == "__main__":
    main()
