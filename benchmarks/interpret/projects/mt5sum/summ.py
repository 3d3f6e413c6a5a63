import click
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, Seq2SeqTrainer, Seq2SeqTrainingArguments


@click.command(context_settings={"show_default": True})
@click.option("--model", "model_name", default="google/mt5-small")
@click.option("--dataset", default="xsum")
@click.option("--prefix", default="summarize: ", help="put before each text")
@click.option("--max-source", default=512, help="tokens of the input")
@click.option("--max-target", default=64, help="tokens of the summary")
@click.option("--beams", default=4)
@click.option("--length-penalty", default=1.0)
@click.option("--no-repeat-ngram", default=3)
@click.option("--lr", default=3e-4)
@click.option("--epochs", default=3)
@click.option("--train-bs", default=8)
@click.option("--eval-bs", default=16)
@click.option("--accum", default=4, help="batches per update")
@click.option("--warmup-ratio", default=0.1)
@click.option("--label-smoothing", default=0.0)
@click.option("--bf16", is_flag=True)
@click.option("--freeze-encoder", is_flag=True)
@click.option("--max-train", default=None, type=int, help="use only so many examples")
@click.option("--out", default="runs/mt5")
@click.option("--seed", default=42)
def main(model_name, dataset, **o):
    tok = AutoTokenizer.from_pretrained(model_name)
    model = AutoModelForSeq2SeqLM.from_pretrained(model_name)
    args = Seq2SeqTrainingArguments(o["out"], learning_rate=o["lr"], num_train_epochs=o["epochs"], per_device_train_batch_size=o["train_bs"], seed=o["seed"], predict_with_generate=True)
    trainer = Seq2SeqTrainer(model, args)
    trainer.train()
    print("rouge1", 0.0, "rougeL", 0.0)


if __name__ == "__main__":
    main()
