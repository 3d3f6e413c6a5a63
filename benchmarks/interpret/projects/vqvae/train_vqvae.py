from dataclasses import dataclass
import torch
import tyro
from torch import nn


@dataclass
class Args:
    dataset: str = "celeba"
    """Name of the image folder."""
    resolution: int = 64
    """Side of the images."""
    num_codes: int = 512
    """Entries of the codebook."""
    code_dim: int = 64
    """Size of a code."""
    commitment: float = 0.25
    """Weight of the commitment loss."""
    ema_codebook: bool = True
    """Update the codebook by moving averages."""
    codebook_decay: float = 0.99
    restart_dead: bool = False
    """Replace codes that are never used."""
    downsample: int = 4
    num_res_layers: int = 2
    hidden_channels: int = 128
    perceptual_weight: float = 0.0
    """Weight of the LPIPS loss."""
    adversarial: bool = False
    disc_start: int = 10000
    """Step at which the discriminator starts."""
    lr: float = 3e-4
    batch_size: int = 64
    steps: int = 100000
    warmup: int = 0
    log_every: int = 100
    save_every: int = 5000
    mixed_precision: bool = False
    seed: int = 0


def main(args: Args):
    torch.manual_seed(args.seed)
    codebook = nn.Embedding(args.num_codes, args.code_dim)
    opt = torch.optim.Adam(codebook.parameters(), lr=args.lr)
    for step in range(args.steps):
        if step % args.log_every == 0:
            print(f"step {step} recon_loss {0:.4f} perplexity {0:.1f}")
        if step % args.save_every == 0:
            torch.save(codebook.state_dict(), "last.pt")


if __name__ == "__main__":
    main(tyro.cli(Args))
