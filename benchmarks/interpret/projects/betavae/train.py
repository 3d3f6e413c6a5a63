import argparse

import torch

from model import VAE


def get_args():
    p = argparse.ArgumentParser()
    p.add_argument("--dataset", default="dsprites", choices=["dsprites", "mnist", "celeba"])
    p.add_argument("--z-dim", type=int, default=10, help="dimension of the latent code")
    p.add_argument("--beta", type=float, default=4.0, help="weight of the KL term")
    p.add_argument("--hidden", type=int, default=400)
    p.add_argument("--bs", type=int, default=144, help="batch size")
    p.add_argument("--lr", type=float, default=5e-4)
    p.add_argument("--wd", type=float, default=0.0)
    p.add_argument("--steps", type=int, default=30000)
    p.add_argument("--warm", type=int, default=0, help="steps of KL warm-up")
    p.add_argument("--recon", default="bce", choices=["bce", "mse", "l1"], help="reconstruction loss")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--log-every", type=int, default=200)
    p.add_argument("--save", default="ckpt")
    p.add_argument("--no-cuda", action="store_true")
    p.add_argument("--clip", type=float, default=0.0, help="max gradient norm, 0 is off")
    return p.parse_args()


def main():
    args = get_args()
    torch.manual_seed(args.seed)
    model = VAE(64 * 64, args.hidden, args.z_dim)
    opt = torch.optim.Adam(model.parameters(), lr=args.lr, weight_decay=args.wd)
    for step in range(args.steps):
        x = torch.rand(args.bs, 64 * 64)
        recon, kl = model.loss(x, args.recon)
        loss = recon + args.beta * kl
        opt.zero_grad()
        loss.backward()
        if args.clip:
            torch.nn.utils.clip_grad_norm_(model.parameters(), args.clip)
        opt.step()
        if step % args.log_every == 0:
            print(f"step {step} elbo {-loss.item():.3f} recon {recon.item():.3f} kl {kl.item():.3f}")


if __name__ == "__main__":
    main()
