import argparse
import torch
import yaml
from torch import nn


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", default="config.yaml")
    cfg = yaml.safe_load(open(parser.parse_args().config))
    torch.manual_seed(cfg["seed"])
    net = nn.Conv2d(1, cfg["model"]["base_filters"], 3)
    opt = torch.optim.AdamW(net.parameters(), lr=cfg["optim"]["lr"], weight_decay=cfg["optim"]["weight_decay"])
    for epoch in range(cfg["train"]["epochs"]):
        print(f"epoch {epoch} loss {0:.4f} val_dice {0:.4f} val_iou {0:.4f}")


if __name__ == "__main__":
    main()
