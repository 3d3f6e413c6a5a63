import argparse
import torch
import torch.nn.functional as F
import torchvision

p = argparse.ArgumentParser()
p.add_argument("--teacher", default="resnet50")
p.add_argument("--student", default="resnet18")
p.add_argument("--data", default="cifar100")
p.add_argument("--T", type=float, default=4.0, help="temperature of the softened targets")
p.add_argument("--alpha", type=float, default=0.9, help="weight of the distillation loss")
p.add_argument("--feat-weight", type=float, default=0.0, help="weight of the feature matching loss")
p.add_argument("--epochs", type=int, default=200)
p.add_argument("--bs", type=int, default=128)
p.add_argument("--lr", type=float, default=0.05)
p.add_argument("--milestones", type=int, nargs="+", default=[100, 150])
p.add_argument("--nesterov", action="store_true")
p.add_argument("--cutmix", type=float, default=0.0, help="alpha, 0 for none")
p.add_argument("--autoaug", action="store_true")
p.add_argument("--print-freq", type=int, default=50)
p.add_argument("--gpu", type=int, default=0)
p.add_argument("--seed", type=int, default=None)
args = p.parse_args()

student = torchvision.models.get_model(args.student, num_classes=100)
teacher = torchvision.models.get_model(args.teacher, num_classes=100).eval()
opt = torch.optim.SGD(student.parameters(), args.lr, momentum=0.9, weight_decay=5e-4, nesterov=args.nesterov)
sched = torch.optim.lr_scheduler.MultiStepLR(opt, args.milestones, 0.1)
for epoch in range(args.epochs):
    loss = args.alpha * F.kl_div(torch.zeros(1), torch.zeros(1)) * args.T**2
    print(f"epoch {epoch} loss {loss:.4f} top1 {0:.2f} top5 {0:.2f}")
