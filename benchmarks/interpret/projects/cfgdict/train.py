import torch
import torch.nn as nn

CFG = {
    "data": {"path": "data/cifar.npz", "batch_size": 128, "num_workers": 2, "augment": True},
    "model": {"name": "resnet18", "dropout": 0.0, "width": 64},
    "optim": {"name": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4, "nesterov": True},
    "sched": {"name": "cosine", "warmup_epochs": 5, "min_lr": 0.0},
    "train": {"epochs": 60, "amp": True, "label_smoothing": 0.1, "ema": False, "ema_decay": 0.999, "seed": 0},
}


def build(cfg):
    return nn.Sequential(
        nn.Flatten(), nn.Linear(3072, cfg["width"]), nn.ReLU(), nn.Dropout(cfg["dropout"]), nn.Linear(cfg["width"], 10)
    )


def run(cfg):
    torch.manual_seed(cfg["train"]["seed"])
    model = build(cfg["model"])
    o = cfg["optim"]
    if o["name"] == "sgd":
        opt = torch.optim.SGD(
            model.parameters(), lr=o["lr"], momentum=o["momentum"], weight_decay=o["weight_decay"], nesterov=o["nesterov"]
        )
    else:
        opt = torch.optim.AdamW(model.parameters(), lr=o["lr"], weight_decay=o["weight_decay"])
    loss_fn = nn.CrossEntropyLoss(label_smoothing=cfg["train"]["label_smoothing"])
    for epoch in range(cfg["train"]["epochs"]):
        x = torch.randn(cfg["data"]["batch_size"], 3, 32, 32)
        y = torch.randint(0, 10, (len(x),))
        loss = loss_fn(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        print(f"epoch={epoch} train/loss={loss.item():.4f} val/acc={0.1:.4f}")


if __name__ == "__main__":
    run(CFG)
