"""Train a detector on a custom dataset.

Usage: python train.py --data coco128.yaml --weights yolov5s.pt --img 640
"""
import argparse
import math
import os
import random
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import yaml
from torch.optim import SGD, Adam, AdamW, lr_scheduler

ROOT = Path(__file__).parent


def train(hyp, opt, device):
    from det.data import create_dataloader
    from det.loss import ComputeLoss
    from det.model import Model
    from det.val import run as validate

    random.seed(opt.seed); np.random.seed(opt.seed); torch.manual_seed(opt.seed)
    with open(opt.data) as f:
        data = yaml.safe_load(f)
    nc = 1 if opt.single_cls else data["nc"]
    model = Model(opt.cfg or torch.load(opt.weights)["model"].yaml, nc=nc).to(device)
    freeze = [f"model.{x}." for x in (opt.freeze if len(opt.freeze) > 1 else range(opt.freeze[0]))]
    for k, v in model.named_parameters():
        v.requires_grad = not any(x in k for x in freeze)
    cls = {"SGD": SGD, "Adam": Adam, "AdamW": AdamW}[opt.optimizer]
    kw = dict(momentum=hyp["momentum"], nesterov=True) if opt.optimizer == "SGD" else dict(betas=(hyp["momentum"], 0.999))
    optimizer = cls(model.parameters(), lr=hyp["lr0"], weight_decay=hyp["weight_decay"], **kw)
    if opt.cos_lr:
        lf = lambda x: ((1 - math.cos(x * math.pi / opt.epochs)) / 2) * (hyp["lrf"] - 1) + 1
    else:
        lf = lambda x: (1 - x / opt.epochs) * (1.0 - hyp["lrf"]) + hyp["lrf"]
    scheduler = lr_scheduler.LambdaLR(optimizer, lr_lambda=lf)
    loader = create_dataloader(data["train"], opt.imgsz, opt.batch_size, hyp=hyp, augment=True, cache=opt.cache,
                               rect=opt.rect, workers=opt.workers)
    compute_loss = ComputeLoss(model, hyp)
    best, stale = 0, 0
    for epoch in range(opt.epochs):
        model.train()
        for imgs, targets, paths, _ in loader:
            if opt.multi_scale:
                sz = random.randrange(int(opt.imgsz * 0.5), int(opt.imgsz * 1.5) + 32) // 32 * 32
                imgs = nn.functional.interpolate(imgs, size=sz)
            loss, items = compute_loss(model(imgs.to(device).float() / 255), targets.to(device))
            loss.backward(); optimizer.step(); optimizer.zero_grad()
        scheduler.step()
        if not opt.noval or epoch == opt.epochs - 1:
            p, r, map50, map95 = validate(data, model=model, iou_thres=0.6)
            print(f"epoch {epoch} P {p:.4f} R {r:.4f} mAP50 {map50:.4f} mAP50-95 {map95:.4f}")
            stale = 0 if map95 > best else stale + 1
            best = max(best, map95)
            if stale >= opt.patience:
                break


def parse_opt():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", type=str, default=ROOT / "yolov5s.pt", help="initial weights path")
    parser.add_argument("--cfg", type=str, default="", help="model.yaml path")
    parser.add_argument("--data", type=str, default=ROOT / "data/coco128.yaml", help="dataset.yaml path")
    parser.add_argument("--hyp", type=str, default=ROOT / "hyp.yaml", help="hyperparameters path")
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--batch-size", type=int, default=16, help="total batch size for all GPUs, -1 for autobatch")
    parser.add_argument("--imgsz", "--img", "--img-size", type=int, default=640, help="train, val image size (pixels)")
    parser.add_argument("--rect", action="store_true", help="rectangular training")
    parser.add_argument("--noval", action="store_true", help="only validate final epoch")
    parser.add_argument("--cache", type=str, nargs="?", const="ram", help="image --cache ram/disk")
    parser.add_argument("--device", default="", help="cuda device, i.e. 0 or 0,1,2,3 or cpu")
    parser.add_argument("--multi-scale", action="store_true", help="vary img-size +/- 50%%")
    parser.add_argument("--single-cls", action="store_true", help="train multi-class data as single-class")
    parser.add_argument("--optimizer", type=str, choices=["SGD", "Adam", "AdamW"], default="SGD", help="optimizer")
    parser.add_argument("--workers", type=int, default=8, help="max dataloader workers")
    parser.add_argument("--cos-lr", action="store_true", help="cosine LR scheduler")
    parser.add_argument("--patience", type=int, default=100, help="EarlyStopping patience (epochs without improvement)")
    parser.add_argument("--freeze", nargs="+", type=int, default=[0], help="Freeze layers: backbone=10, first3=0 1 2")
    parser.add_argument("--seed", type=int, default=0, help="Global training seed")
    return parser.parse_args()


if __name__ == "__main__":
    opt = parse_opt()
    with open(opt.hyp) as f:
        hyp = yaml.safe_load(f)
    train(hyp, opt, torch.device("cpu" if opt.device == "cpu" else "cuda"))
