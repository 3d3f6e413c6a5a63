"""Tiny NeRF. Edit HP below, or pick one of the PRESETS by scene name."""
import sys
from typing import NamedTuple, Tuple
import numpy as np, torch, torch.nn as nn

class HP(NamedTuple):
    scene: str = "lego"
    n_iters: int = 50000
    n_rays: int = 1024          # rays per batch
    n_samples: int = 64
    near_far: Tuple[float, float] = (2.0, 6.0)
    L_xyz: int = 10
    width: int = 256
    depth: int = 8
    lr: float = 5e-4
    lr_decay: float = 0.1
    noise_std: float = 0.
    white_bkgd: bool = True
    save_every: int = 5000

PRESETS = {"lego": HP(), "fern": HP(scene="fern", near_far=(0., 1.), noise_std=1.0, white_bkgd=False)}
hp = PRESETS[sys.argv[1]] if len(sys.argv) > 1 else HP()
dev = "cuda" if torch.cuda.is_available() else "cpu"
d = np.load(f"data/{hp.scene}.npz")
rays_o, rays_d, rgb = (torch.tensor(d[k]).float().to(dev) for k in ("o", "d", "rgb"))

def posenc(x):
    return torch.cat([x] + [f(2. ** i * x) for i in range(hp.L_xyz) for f in (torch.sin, torch.cos)], -1)

dims = [3 + 6 * hp.L_xyz] + [hp.width] * hp.depth
net = nn.Sequential(*[m for a, b in zip(dims, dims[1:]) for m in (nn.Linear(a, b), nn.ReLU())], nn.Linear(hp.width, 4)).to(dev)
opt = torch.optim.Adam(net.parameters(), hp.lr)
sched = torch.optim.lr_scheduler.ExponentialLR(opt, hp.lr_decay ** (1 / hp.n_iters))

def render(o, v):
    t = torch.linspace(*hp.near_far, hp.n_samples, device=dev)
    raw = net(posenc(o[:, None] + v[:, None] * t[None, :, None]))
    sigma = torch.relu(raw[..., 3] + hp.noise_std * torch.randn_like(raw[..., 3]))
    alpha = 1 - torch.exp(-sigma * (t[1] - t[0]))
    w = alpha * torch.cumprod(torch.cat([torch.ones_like(alpha[:, :1]), 1 - alpha + 1e-10], 1), 1)[:, :-1]
    c = (w[..., None] * raw[..., :3].sigmoid()).sum(1)
    return c + (1 - w.sum(1, keepdim=True)) if hp.white_bkgd else c

for it in range(hp.n_iters):
    i = torch.randint(len(rgb), (hp.n_rays,), device=dev)
    loss = ((render(rays_o[i], rays_d[i]) - rgb[i]) ** 2).mean()
    opt.zero_grad(); loss.backward(); opt.step(); sched.step()
    if it % hp.save_every == 0:
        print(it, -10 * torch.log10(loss).item())
        torch.save(net.state_dict(), f"ckpt_{it}.pt")
