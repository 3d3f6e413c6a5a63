"""CIFAR classifier; yaml file overrides the parser defaults, flags override yaml."""
import argparse, yaml
import torch, torch.nn as nn, torchvision
from torchvision import transforms as T

common = argparse.ArgumentParser(add_help=False)
common.add_argument("--config", default=None)
common.add_argument("--seed", type=int, default=0)
common.add_argument("--data-root", default="./data")
common.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
common.add_argument("--no-amp", dest="amp", action="store_false")

parser = argparse.ArgumentParser(parents=[common])
g = parser.add_argument_group("optim")
g.add_argument("--lr", type=float, default=0.1)
g.add_argument("--momentum", type=float, default=0.9)
g.add_argument("--wd", "--weight-decay", dest="weight_decay", type=float, default=5e-4)
g.add_argument("--epochs", type=int, default=100)
g.add_argument("-b", "--batch-size", type=int, default=128)
g = parser.add_argument_group("model")
g.add_argument("--arch", default="resnet18")
g.add_argument("--milestones", type=int, nargs="+", default=[60, 80])
sub = parser.add_subparsers(dest="mode")
sub.add_parser("scratch")
ft = sub.add_parser("finetune")
ft.add_argument("--ckpt", required=True)
ft.add_argument("--freeze-bn", action="store_true")
parser.set_defaults(mode="scratch", label_smoothing=0.0)

def main():
    known, _ = common.parse_known_args()
    if known.config:
        parser.set_defaults(**yaml.safe_load(open(known.config)))
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    tf = T.Compose([T.RandomCrop(32, padding=4), T.RandomHorizontalFlip(), T.ToTensor()])
    ds = torchvision.datasets.CIFAR10(args.data_root, train=True, transform=tf, download=True)
    dl = torch.utils.data.DataLoader(ds, args.batch_size, shuffle=True)
    net = getattr(torchvision.models, args.arch)(num_classes=10).to(args.device)
    if args.mode == "finetune":
        net.load_state_dict(torch.load(args.ckpt))
    opt = torch.optim.SGD(net.parameters(), args.lr, args.momentum, weight_decay=args.weight_decay)
    sched = torch.optim.lr_scheduler.MultiStepLR(opt, args.milestones)
    crit = nn.CrossEntropyLoss(label_smoothing=args.label_smoothing)
    for ep in range(args.epochs):
        for x, y in dl:
            with torch.autocast(args.device, enabled=args.amp):
                loss = crit(net(x.to(args.device)), y.to(args.device))
            opt.zero_grad(); loss.backward(); opt.step()
        sched.step(); print(ep, loss.item())

if __name__ == "__main__":
    main()
