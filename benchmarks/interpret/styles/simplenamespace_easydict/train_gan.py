from types import SimpleNamespace
import torch, torch.nn as nn, torch.nn.functional as F
import torchvision as tv
from config import cfg

ema = SimpleNamespace(use=True, decay=0.999)

def G():
    n, z = cfg.GAN.NGF, cfg.GAN.Z_DIM
    return nn.Sequential(
        nn.ConvTranspose2d(z, n * 4, 4), nn.BatchNorm2d(n * 4), nn.ReLU(),
        nn.ConvTranspose2d(n * 4, n, 4, 4), nn.BatchNorm2d(n), nn.ReLU(),
        nn.ConvTranspose2d(n, 3, 4, 4), nn.Tanh())

def D():
    n = cfg.GAN.NDF
    return nn.Sequential(nn.Conv2d(3, n, 4, 4), nn.LeakyReLU(0.2),
                         nn.Conv2d(n, n * 4, 4, 4), nn.LeakyReLU(0.2), nn.Conv2d(n * 4, 1, 4))

torch.manual_seed(cfg.SEED)
T = tv.transforms
tf = T.Compose([T.Resize(cfg.DATA.SIZE), T.CenterCrop(cfg.DATA.SIZE), T.ToTensor(), T.Normalize([.5] * 3, [.5] * 3)])
dl = torch.utils.data.DataLoader(tv.datasets.ImageFolder(cfg.DATA.ROOT, tf), cfg.TRAIN.BATCH,
                                 shuffle=True, num_workers=cfg.DATA.WORKERS)
g, d, avg = G(), D(), G()
og = torch.optim.Adam(g.parameters(), cfg.TRAIN.LR_G, betas=(cfg.TRAIN.BETA1, 0.999))
od = torch.optim.Adam(d.parameters(), cfg.TRAIN.LR_D, betas=(cfg.TRAIN.BETA1, 0.999))
for epoch in range(cfg.TRAIN.EPOCHS):
    for x, _ in dl:
        for _ in range(cfg.TRAIN.D_STEPS):
            z = torch.randn(len(x), cfg.GAN.Z_DIM, 1, 1)
            r, f = d(x), d(g(z).detach())
            ld = (F.relu(1 - r).mean() + F.relu(1 + f).mean() if cfg.GAN.LOSS == "hinge"
                  else F.softplus(-r).mean() + F.softplus(f).mean())
            od.zero_grad(); ld.backward(); od.step()
        lg = -d(g(z)).mean()
        og.zero_grad(); lg.backward(); og.step()
        if ema.use:
            for a, b in zip(avg.parameters(), g.parameters()):
                a.data.lerp_(b.data, 1 - ema.decay)
    torch.save(avg.state_dict(), f"{cfg.OUT}/{epoch:03d}.pt")
