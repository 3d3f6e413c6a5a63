import sys

import albumentations as A
import segmentation_models_pytorch as smp
import torch
import yaml
from torch.utils.data import DataLoader, random_split

from dataset import MaskFolder
from losses import build_loss

ARCHS = {"unet": smp.Unet, "unetpp": smp.UnetPlusPlus, "deeplabv3p": smp.DeepLabV3Plus, "fpn": smp.FPN}


def transforms(c, size):
    t = [A.Resize(size, size)]
    if c["hflip"]:
        t.append(A.HorizontalFlip())
    if c["vflip"]:
        t.append(A.VerticalFlip())
    if c["rotate"]:
        t.append(A.Rotate(c["rotate"]))
    if c["elastic"]:
        t.append(A.ElasticTransform())
    if c["color_jitter"]:
        j = c["color_jitter"]
        t.append(A.ColorJitter(j, j, j, 0))
    return A.Compose(t)


def make_scheduler(opt, c, n):
    if c["scheduler"] == "poly":
        return torch.optim.lr_scheduler.PolynomialLR(opt, n, power=0.9)
    if c["scheduler"] == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(opt, n)
    return torch.optim.lr_scheduler.ReduceLROnPlateau(opt, patience=5)


def iou_dice(p, y, thr):
    p = p.sigmoid() > thr
    y = y > 0.5
    inter = (p & y).sum().item()
    return inter / max((p | y).sum().item(), 1), 2 * inter / max(p.sum().item() + y.sum().item(), 1)


def main(path="config.yaml"):
    with open(path) as f:
        cfg = yaml.safe_load(f)
    t, m = cfg["train"], cfg["model"]
    torch.manual_seed(t["seed"])
    ds = MaskFolder(cfg["data"]["root"], transforms(cfg["augment"], cfg["data"]["img_size"]), cfg["data"]["cache"])
    nv = int(len(ds) * cfg["data"]["val_split"])
    tr, va = random_split(ds, [len(ds) - nv, nv])
    kw = dict(batch_size=t["batch_size"], num_workers=cfg["data"]["num_workers"])
    trl, val = DataLoader(tr, shuffle=True, **kw), DataLoader(va, **kw)
    net = ARCHS[m["arch"]](m["encoder"], encoder_weights=m["encoder_weights"], classes=1).cuda()
    groups = [{"params": net.encoder.parameters(), "lr": t["lr"] * t["encoder_lr_mult"]},
              {"params": net.decoder.parameters()}, {"params": net.segmentation_head.parameters()}]
    if t["optimizer"] == "adamw":
        opt = torch.optim.AdamW(groups, lr=t["lr"], weight_decay=t["weight_decay"])
    else:
        opt = torch.optim.SGD(groups, lr=t["lr"], momentum=0.9, weight_decay=t["weight_decay"])
    sched = make_scheduler(opt, t, t["epochs"])
    crit = build_loss(cfg["loss"])
    for epoch in range(t["epochs"]):
        for p in net.encoder.parameters():
            p.requires_grad = epoch >= t["freeze_encoder_epochs"]
        net.train()
        for x, y in trl:
            with torch.autocast("cuda", enabled=t["amp"]):
                loss = crit(net(x.cuda()), y.cuda())
            opt.zero_grad(); loss.backward(); opt.step()
        net.eval()
        s = []
        with torch.no_grad():
            for x, y in val:
                p = net(x.cuda())
                if cfg["tta"]:
                    p = (p + net(x.cuda().flip(-1)).flip(-1)) / 2
                s.append(iou_dice(p.cpu(), y, cfg["threshold"]))
        iou, dsc = (sum(v) / len(s) for v in zip(*s))
        sched.step(loss) if t["scheduler"] == "plateau" else sched.step()
        print(f"epoch {epoch:03d} train_loss={loss.item():.4f} val_iou={iou:.4f} val_dice={dsc:.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
