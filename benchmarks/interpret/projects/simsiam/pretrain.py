import argparse
import torch
from torch import nn
from torchvision import models, transforms

parser = argparse.ArgumentParser("SimSiam")
parser.add_argument("--data-path", type=str, default="./data")
parser.add_argument("--dataset", type=str, default="cifar10", help="cifar10, cifar100 or stl10")
parser.add_argument("-a", "--arch", default="resnet18")
parser.add_argument("-b", "--batch-size", default=512, type=int)
parser.add_argument("--epochs", default=800, type=int, help="pretraining epochs")
parser.add_argument("--lr", default=0.03, type=float, help="base lr for a batch of 256")
parser.add_argument("--momentum", default=0.9, type=float)
parser.add_argument("--wd", default=5e-4, type=float)
parser.add_argument("--dim", default=2048, type=int, help="feature dimension")
parser.add_argument("--pred-dim", default=512, type=int, help="hidden dimension of the predictor")
parser.add_argument("--fix-pred-lr", action="store_true", help="fix the learning rate of the predictor")
parser.add_argument("--no-stop-grad", action="store_true", help="ablation")
parser.add_argument("--crop-min", default=0.2, type=float, help="smallest scale of the random crops")
parser.add_argument("--jitter", default=0.4, type=float, help="strength of colour jitter")
parser.add_argument("--gray-prob", default=0.2, type=float)
parser.add_argument("--blur", action="store_true")
parser.add_argument("--knn-k", default=200, type=int)
parser.add_argument("--knn-every", default=10, type=int, help="epochs between kNN evaluations")
parser.add_argument("--num-workers", default=8, type=int)
parser.add_argument("--save-dir", default="runs/")
parser.add_argument("--seed", default=None, type=int)


def main():
    args = parser.parse_args()
    if args.seed is not None:
        torch.manual_seed(args.seed)
    net = models.__dict__[args.arch](num_classes=args.dim)
    predictor = nn.Sequential(nn.Linear(args.dim, args.pred_dim), nn.ReLU(), nn.Linear(args.pred_dim, args.dim))
    opt = torch.optim.SGD([*net.parameters(), *predictor.parameters()], args.lr * args.batch_size / 256, momentum=args.momentum, weight_decay=args.wd)
    for epoch in range(args.epochs):
        print(f"epoch {epoch} loss {0:.4f} std {0:.3f}")
        if epoch % args.knn_every == 0:
            print(f"knn_acc {0:.2f}")


if __name__ == "__main__":
    main()
