import hydra
import torch


@hydra.main(config_path="conf", config_name="config", version_base=None)
def main(cfg):
    torch.manual_seed(cfg.seed)
    model = torch.nn.Linear(cfg.model.width, 10)
    opt = torch.optim.AdamW(
        model.parameters(), lr=cfg.optim.lr, weight_decay=cfg.optim.weight_decay
    )
    for epoch in range(cfg.trainer.max_epochs):
        loss = model(torch.randn(cfg.data.batch_size, cfg.model.width)).pow(2).mean()
        loss.backward()
        opt.step()
        opt.zero_grad()
        print(f"epoch {epoch} val/loss {loss.item()} val/acc 0.5")


if __name__ == "__main__":
    main()
