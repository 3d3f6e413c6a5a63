import hydra
import torch


@hydra.main(config_path="configs", config_name="config", version_base=None)
def main(cfg):
    torch.manual_seed(cfg.seed)
    model = torch.nn.Linear(cfg.model.hidden_channels, 7)
    optimizer = torch.optim.Adam(model.parameters(), lr=cfg.optim.lr, weight_decay=cfg.optim.weight_decay)
    for epoch in range(cfg.train.epochs):
        loss = model(torch.randn(8, cfg.model.hidden_channels)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"val_acc: 0.5 test_acc: 0.5 train_loss: {loss.item()}")


if __name__ == "__main__":
    main()
