import click
import torch
from torch import nn


@click.command()
@click.option("--dataset", default="esol", type=click.Choice(["esol", "freesolv", "lipo", "zinc"]))
@click.option("--conv", default="gin", type=click.Choice(["gin", "gcn", "gat", "pna"]), help="message passing")
@click.option("--layers", default=5, help="rounds of message passing")
@click.option("--hidden", default=128)
@click.option("--readout", default="mean", type=click.Choice(["mean", "sum", "max"]))
@click.option("--virtual-node/--no-virtual-node", default=False)
@click.option("--edge-features/--no-edge-features", default=True)
@click.option("--dropout", default=0.0)
@click.option("--lr", default=1e-3)
@click.option("--weight-decay", default=0.0)
@click.option("--batch-size", default=64)
@click.option("--epochs", default=300)
@click.option("--lr-patience", default=15, help="epochs without gain before the lr is cut")
@click.option("--lr-factor", default=0.5, help="by which the lr is cut")
@click.option("--min-lr", default=1e-5)
@click.option("--split", default="scaffold", type=click.Choice(["scaffold", "random"]))
@click.option("--seed", default=0)
@click.option("--device", default="cpu")
def main(**opt):
    torch.manual_seed(opt["seed"])
    net = nn.Linear(9, opt["hidden"])
    optimizer = torch.optim.Adam(net.parameters(), lr=opt["lr"], weight_decay=opt["weight_decay"])
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=opt["lr_factor"], patience=opt["lr_patience"], min_lr=opt["min_lr"])
    for epoch in range(opt["epochs"]):
        val_rmse = 0.0
        plateau.step(val_rmse)
        print(f"epoch {epoch} train_loss {0:.4f} val_rmse {val_rmse:.4f}")


if __name__ == "__main__":
    main()
