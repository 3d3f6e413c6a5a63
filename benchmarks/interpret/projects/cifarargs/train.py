import argparse

import torch
import torch.nn.functional as F
import torchvision
from torch.utils.data import DataLoader
from torchvision import transforms

from models import build


def get_args():
    p = argparse.ArgumentParser()
    p.add_argument("--dataset", default="cifar10", choices=["cifar10", "cifar100"])
    p.add_argument("--arch", default="resnet18", choices=["resnet18", "vgg16"])
    p.add_argument("--width", type=int, default=64, help="channels of the first block")
    p.add_argument("-b", "--batch_size", type=int, default=128)
    p.add_argument("--epochs", type=int, default=200)
    p.add_argument("--lr", type=float, default=0.1)
    p.add_argument("--momentum", type=float, default=0.9)
    p.add_argument("--wd", type=float, default=5e-4, help="weight decay")
    p.add_argument("--opt", default="sgd", choices=["sgd", "adam", "adamw"])
    p.add_argument("--nesterov", action="store_true")
    p.add_argument("--sched", default="cosine", choices=["cosine", "step", "none"])
    p.add_argument("--warmup-epochs", type=int, default=5)
    p.add_argument("--label-smoothing", type=float, default=0.0)
    p.add_argument("--mixup", type=float, default=0.0, help="alpha of mixup, 0 turns it off")
    p.add_argument("--dropout", type=float, default=0.0)
    p.add_argument("--amp", action=argparse.BooleanOptionalAction, default=False)
    p.add_argument("--no-aug", action="store_true", help="no random crop and flip")
    p.add_argument("--workers", type=int, default=4)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--out", default="runs/base")
    return p.parse_args()


def main():
    args = get_args()
    torch.manual_seed(args.seed)
    tf = [transforms.ToTensor()]
    if not args.no_aug:
        tf = [transforms.RandomCrop(32, 4), transforms.RandomHorizontalFlip()] + tf
    cls = torchvision.datasets.CIFAR10 if args.dataset == "cifar10" else torchvision.datasets.CIFAR100
    train = cls("data", train=True, transform=transforms.Compose(tf))
    test = cls("data", train=False, transform=transforms.ToTensor())
    loader = DataLoader(train, args.batch_size, shuffle=True, num_workers=args.workers)
    test_loader = DataLoader(test, 512)
    model = build(args.arch, 100 if args.dataset == "cifar100" else 10, args.width, args.dropout)
    if args.opt == "sgd":
        opt = torch.optim.SGD(model.parameters(), args.lr, args.momentum, weight_decay=args.wd, nesterov=args.nesterov)
    elif args.opt == "adam":
        opt = torch.optim.Adam(model.parameters(), args.lr, weight_decay=args.wd)
    else:
        opt = torch.optim.AdamW(model.parameters(), args.lr, weight_decay=args.wd)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, args.epochs) if args.sched == "cosine" else None
    for epoch in range(args.epochs):
        model.train()
        for x, y in loader:
            loss = F.cross_entropy(model(x), y, label_smoothing=args.label_smoothing)
            opt.zero_grad()
            loss.backward()
            opt.step()
        if sched:
            sched.step()
        model.eval()
        right = 0
        with torch.no_grad():
            for x, y in test_loader:
                right += (model(x).argmax(1) == y).sum().item()
        print(f"epoch {epoch} train_loss {loss.item():.4f} test_acc {right / len(test):.4f}")


if __name__ == "__main__":
    main()
