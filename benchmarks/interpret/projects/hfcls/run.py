import numpy as np
from dataclasses import dataclass, field
from datasets import load_dataset
from transformers import (AutoModelForSequenceClassification, AutoTokenizer, HfArgumentParser, Trainer,
                          TrainingArguments, set_seed)


@dataclass
class ModelArgs:
    model_name_or_path: str = field(default="bert-base-uncased", metadata={"help": "checkpoint to start from"})
    freeze_encoder: bool = field(default=False, metadata={"help": "train only the classification head"})
    classifier_dropout: float = field(default=0.1, metadata={"help": "dropout before the head"})


@dataclass
class DataArgs:
    dataset_name: str = field(default="imdb", metadata={"help": "dataset of the hub"})
    max_seq_length: int = field(default=256, metadata={"help": "tokens after which texts are cut"})
    max_train_samples: int = field(default=None, metadata={"help": "train on fewer examples"})
    pad_to_max_length: bool = field(default=False, metadata={"help": "pad all to the same length"})


def main():
    model_args, data_args, training_args = HfArgumentParser((ModelArgs, DataArgs, TrainingArguments)).parse_args_into_dataclasses()
    set_seed(training_args.seed)
    raw = load_dataset(data_args.dataset_name)
    tok = AutoTokenizer.from_pretrained(model_args.model_name_or_path)
    model = AutoModelForSequenceClassification.from_pretrained(model_args.model_name_or_path)
    if model_args.freeze_encoder:
        model.base_model.requires_grad_(False)
    data = raw.map(lambda b: tok(b["text"], truncation=True, max_length=data_args.max_seq_length), batched=True)
    train = data["train"].select(range(data_args.max_train_samples)) if data_args.max_train_samples else data["train"]
    trainer = Trainer(model, training_args, train_dataset=train, eval_dataset=data["test"], compute_metrics=lambda p: {"accuracy": float((p.predictions.argmax(-1) == p.label_ids).mean())})
    trainer.train()
    print(trainer.evaluate())


if __name__ == "__main__":
    main()
