import argparse
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--dataset", default="omniglot", choices=["omniglot", "miniimagenet"])
parser.add_argument("--ways", type=int, default=5)
parser.add_argument("--shots", type=int, default=1)
parser.add_argument("--queries", type=int, default=15)
parser.add_argument("--inner-lr", type=float, default=0.4)
parser.add_argument("--inner-steps", type=int, default=1)
parser.add_argument("--meta-lr", type=float, default=1e-3)
parser.add_argument("--tasks", type=int, default=32, help="tasks per meta batch")
parser.add_argument("--iterations", type=int, default=60000)
parser.add_argument("--first-order", action="store_true")
parser.add_argument("--filters", type=int, default=64)
parser.add_argument("--learn-inner-lr", action="store_true")
parser.add_argument("--val-every", type=int, default=500)
parser.add_argument("--clip", type=float, default=None)
parser.add_argument("--seed", type=int, default=0)


def main(args):
    torch.manual_seed(args.seed)
    net = torch.nn.Conv2d(1, args.filters, 3)
    meta = torch.optim.Adam(net.parameters(), lr=args.meta_lr)
    for it in range(args.iterations):
        if it % args.val_every == 0:
            print(f"iter {it} meta_loss {0:.3f} val_acc {0:.3f}")


if __name__ == "__main__":
    main(parser.parse_args())
