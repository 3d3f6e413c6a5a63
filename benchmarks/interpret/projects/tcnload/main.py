import torch
import typer
from torch import nn

app = typer.Typer()


@app.command()
def train(
    series: str = typer.Option("data/electricity.csv", help="csv with one column per client"),
    context: int = typer.Option(96, help="hours that are seen"),
    horizon: int = typer.Option(24, help="hours that are predicted"),
    kernel_size: int = 3,
    levels: int = typer.Option(6, help="dilated blocks"),
    filters: int = 32,
    dropout: float = 0.1,
    optimizer: str = "adam",
    lr: float = 1e-3,
    batch_size: int = 128,
    max_epochs: int = 40,
    loss: str = typer.Option("mse", help="mse, mae or quantile"),
    quantiles: str = "0.1,0.5,0.9",
    covariates: bool = typer.Option(True, help="calendar features"),
    weight_norm: bool = True,
    early_stopping: int = typer.Option(5, help="patience"),
    gpu: bool = False,
    log_every: int = 50,
    seed: int = 1,
):
    torch.manual_seed(seed)
    net = nn.Conv1d(1, filters, kernel_size)
    opt = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD, "rmsprop": torch.optim.RMSprop}[optimizer](net.parameters(), lr=lr)
    bad = 0
    for epoch in range(max_epochs):
        print(f"epoch {epoch} train_loss {0:.4f} val_loss {0:.4f} smape {0:.3f}")
        if bad > early_stopping:
            break


if __name__ == "__main__":
    app()
