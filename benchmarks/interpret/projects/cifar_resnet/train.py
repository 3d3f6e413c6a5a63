"""Train a ResNet on CIFAR-10/100."""
import argparse
import json
import random

import numpy as np
import torch
import torch.nn as nn
import torchvision
import torchvision.transforms as T
from torch.utils.data import DataLoader

from models import build, REGISTRY

parser = argparse.ArgumentParser(description="CIFAR training")
parser.add_argument("--data", default="./data", help="where to put the dataset")
parser.add_argument("--dataset", default="cifar10", choices=["cifar10", "cifar100"])
parser.add_argument("--arch", "-a", default="resnet18", choices=sorted(REGISTRY), help="model architecture")
parser.add_argument("--epochs", default=200, type=int)
parser.add_argument("-b", "--batch-size", default=128, type=int, help="mini-batch size")
parser.add_argument("--lr", "--learning-rate", default=0.1, type=float, dest="lr")
parser.add_argument("--momentum", default=0.9, type=float)
parser.add_argument("--wd", "--weight-decay", default=5e-4, type=float, dest="weight_decay")
parser.add_argument("--opt", default="sgd", choices=["sgd", "adam", "adamw"], help="optimizer")
parser.add_argument("--nesterov", action="store_true", help="use Nesterov momentum")
parser.add_argument("--sched", default="multistep", choices=["multistep", "cosine", "onecycle", "none"], help="lr schedule")
parser.add_argument("--milestones", type=int, nargs="+", default=[100, 150], help="epochs at which to drop lr by 10")
parser.add_argument("--warmup-epochs", type=int, default=0)
parser.add_argument("--label-smoothing", type=float, default=0.0)
parser.add_argument("--mixup", type=float, default=0.0, help="mixup alpha, 0 = disabled")
parser.add_argument("--cutout", type=int, default=0, help="cutout hole size in pixels (0: off)")
parser.add_argument("--no-aug", action="store_true", help="disable random crop + flip")
parser.add_argument("--dropout", type=float, default=0.0)
parser.add_argument("--amp", action="store_true", help="mixed precision")
parser.add_argument("--workers", type=int, default=4, help="data loading workers")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--resume", default="", type=str, metavar="PATH", help="checkpoint to resume from")


def loaders(args):
    aug = [] if args.no_aug else [T.RandomCrop(32, padding=4), T.RandomHorizontalFlip()]
    norm = [T.ToTensor(), T.Normalize((0.4914, 0.4822, 0.4465), (0.247, 0.243, 0.261))]
    if args.cutout:
        norm.append(T.RandomErasing(scale=(0.02, (args.cutout / 32) ** 2)))
    cls = torchvision.datasets.CIFAR10 if args.dataset == "cifar10" else torchvision.datasets.CIFAR100
    tr = cls(args.data, train=True, transform=T.Compose(aug + norm), download=True)
    te = cls(args.data, train=False, transform=T.Compose(norm[:2]))
    kw = dict(batch_size=args.batch_size, num_workers=args.workers)
    return DataLoader(tr, shuffle=True, drop_last=True, **kw), DataLoader(te, **kw)


def optimizer(args, model):
    if args.opt == "sgd":
        return torch.optim.SGD(model.parameters(), args.lr, args.momentum, weight_decay=args.weight_decay, nesterov=args.nesterov)
    cls = torch.optim.Adam if args.opt == "adam" else torch.optim.AdamW
    return cls(model.parameters(), args.lr, weight_decay=args.weight_decay)


def scheduler(args, opt, steps):
    if args.sched == "multistep":
        return torch.optim.lr_scheduler.MultiStepLR(opt, [m * steps for m in args.milestones])
    if args.sched == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(opt, args.epochs * steps)
    if args.sched == "onecycle":
        return torch.optim.lr_scheduler.OneCycleLR(opt, args.lr, total_steps=args.epochs * steps)
    return None


def evaluate(model, loader):
    model.eval()
    ok = n = loss = 0
    with torch.no_grad():
        for x, y in loader:
            out = model(x.cuda())
            loss += nn.functional.cross_entropy(out, y.cuda(), reduction="sum").item()
            ok += (out.argmax(1).cpu() == y).sum().item()
            n += len(y)
    return ok / n, loss / n


def main():
    args = parser.parse_args()
    random.seed(args.seed); np.random.seed(args.seed); torch.manual_seed(args.seed)
    tr, te = loaders(args)
    model = build(args.arch, 10 if args.dataset == "cifar10" else 100, args.dropout).cuda()
    if args.resume:
        model.load_state_dict(torch.load(args.resume))
    opt = optimizer(args, model)
    sched = scheduler(args, opt, len(tr))
    crit = nn.CrossEntropyLoss(label_smoothing=args.label_smoothing)
    scaler = torch.cuda.amp.GradScaler(enabled=args.amp)
    for epoch in range(args.epochs):
        model.train()
        for x, y in tr:
            x, y = x.cuda(), y.cuda()
            if epoch < args.warmup_epochs:
                for g in opt.param_groups:
                    g["lr"] = args.lr * (epoch + 1) / args.warmup_epochs
            with torch.autocast("cuda", enabled=args.amp):
                if args.mixup > 0:
                    lam = np.random.beta(args.mixup, args.mixup)
                    p = torch.randperm(len(x), device=x.device)
                    out = model(lam * x + (1 - lam) * x[p])
                    loss = lam * crit(out, y) + (1 - lam) * crit(out, y[p])
                else:
                    loss = crit(model(x), y)
            opt.zero_grad()
            scaler.scale(loss).backward()
            scaler.step(opt)
            scaler.update()
            if sched:
                sched.step()
        acc, vloss = evaluate(model, te)
        print(json.dumps({"epoch": epoch, "test_acc": acc, "test_loss": vloss}), flush=True)


if __name__ == "__main__":
    main()
