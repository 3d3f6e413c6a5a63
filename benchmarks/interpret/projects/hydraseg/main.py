import hydra
import torch
from omegaconf import DictConfig


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg: DictConfig):
    torch.manual_seed(cfg.seed)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 19, 1), torch.nn.Dropout(cfg.model.dropout))
    if cfg.optim.name == "adamw":
        opt = torch.optim.AdamW(model.parameters(), lr=cfg.optim.lr, weight_decay=cfg.optim.weight_decay)
    else:
        opt = torch.optim.SGD(model.parameters(), lr=cfg.optim.lr, momentum=cfg.optim.momentum, weight_decay=cfg.optim.weight_decay)
    for epoch in range(cfg.train.epochs):
        x = torch.randn(cfg.data.batch_size, 3, cfg.data.crop, cfg.data.crop)
        y = torch.randint(0, 19, (cfg.data.batch_size, cfg.data.crop, cfg.data.crop))
        loss = torch.nn.functional.cross_entropy(model(x), y, ignore_index=cfg.train.ignore_index)
        opt.zero_grad()
        loss.backward()
        if cfg.train.grad_clip:
            torch.nn.utils.clip_grad_norm_(model.parameters(), cfg.train.grad_clip)
        opt.step()
        if epoch % cfg.eval.every == 0:
            print(f"epoch {epoch} loss {loss.item():.4f} val_miou {0.5:.4f}")


if __name__ == "__main__":
    main()
