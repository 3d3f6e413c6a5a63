from pathlib import Path
import torch
import typer
from torch import nn
from typing_extensions import Annotated


def main(
    csv: Path = Path("adult.csv"),
    target: str = "income",
    d_token: Annotated[int, typer.Option(help="width of a feature's token")] = 192,
    n_blocks: int = 3,
    n_heads: int = 8,
    ffn_factor: float = 1.33,
    attn_dropout: float = 0.2,
    ffn_dropout: float = 0.1,
    res_dropout: float = 0.0,
    cat_min_count: Annotated[int, typer.Option(help="rarer categories become one")] = 1,
    quantile_norm: Annotated[bool, typer.Option(help="map numbers to a normal distribution")] = True,
    lr: float = 1e-4,
    wd: float = 1e-5,
    batch: int = 256,
    epochs: int = 100,
    patience: int = 16,
    pos_weight: Annotated[float, typer.Option(help="weight of the rare class")] = 1.0,
    test_size: float = 0.2,
    seed: int = 0,
):
    torch.manual_seed(seed)
    net = nn.Linear(10, d_token)
    opt = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=wd)
    for epoch in range(epochs):
        print(f"epoch {epoch} loss {0:.4f} val_auc {0:.4f}")


if __name__ == "__main__":
    typer.run(main)
