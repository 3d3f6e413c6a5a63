import click
import torch


@click.command()
@click.option("--model-name", default="distilbert-base-uncased")
@click.option("--learning-rate", "-l", type=float, default=5e-5, show_default=True)
@click.option("--train-batch-size", type=int, default=16)
@click.option("--eval-batch-size", type=int, default=64)
@click.option("--max-seq-length", type=int, default=128)
@click.option("--num-epochs", type=int, default=3)
@click.option("--warmup-ratio", type=float, default=0.06)
@click.option("--weight-decay", type=float, default=0.01)
@click.option("--scheduler", type=click.Choice(["linear", "cosine", "constant"]), default="linear")
@click.option("--grad-accum", type=int, default=1)
@click.option("--fp16/--no-fp16", default=False)
@click.option("--freeze-encoder", is_flag=True)
@click.option("--task", type=click.Choice(["sst2", "mnli", "cola"]), default="sst2")
@click.option("--seed", type=int, default=42)
def main(**options):
    torch.manual_seed(options["seed"])
    model = torch.nn.Linear(8, 2)
    opt = torch.optim.AdamW(model.parameters(), lr=options["learning_rate"])
    for epoch in range(options["num_epochs"]):
        loss = model(torch.randn(4, 8)).sum()
        loss.backward()
        opt.step()
        print({"eval_f1": 0.5, "eval_loss": loss.item()})


if __name__ == "__main__":
    main()
