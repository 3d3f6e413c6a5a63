import torch
import typer

app = typer.Typer()


@app.command()
def main(
    arch: str = typer.Option("resnet18", help="Backbone."),
    dataset: str = "cifar10",
    image_size: int = 32,
    lr: float = 0.1,
    momentum: float = 0.9,
    wd: float = 5e-4,
    bs: int = 128,
    epochs: int = 200,
    warmup_epochs: int = 5,
    mixup: float = 0.0,
    cutmix: float = 0.0,
    ema: bool = False,
    nesterov: bool = True,
    pretrained: bool = False,
    amp: bool = True,
    seed: int = 0,
):
    torch.manual_seed(seed)
    model = torch.nn.Linear(3, 10)
    opt = torch.optim.SGD(
        model.parameters(), lr=lr, momentum=momentum, weight_decay=wd, nesterov=nesterov
    )
    for _ in range(epochs):
        loss = model(torch.randn(bs, 3)).sum()
        loss.backward()
        opt.step()
        print(f"val_top1: 0.5 val_loss: {loss.item()}")


if __name__ == "__main__":
    app()
